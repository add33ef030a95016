"""Atrous spatial pyramid pooling. Chen et al. 2017 (DeepLab v3), Sec. 3.3."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

RATES = (1, 6, 12, 18)


def conv_norm_relu(in_channels: int, out_channels: int, kernel_size: int = 3, dilation: int = 1) -> nn.Sequential:
    """Convolution without bias that keeps the size, batch norm, ReLU: [B,in,H,W] -> [B,out,H,W]."""
    padding = dilation * (kernel_size // 2)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class ASPP(nn.Module):
    """Parallel dilated convolutions and the image mean, concatenated and mixed: [B,C,H,W] -> [B,out,H,W].

    Rate 1 is a 1x1 convolution, the others are dilated 3x3 ones; each has `out` channels, batch norm and ReLU, and so
    has the last 1x1 convolution. No dropout. 15,535,104 parameters from 2048 to 256 channels.

    In training the batch norm of the image mean needs at least two images.

    Args:
        in_channels, out_channels: C and out.
        rates: dilations. The default was designed for maps at 1/16; DACNN uses it at 1/8 (erratum D10).
    """

    def __init__(self, in_channels: int, out_channels: int, rates: Sequence[int] = RATES) -> None:
        super().__init__()
        self.branches = nn.ModuleList(conv_norm_relu(in_channels, out_channels, 1 if r == 1 else 3, r) for r in rates)
        self.image_mean = conv_norm_relu(in_channels, out_channels, 1)
        self.mix = conv_norm_relu((len(rates) + 1) * out_channels, out_channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        mean = self.image_mean(features.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *features.shape[-2:])
        return self.mix(torch.cat([*(branch(features) for branch in self.branches), mean], dim=1))
