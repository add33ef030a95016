"""The decoder of the mobile paper: up-sampling FBNet blocks, each followed by a skip connection from the encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FUSIONS = ("concat", "add")
ENLARGE = ("nearest", "bilinear")
MIDDLES = ("input", "output")


class FBNetBlock(nn.Module):
    """Expand, up-sample, depthwise convolution, project: [B,I,h,w] -> [B,O,h,w], or [B,O,2h,2w] with `up`. Fig. 2.

    1x1 convolution to `expansion` times the channels, norm, ReLU; size times 2; depthwise convolution, norm, ReLU; 1x1
    convolution, norm. No activation after the last norm: the output may be negative. No biases. Erratum MB-8.

    Args:
        expansion: of the channels in the middle, which are rounded to a multiple of 8.
        middle: what is expanded, the channels of the "input" as in FBNet or of the "output".
        kernel: side of the depthwise convolution.
        shortcut: add a 1x1 convolution of the input, up-sampled likewise.
        enlarge: "nearest" or "bilinear", which some phones compute faster.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        up: bool,
        expansion: int = 3,
        middle: str = "input",
        kernel: int = 5,
        shortcut: bool = True,
        enlarge: str = "nearest",
    ) -> None:
        super().__init__()
        mid = max(8, round(expansion * (in_channels if middle == "input" else out_channels) / 8) * 8)
        self.expand = nn.Sequential(
            nn.Conv2d(in_channels, mid, 1, bias=False), nn.BatchNorm2d(mid), nn.ReLU(inplace=True)
        )
        self.project = nn.Sequential(
            nn.Conv2d(mid, mid, kernel, padding=kernel // 2, groups=mid, bias=False),
            nn.BatchNorm2d(mid),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1, bias=False) if shortcut else None
        self.up, self.enlarge = up, enlarge

    def forward(self, x: Tensor) -> Tensor:
        output = self.project(self._enlarged(self.expand(x)))
        return output if self.shortcut is None else output + self._enlarged(self.shortcut(x))

    def _enlarged(self, x: Tensor) -> Tensor:
        return enlarged(x, self.enlarge) if self.up else x


class FBNetDecoder(nn.Module):
    """A level for each skip, coarsest first, and with `full` one more at the size of the image. Sec. 3.1; erratum MB-8.

    forward: skips, finest first, and the deepest map, at 1/32 -> the outputs of the levels, the last one being the
    features [B,out_channels,H/2,W/2], or [B,out_channels,H,W] if full. With MobileNetV2 (skips of 16, 24, 32, 64 and 96
    channels, the last two of the same size) the levels have 192, 128, 64, 48 and 32 channels, and full 16 more.

    Args:
        channels, strides: of the skips, finest first.
        in_channels: of the deepest map.
        fuse: "concat" or "add" the skip to the output of a level, which has as many channels.
        full: add a level at full size. The paper's choice has none, "x112".
        blocks: of each level; the first one doubles the size.
        block_options: see `FBNetBlock`.

    Raises ValueError for unfit options.
    """

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int],
        in_channels: int,
        *,
        fuse: str = "concat",
        full: bool = False,
        blocks: int = 1,
        enlarge: str = "nearest",
        expansion: int = 3,
        middle: str = "input",
        kernel: int = 5,
        shortcut: bool = True,
    ) -> None:
        super().__init__()
        for option, value, known in (
            ("fuse", fuse, FUSIONS),
            ("enlarge", enlarge, ENLARGE),
            ("middle", middle, MIDDLES),
        ):
            if value not in known:
                raise ValueError(f"{option}: found {value!r}, expected one of {', '.join(known)}")
        if min(blocks, expansion) < 1 or kernel < 1 or kernel % 2 == 0:
            found = f"{blocks}, {expansion} and {kernel}"
            raise ValueError(
                f"blocks, expansion, kernel: found {found}, expected at least 1, at least 1 and an odd number"
            )
        options = {"expansion": expansion, "middle": middle, "kernel": kernel, "shortcut": shortcut, "enlarge": enlarge}
        self.fuse, self.skips = fuse, len(channels)
        self.widths: list[int] = []
        self.levels = nn.ModuleList()
        stride, width = 32, in_channels
        outputs = [*zip(reversed(channels), reversed(strides), strict=True), *([(channels[0], 1)] if full else [])]
        for out, target in outputs:
            level = [FBNetBlock(width, out, up=target != stride, **options)]
            level += [FBNetBlock(out, out, up=False, **options) for _ in range(blocks - 1)]
            self.levels.append(nn.Sequential(*level))
            width = 2 * out if fuse == "concat" and len(self.widths) < self.skips else out
            self.widths.append(width)
            stride = target
        he_normal(self)

    def forward(self, skips: Sequence[Tensor], deepest: Tensor) -> list[Tensor]:
        outputs, x = [], deepest
        for index, level in enumerate(self.levels):
            x = level(x)
            if index < self.skips:
                skip = skips[self.skips - 1 - index]
                x = torch.cat([x, skip], dim=1) if self.fuse == "concat" else x + skip
            outputs.append(x)
        return outputs


def enlarged(x: Tensor, mode: str = "nearest") -> Tensor:
    """[B,C,h,w] -> [B,C,2h,2w], "nearest" or "bilinear"."""
    return F.interpolate(x, scale_factor=2, mode=mode, align_corners=None if mode == "nearest" else False)


def he_normal(module: nn.Module) -> None:
    """He et al. 2015, Eq. 10, [10] of the paper, for every convolution inside: N(0, 2 / (k k in / groups)), bias 0.

    By fan-in: by fan-out the shortcuts, which have no norm, grow from level to level, and an untrained network predicts
    relative depths of some hundreds, where the ranking loss is linear.
    """
    for conv in module.modules():
        if isinstance(conv, nn.Conv2d):
            nn.init.kaiming_normal_(conv.weight, mode="fan_in", nonlinearity="relu")
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
