"""Base class and composition of transforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from depthlib.data.transforms.draws import Draw, Generators, draws
from depthlib.data.transforms.fields import Sample, as_batch, as_item


class Transform:
    """A callable `transform(sample, generator)`; subclasses change a batch, and a single item is a batch of one."""

    def __call__(self, sample: Sample, generator: Generators = None) -> Sample:
        """The transformed sample.

        Args:
            sample: a single item (`image` [3,H,W]) or a batch ([B,3,H,W]) on any device.
            generator: for an item a torch.Generator; for a batch one for each image (`generators`), or a single one for
                all images in turn. Fixed transforms need none.

        Raises:
            TypeError, ValueError: another sample or generator; the message names what was found and expected.
        """
        batch, single = as_batch(sample)
        out = self.apply(batch, draws(generator, batch["image"].shape[0]))
        return as_item(out) if single else out

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        """A new batch; `draw(n)` gives [B,n] uniform numbers."""
        raise NotImplementedError


@dataclass(frozen=True)
class Compose(Transform):
    """Transforms one after the other."""

    steps: Sequence[Transform]

    def __call__(self, sample: Sample, generator: Generators = None) -> Sample:
        for step in self.steps:
            sample = step(sample, generator)
        return sample


@dataclass(frozen=True)
class Drop(Transform):
    """Remove these keys, for example labels in self-supervised training. Absent keys are no error."""

    keys: Sequence[str]

    def __post_init__(self) -> None:
        if isinstance(self.keys, str) or "image" in self.keys:
            raise ValueError(f"keys: found {self.keys!r}, expected several names, 'image' not among them")

    def __call__(self, sample: Sample, generator: Generators = None) -> Sample:
        return {key: value for key, value in sample.items() if key not in self.keys}
