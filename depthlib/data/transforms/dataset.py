"""Transforms in a loader's workers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from torch import Tensor
from torch.utils.data import Dataset, default_collate

from depthlib.data.transforms.base import Transform
from depthlib.data.transforms.draws import generator_of
from depthlib.data.transforms.fields import GRID, Sample


class Transformed(Dataset):
    """A data set whose items are transformed as they are read.

    An index is a position, or (position, step) as `StepSampler` gives it; the draw is a function of (seed, step,
    position) alone, independent of the worker. A position alone means step 0: the same draw every time.

    Args:
        dataset: a map-style set of samples. transform: applied to each. seed: of the draws.
    """

    def __init__(self, dataset: Dataset, transform: Transform, seed: int) -> None:
        self.dataset, self.transform, self.seed = dataset, transform, seed

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int | tuple[int, int]) -> Sample:
        position, step = index if isinstance(index, tuple) else (index, 0)
        position = range(len(self))[position]  # -1 is the last item, with the last item's draw
        return self.transform(self.dataset[position], generator_of(self.seed, step, position))

    def fingerprint(self) -> str:
        """SHA-256 of the data, the transform's settings and the seed."""
        text = f"{self.dataset.fingerprint()} {self.transform!r} {self.seed}"  # type: ignore[attr-defined]
        return hashlib.sha256(text.encode()).hexdigest()


class StepSampler:
    """Batches of positions become batches of (position, step), for `Transformed`.

    Args:
        batches: a batch sampler, such as the training loop's `BatchOrder`.
        first: number of the first batch's step; a resumed run starts where it stopped.
    """

    def __init__(self, batches: Iterable[Sequence[int]], first: int = 0) -> None:
        self.batches, self.first = batches, first

    def __len__(self) -> int:
        return len(self.batches)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step, batch in enumerate(self.batches, start=self.first):
            yield [(position, step) for position in batch]


def collate(items: Sequence[Sample]) -> Sample:
    """The batch of some items, as a DataLoader's `collate_fn`: torch's own, with errors that say what to do.

    Raises:
        ValueError: sizes differ between the items (those of KITTI's days do), or a key is in some of them only.
    """
    for key in dict.fromkeys(key for item in items for key in item):
        values = [item[key] for item in items if key in item]
        if len(values) < len(items):
            raise ValueError(f"{key}: found in {len(values)} of {len(items)} items of one batch, expected all or none")
        sizes = dict.fromkeys("x".join(map(str, value.shape[-2:])) for value in values if isinstance(value, Tensor))
        if len(sizes) > 1:
            remedy = "; add a RandomCrop or Resize" if key in GRID else ""
            raise ValueError(f"{key}: found sizes {', '.join(sizes)} in one batch, expected one size{remedy}")
    return default_collate(list(items))
