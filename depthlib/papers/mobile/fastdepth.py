"""NYUv2 as FastDepth trains on it and tests, with which Tables 1 and 2 are compared (erratum MB-18).

480 x 640 frames are reduced to 250 rows and turned; the scene is brought nearer by a factor; the centre of 228 x 304
is squeezed to 224 x 224; colours change. All by the nearest pixel but for the turn, whose images are bilinear here. The
window of the enlarged picture is drawn at random before its centre is taken.
"""

from __future__ import annotations

from typing import Any

from torch.utils.data import Dataset

from depthlib.base.build import Build
from depthlib.data.changed import Changed
from depthlib.data.transforms import CenterCrop, ColourJitter, Compose, RandomRotate, RandomScaleDepth, Resize

REDUCED, CENTRE, SIZE = (250, 333), (228, 304), (224, 224)
JITTER = {"brightness": (0.6, 1.4), "contrast": (0.6, 1.4), "saturation": (0.6, 1.4)}
AUGMENTATION = (
    Build.of(Resize, size=REDUCED, image="nearest"),
    Build.of(RandomRotate, degrees=(-5.0, 5.0)),
    Build.of(RandomScaleDepth, scale=(1.0, 1.5)),
    Build.of(CenterCrop, size=CENTRE),
    Build.of(Resize, size=SIZE, image="nearest"),
    Build.of(ColourJitter, **JITTER),
)  # besides the flips of the plan


class FastDepthView(Changed):
    """Frames as FastDepth tests on them: 224 x 224, image and truth alike."""

    what = "224 x 224 as FastDepth's, of "

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self.view = Compose((Resize(REDUCED, image="nearest"), CenterCrop(CENTRE), Resize(SIZE, image="nearest")))

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        return self.view(item)
