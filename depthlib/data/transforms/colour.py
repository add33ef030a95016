"""Photometric augmentation: colours change, geometry does not."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from depthlib.data.transforms.base import Transform
from depthlib.data.transforms.draws import Draw, between
from depthlib.data.transforms.fields import IMAGES, Sample, per_image

Range = tuple[float, float]
SAME = (1.0, 1.0)


@dataclass(frozen=True)
class ColourJitter(Transform):
    """Random brightness, contrast, saturation, hue and channel gains, in a random order, with probability `p`.

    All views of a sample undergo the same colour transform, so that corresponding colours stay equal: they share the
    factors, and contrast is relative to the mean grey of all views together.

    Args:
        brightness, contrast, saturation: ranges of factors, (0.9, 1.1) in DACNN (Sec. 4; erratum D17), (0.6, 1.4) in
            FastDepth.
        hue: range of shifts, in turns, within -0.5 to 0.5.
        gain: range of factors drawn for R, G and B separately ((0.8, 1.2) in Look Deeper, Sec. 4.1).
        p: probability per image. For separate probabilities use several `ColourJitter`.

    Raises:
        ValueError: another range.
    """

    brightness: Range = SAME
    contrast: Range = SAME
    saturation: Range = SAME
    hue: Range = (0.0, 0.0)
    gain: Range = SAME
    p: float = 1.0

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation", "gain"):
            low, high = getattr(self, name)
            if not 0 <= low <= high < float("inf"):
                raise ValueError(f"{name}: found {(low, high)}, expected (low, high) with 0 <= low <= high")
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ValueError(f"hue: found {self.hue}, expected (low, high) with -0.5 <= low <= high <= 0.5")
        if not 0 <= self.p <= 1:
            raise ValueError(f"p: found {self.p!r}, expected a probability, 0 to 1")

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        numbers = draw(13)  # 1 whether, 4 factors, 3 gains, 5 the order
        chosen = (numbers[:, 0] < self.p).tolist()
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        factors = torch.stack([between(numbers[:, 1 + i], *ranges[i]) for i in range(4)], dim=1).tolist()
        gains = between(numbers[:, 5:8], *self.gain)
        order = numbers[:, 8:].argsort(dim=1).tolist()
        views = [key for key in IMAGES if key in batch]

        def change(one: Sample, i: int) -> Sample:
            if not chosen[i]:
                return one
            # Views side by side as one image, so that torchvision computes contrast about their common mean.
            strip = torch.cat([one[view].flatten(2) for view in views], dim=2).unsqueeze(2)
            strip = self._coloured(strip, factors[i], gains[i], order[i])
            parts = strip.squeeze(2).split([one[view][0, 0].numel() for view in views], dim=2)
            return one | {view: part.reshape_as(one[view]) for view, part in zip(views, parts, strict=True)}

        return per_image(batch, change)

    def _coloured(self, strip: Tensor, factors: list[float], gains: Tensor, order: list[int]) -> Tensor:
        from torchvision.transforms.v2 import functional

        brightness, contrast, saturation, hue = factors
        # a step whose range is a single neutral value is skipped: hue costs a conversion
        for which in order:
            if which == 0 and self.brightness != SAME:
                strip = functional.adjust_brightness(strip, brightness)
            elif which == 1 and self.contrast != SAME:
                strip = functional.adjust_contrast(strip, contrast)
            elif which == 2 and self.saturation != SAME:
                strip = functional.adjust_saturation(strip, saturation)
            elif which == 3 and self.hue != (0.0, 0.0):
                strip = functional.adjust_hue(strip, hue)
            elif which == 4 and self.gain != SAME:
                strip = (strip * gains.to(strip).view(3, 1, 1)).clamp(0, 1)
        return strip
