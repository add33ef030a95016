"""Frames as the network of Look Deeper sees them: at another size and, for NYU, without the border."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils.data import Dataset

from depthlib.data.changed import Changed
from depthlib.data.transforms import CenterCrop, Compose, Resize, Transform

CAMERA = ("image", "K")


class Seen(Changed):
    """The same frames, the image resized and its centre cut out; the truth keeps its own frame, or goes with it.

    With the truth in its own frame, errors are measured there, under a protocol that says which region a prediction
    shows. With it at the size of the image, measures that compare pixel by pixel apply.

    Args:
        dataset: items with `image` [3,H,W].
        size: height and width after resizing (Look Deeper Sec. 4.1: half size).
        crop: height and width of the centre that is seen (erratum LD-18); None for all of it.
        truth: whether depth and labels are brought to the size of the image, by the nearest pixel.
    """

    def __init__(
        self, dataset: Dataset, *, size: Sequence[int], crop: Sequence[int] | None = None, truth: bool = False
    ) -> None:
        super().__init__(dataset)
        steps: list[Transform] = [Resize(tuple(size))]  # type: ignore[arg-type]
        steps += [CenterCrop(tuple(crop))] if crop else []  # type: ignore[arg-type]
        self.view, self.truth = Compose(steps), truth
        self.what = f"{'frames' if truth else 'images'} at {list(size)}, centre {list(crop or size)}, of "

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        return self.view(item if self.truth else {name: item[name] for name in CAMERA if name in item})
