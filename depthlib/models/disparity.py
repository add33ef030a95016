"""Decoder of the self-supervised networks: up-sampling with skip connections, inverse depth on four scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.blocks import start_constant

DECODER_WIDTHS = (256, 128, 64, 32, 16)
NEAREST = 1 / 10.01  # with max_depth 100: inverse depth 10 sigmoid(z) + 0.01, as SfMLearner; monodepth2 has 0.1
START = 0.1  # factor on the initial weights of a head (DN-9): a saturated sigmoid may leave depth constant


class Prediction(NamedTuple):
    """Output for a batch of images [B,3,H,W].

    Attributes:
        disparities: inverse depth, 1/metres up to a scale, at 1/1, 1/2, 1/4 and 1/8 of the image: [B,1,H/2^s,W/2^s].
        features: output of the last decoder layer, [B,C,H,W], C = 16 at full width; f of Eq. 8 of the dual networks.
    """

    disparities: list[Tensor]
    features: Tensor


class ConvELU(nn.Sequential):
    """Convolution with reflection padding (Sec. 4.5), bias, no norm, then ELU. H and W at least k // 2 + 1."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1) -> None:
        super().__init__(_conv(in_channels, out_channels, kernel_size, stride), nn.ELU(inplace=True))


class DisparityHead(nn.Module):
    """[B,C,H,W] -> inverse depth [B,1,H,W] = 1/max_depth + (1/min_depth - 1/max_depth) sigmoid(z), in full precision.

    Its weights start small, so that depth starts in the middle of its range everywhere (DN-9).
    """

    def __init__(self, in_channels: int, min_depth: float, max_depth: float) -> None:
        super().__init__()
        self.conv = _conv(in_channels, 1, 3)
        with torch.no_grad():
            self.conv.weight.mul_(START)
        self.offset, self.scale = 1 / max_depth, 1 / min_depth - 1 / max_depth

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            z = self.conv(features.to(self.conv.weight.dtype))
        return self.offset + self.scale * z.sigmoid()

    def start_at(self, depth: float) -> None:
        """Give `depth` metres everywhere, see `start_constant`. Raises ValueError for a depth outside the bounds."""
        share = (1 / depth - self.offset) / self.scale
        if not 0 < share < 1:
            low, high = 1 / (self.offset + self.scale), 1 / self.offset
            raise ValueError(f"depth: found {depth:g} m, expected one inside {low:g} to {high:g} m")
        start_constant(self.conv, math.log(share / (1 - share)))


class DisparityDecoder(nn.Module):
    """Five stages, each: convolution, nearest x2, concatenate the skip, convolution.

    forward: maps of an encoder, finest first, [B,channels[i],H/2^(i+1),W/2^(i+1)] -> `Prediction`.

    Args:
        channels: of the five maps.
        widths: channels of the five stages, coarsest first.
        min_depth, max_depth: metres; bounds of the depth, see `DisparityHead`.
        bottleneck: one more 3x3 convolution on the deepest map (fits the ResNet-18 row of Table 7; DN-13).

    Raises ValueError unless 0 < min_depth < max_depth.
    """

    def __init__(
        self,
        channels: Sequence[int],
        widths: Sequence[int] = DECODER_WIDTHS,
        *,
        min_depth: float = NEAREST,
        max_depth: float = 100.0,
        bottleneck: bool = False,
    ) -> None:
        super().__init__()
        if not 0 < min_depth < max_depth:
            raise ValueError(
                f"min_depth, max_depth: found {min_depth} and {max_depth}, expected 0 < min_depth < max_depth"
            )
        skips = [*reversed(channels[:-1]), 0]
        self.bottleneck = ConvELU(channels[-1], channels[-1]) if bottleneck else nn.Identity()
        self.reduce = nn.ModuleList(ConvELU(i, o) for i, o in zip([channels[-1], *widths[:-1]], widths, strict=True))
        self.fuse = nn.ModuleList(ConvELU(o + skip, o) for o, skip in zip(widths, skips, strict=True))
        self.heads = nn.ModuleList(DisparityHead(width, min_depth, max_depth) for width in widths[1:])

    def forward(self, maps: Sequence[Tensor]) -> Prediction:
        x = self.bottleneck(maps[-1])
        disparities = []
        for stage in range(len(maps)):
            x = F.interpolate(self.reduce[stage](x), scale_factor=2, mode="nearest")
            if stage < len(maps) - 1:
                x = torch.cat([x, maps[-2 - stage]], dim=1)
            x = self.fuse[stage](x)
            if stage:
                disparities.append(self.heads[stage - 1](x))
        return Prediction(disparities[::-1], x)


def scaled(widths: Sequence[int], factor: float) -> list[int]:
    """Channels times `factor`, at least 2."""
    return [max(2, round(width * factor)) for width in widths]


def _conv(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, padding_mode="reflect")
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv
