"""A coarse classifier of image cells, to pretrain the students' encoder where there are no ImageNet weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from depthlib.models.blocks import check_image
from depthlib.models.full_precision import FullPrecision
from depthlib.papers.mobile.encoders import MobileEncoder


class MobileClasses(nn.Module):
    """A `MobileEncoder` and one 1x1 convolution: image [B,3,H,W], RGB in [0,1], sides multiples of 32 -> logits
    [B,classes,H/32,W/32].

    Args:
        encoder: see `MobileEncoder`; without its head, as in the students.
        classes: number of classes.

    Raises ValueError for an unknown encoder, and in forward for unfit sides.
    """

    def __init__(self, *, encoder: str = "mobilenet_v2", classes: int, **options: Any) -> None:
        super().__init__()
        self.encoder = MobileEncoder(encoder, head=False, **options)
        self.last = FullPrecision(nn.Conv2d(self.encoder.channels, classes, 1))

    @property
    def trunk(self) -> nn.Module:
        """The part with ImageNet weights."""
        return self.encoder

    def forward(self, image: Tensor) -> Tensor:
        check_image(image, 32)
        return self.last(self.encoder(image).deepest)
