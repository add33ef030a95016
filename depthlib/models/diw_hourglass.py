"""The hourglass of Chen et al. 2016 (Depth in the Wild): 5.3 M parameters in Table 7 of the mobile paper."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from depthlib.models.blocks import check_image
from depthlib.models.full_precision import FullPrecision

# Inception blocks by name: channels of the 1x1 branch, then kernel, middle and output channels of each other one.
BLOCKS = {
    "A": (16, (3, 64, 16), (7, 64, 16), (11, 64, 16)),
    "A'": (16, (3, 32, 16), (7, 32, 16), (11, 32, 16)),
    "B": (32, (3, 32, 32), (5, 32, 32), (7, 32, 32)),
    "B'": (32, (3, 64, 32), (5, 64, 32), (7, 64, 32)),
    "C": (32, (3, 64, 32), (7, 64, 32), (11, 64, 32)),
    "D": (64, (3, 32, 64), (5, 32, 64), (7, 32, 64)),
    "F": (64, (3, 64, 64), (7, 64, 64), (11, 64, 64)),
}
# For each level, finest first: the branch at its size; the blocks before and after the next level, at half the size.
LEVELS = (("A", "BB", ("B'", "A'")), ("BC", "BD", ("D", "B")), ("DF", "DD", ("D", "F")), ("DD", "DDD", ()))


class Inception(nn.Module):
    """Four parallel branches, concatenated: [B,I,H,W] -> [B,channels,H,W]; norms have no scale and shift."""

    channels: int

    def __init__(self, in_channels: int, name: str, width: float) -> None:
        super().__init__()
        first, *others = BLOCKS[name]
        self.branches = nn.ModuleList([_conv(in_channels, _scaled(first, width), 1)])
        for kernel, middle, out in others:
            middle, out = _scaled(middle, width), _scaled(out, width)
            self.branches.append(nn.Sequential(_conv(in_channels, middle, 1), _conv(middle, out, kernel)))
        self.channels = _scaled(first, width) + sum(_scaled(out, width) for *_, out in others)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Level(nn.Module):
    """An hourglass: a branch at full size plus one that halves the size, holds the next level, and doubles it again.

    The two outer levels halve by maxima and the two inner ones by means, as in the original code; ports average
    everywhere.
    """

    channels: int

    def __init__(self, in_channels: int, index: int, width: float) -> None:
        super().__init__()
        side, before, after = LEVELS[index]
        self.side = _chain(in_channels, side, width)
        pooling = nn.MaxPool2d(2) if index < 2 else nn.AvgPool2d(2)
        down = _chain(in_channels, before, width)
        parts: list[nn.Module] = [pooling, down]
        channels = _channels(down)
        if index + 1 < len(LEVELS):
            inner = Level(channels, index + 1, width)
            last = _chain(inner.channels, after, width)
            parts += [inner, last]
            channels = _channels(last)
        parts.append(nn.Upsample(scale_factor=2, mode="nearest"))
        self.through = nn.Sequential(*parts)
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return self.side(x) + self.through(x)


class DIWHourglass(nn.Module):
    """Four nested hourglasses of inception blocks, 5,357,153 parameters ("5.3M" of Table 7), 40.3 GMAC at 256x256.

    forward: image [B,3,H,W], RGB in [0,1], not normalised, H and W multiples of 16 -> relative depth [B,1,H,W], any
    real number, larger = farther.

    Args:
        width: factor on all channels; 1 is the paper's.

    Raises ValueError for a width below 1/16, and in forward for invalid sizes.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        if width < 1 / 16:
            raise ValueError(
                f"width: found {width}, expected at least 1/16, where the narrowest branch has one channel"
            )
        stem = _scaled(128, width)
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 7, padding=3), nn.BatchNorm2d(stem), nn.ReLU(inplace=True))
        self.hourglass = Level(stem, 0, width)
        self.head = FullPrecision(nn.Conv2d(self.hourglass.channels, 1, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        check_image(image, 16)
        return self.head(self.hourglass(self.stem(image)))


def _chain(channels: int, names: str | tuple[str, ...], width: float) -> nn.Sequential:
    blocks = []
    for name in names:
        blocks.append(Inception(channels, name, width))
        channels = blocks[-1].channels
    return nn.Sequential(*blocks)


def _channels(chain: nn.Sequential) -> int:
    last = chain[-1]
    assert isinstance(last, Inception)
    return last.channels


def _conv(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2),
        nn.BatchNorm2d(out_channels, affine=False),
        nn.ReLU(inplace=True),
    )


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width))
