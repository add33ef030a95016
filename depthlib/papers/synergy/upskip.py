"""Semi-dense up-skip connections: the outputs of all decoder levels are joined at the size of the last one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class UpSkip(nn.Module):
    """f_out = h(f_in) + h(f_1) + ... + h(f_n), h a bilinear resize and a 3x3 convolution. Look Deeper Eq. 4, Fig. 3
    right.

    The convolutions map all levels to the channels of the last, as the sum requires (erratum LD-9).
    9 * channels[-1] * sum(channels) parameters.

    A resize treats every channel alike, so the channels may be mixed before it, at the size of the level: the nine taps
    of a convolution are resized, not its input, and summed over the levels before they are shifted into place. The
    result is the same; the paper's network needs a third of the multiplications.

    Args:
        channels: of f_in, f_1, ..., f_n; forward takes maps of that many channels and gives [B,channels[-1],H,W], the
            size of the last.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(c, channels[-1], 3, padding=1, bias=False) for c in channels)
        for conv in self.convs:
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        size = levels[-1].shape[-2:]
        # channels last: the levels come in any format, and the gradient of a resize is much slower in the other one
        coarse = [f.contiguous(memory_format=torch.channels_last) for f in levels[:-1]]
        mixed = [F.conv2d(f, taps_of(conv.weight)) for conv, f in zip(self.convs[:-1], coarse, strict=True)]
        taps = sum(F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in mixed)
        return self.convs[-1](levels[-1]) + F.conv2d(taps, shifts(taps), padding=1)


class UpSkipConcat(nn.Module):
    """The same levels concatenated: resized, each to the channels of the last by a 1x1 convolution, then one 3x3.

    What Sec. 3.2 of Look Deeper chose the sum over. Arguments and shapes as `UpSkip`.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        last = channels[-1]
        self.narrow = nn.ModuleList(nn.Conv2d(c, last, 1, bias=False) for c in channels)
        self.join = nn.Conv2d(last * len(channels), last, 3, padding=1, bias=False)
        for conv in (*self.narrow, self.join):
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        size = levels[-1].shape[-2:]
        narrow = [conv(level) for conv, level in zip(self.narrow, levels, strict=True)]
        return self.join(
            torch.cat([F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in narrow], dim=1)
        )


def taps_of(weight: Tensor) -> Tensor:
    """The taps of a 3x3 convolution as outputs of a 1x1 convolution: [O,C,3,3] -> [9*O,C,1,1]."""
    return weight.permute(0, 2, 3, 1).reshape(-1, weight.shape[1], 1, 1)


def shifts(taps: Tensor) -> Tensor:
    """Weights [O,9*O,3,3] that add up the taps [B,9*O,H,W] of a 3x3 convolution, each shifted to its place."""
    outputs = taps.shape[1] // 9
    return torch.eye(9 * outputs, dtype=taps.dtype, device=taps.device).view(outputs, 3, 3, -1).permute(0, 3, 1, 2)
