"""Semi-dense up-skip connections: the outputs of all decoder levels are summed at the size of the last one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class UpSkip(nn.Module):
    """f_out = h(f_in) + h(f_1) + ... + h(f_n), h a bilinear resize and a 3x3 convolution. Look Deeper Eq. 4, Fig. 3
    right.

    The convolutions map all levels to the channels of the last, as the sum requires (erratum LD-9).
    9 * channels[-1] * sum(channels) parameters.

    Args:
        channels: of f_in, f_1, ..., f_n; forward takes maps of that many channels and gives [B,channels[-1],H,W], the
            size of the last. A level that has this size already is not resized.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(c, channels[-1], 3, padding=1, bias=False) for c in channels)
        for conv in self.convs:
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        size = levels[-1].shape[-2:]
        resized = [F.interpolate(f, size=size, mode="bilinear", align_corners=False) for f in levels[:-1]]
        return sum(conv(f) for conv, f in zip(self.convs, [*resized, levels[-1]], strict=True))
