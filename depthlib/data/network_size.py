"""Test sets whose frames have a size that a network does not take."""

from __future__ import annotations

import hashlib
from typing import Any

from torch.utils.data import Dataset

from depthlib.data.transforms import resize

CAMERA = ("image", "K")


class AtNetworkSize(Dataset):
    """The same frames, the image at a size that a network takes; the truth keeps its own, at which errors are measured.

    A protocol brings the prediction to the size of the truth. The image is resized bilinearly, antialiased where it
    shrinks, and `K` with it.

    Args:
        dataset: items with `image` [3,H,W] and, as far as they have it, `K` [3,3].
        size: height and width; or
        multiple: of which both sides become the next larger ones: 375 x 1242 is 384 x 1248 for 16.

    Raises:
        ValueError: both or none of `size` and `multiple`, or a multiple below 1.
    """

    def __init__(self, dataset: Dataset, *, size: tuple[int, int] | None = None, multiple: int | None = None) -> None:
        if (size is None) == (multiple is None) or (multiple is not None and multiple < 1):
            raise ValueError(f"size, multiple: found {size} and {multiple}, expected a size or a multiple above 0")
        self.dataset, self.size, self.multiple = dataset, size, multiple

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.dataset[index]
        height, width = item["image"].shape[-2:]
        size = self.size or (height + -height % self.multiple, width + -width % self.multiple)
        if tuple(size) == (height, width):
            return item
        resized = resize({name: item[name][None] for name in CAMERA if name in item}, tuple(size))
        return item | {name: value[0] for name, value in resized.items()}

    def fingerprint(self) -> str:
        """SHA-256 of the data and the size."""
        text = f"{self.dataset.fingerprint()} image at {self.size or f'multiples of {self.multiple}'}"  # type: ignore[attr-defined]
        return hashlib.sha256(text.encode()).hexdigest()
