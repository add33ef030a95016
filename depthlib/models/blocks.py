"""Parts shared by several networks: input validation, norms, concatenation, double convolution, depth head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

NORMS = ("bn", "gn", "in")
ACTIVATIONS = ("sigmoid", "log", "exp", "relu")


def check_image(image: Tensor, multiple: int = 1) -> None:
    """Raise unless `image` is a floating-point [B,3,H,W] batch whose sides are multiples of `multiple`.

    Raises:
        TypeError: not a floating-point tensor (8-bit images must be divided by 255 first).
        ValueError: wrong shape, or a side that the network cannot halve often enough.
    """
    if not isinstance(image, Tensor) or not image.is_floating_point():
        found = image.dtype if isinstance(image, Tensor) else type(image).__name__
        raise TypeError(f"image: found {found}, expected a floating-point tensor with RGB in [0,1]")
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"image: found shape {list(image.shape)}, expected [B,3,H,W]")
    height, width = image.shape[-2:]
    if height % multiple or width % multiple or not (height and width):
        padded = [max(1, math.ceil(side / multiple)) * multiple for side in (height, width)]
        raise ValueError(
            f"image: found {height}x{width}, expected height and width to be multiples of {multiple}: "
            f"resize it, or pad it to {padded[0]}x{padded[1]} and crop the depth back"
        )


def normalization(name: str, channels: int) -> nn.Module:
    """Batch, group or instance norm over `channels`, all affine.

    ANUW trains with batch size 1, where batch norm uses the statistics of a single image in training and running
    averages in evaluation (erratum A17). "gn" (groups of 8 channels) and "in" are the same in both.

    Raises ValueError if `name` is not in `NORMS`.
    """
    if name == "bn":
        return nn.BatchNorm2d(channels)
    if name == "gn":
        return nn.GroupNorm(max(1, channels // 8), channels)
    if name == "in":
        return nn.InstanceNorm2d(channels, affine=True)
    raise ValueError(f"norm: found {name!r}, expected one of {', '.join(NORMS)}")


def join(features: Sequence[Tensor]) -> Tensor:
    """`torch.cat(features, dim=1)`, [B,C1,H,W], [B,C2,H,W], ... -> [B,C1+C2+...,H,W], faster in training on a CPU.

    The backward pass of `torch.cat` returns strided views of one gradient, which make the backward pass of the layers
    before it (above all up-sampling) four times slower. This one returns copies.
    """
    return _Join.apply(*features) if torch.is_grad_enabled() else torch.cat(tuple(features), dim=1)


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *features: Tensor) -> Tensor:
        ctx.channels = [x.shape[1] for x in features]
        return torch.cat(features, dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        # in the memory format of the whole
        return tuple(part.clone() for part in gradient.split(ctx.channels, dim=1))


class VGGBlock(nn.Sequential):
    """Twice: 3x3 convolution, norm, ReLU. [B,in,H,W] -> [B,out,H,W]. ANUW Fig. 3b."""

    def __init__(self, in_channels: int, out_channels: int, norm: str = "bn") -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            normalization(norm, out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            normalization(norm, out_channels),
            nn.ReLU(inplace=True),
        )


@torch.no_grad()
def start_constant(layer: nn.Conv2d | nn.BatchNorm2d, value: float) -> None:
    """Set the weights of a layer to 0 and its bias to `value`, which it then gives everywhere, until its weights learn.

    Random weights would shift the output, since the mean of the features before them is not 0.
    """
    assert layer.bias is not None
    layer.weight.zero_()
    layer.bias.fill_(value)


class DepthHead(nn.Module):
    """Convolution to one channel z, then metres: [B,C,H,W] -> [B,1,H,W].

    ==========  ==========================================  ===================================
    activation  depth                                       range
    ==========  ==========================================  ===================================
    sigmoid     min + (max - min) * sigmoid(z)              [min, max]
    log         min * (max / min) ** sigmoid(z)             [min, max], uniform in log depth
    exp         exp(z), clamped                             [min, max]
    relu        min + relu(z)                               [min, infinity)
    ==========  ==========================================  ===================================

    The default minimum of 1 mm keeps logarithms finite. z is computed in the precision of the weights even under
    autocast, since bfloat16 would be visible as steps in the depth map.

    Raises ValueError for an unknown activation or bounds without 0 <= min_depth < max_depth (0 < min_depth for "log"
    and "exp").
    """

    def __init__(
        self,
        in_channels: int,
        *,
        max_depth: float,
        min_depth: float = 1e-3,
        activation: str = "sigmoid",
        kernel_size: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation: found {activation!r}, expected one of {', '.join(ACTIVATIONS)}")
        if not 0 <= min_depth < max_depth or (activation in ("log", "exp") and min_depth == 0):
            raise ValueError(
                f"min_depth, max_depth: found {min_depth} and {max_depth}, expected 0 <= min_depth < max_depth "
                "(0 < min_depth for 'log' and 'exp')"
            )
        self.conv = nn.Conv2d(in_channels, 1, kernel_size, padding=kernel_size // 2, bias=bias)
        self.min_depth, self.max_depth, self.activation = float(min_depth), float(max_depth), activation

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            z = self.conv(features.to(self.conv.weight.dtype))
        if self.activation == "relu":
            return self.min_depth + z.relu()
        if self.activation == "log":
            return self.min_depth * (self.max_depth / self.min_depth) ** z.sigmoid()
        if self.activation == "exp":  # clamped before, else a gradient may be infinity times 0
            return z.clamp(math.log(self.min_depth), math.log(self.max_depth)).exp()
        return self.min_depth + (self.max_depth - self.min_depth) * z.sigmoid()

    def start_at(self, depth: float) -> None:
        """Give `depth` metres everywhere, so that a network begins at the median of its labels; see `start_constant`.

        Raises ValueError for a head without bias, or a depth that is not inside the bounds.
        """
        if self.conv.bias is None:
            raise ValueError("start_at: found a head without bias, expected one with bias=True")
        if not self.min_depth < depth < (math.inf if self.activation == "relu" else self.max_depth):
            raise ValueError(
                f"depth: found {depth:g} m, expected one inside {self.min_depth:g} to {self.max_depth:g} m"
            )
        if self.activation == "relu":
            z = depth - self.min_depth
        elif self.activation == "exp":
            z = math.log(depth)
        else:
            share = (depth - self.min_depth) / (self.max_depth - self.min_depth)
            if self.activation == "log":
                share = math.log(depth / self.min_depth) / math.log(self.max_depth / self.min_depth)
            z = math.log(share / (1 - share))
        start_constant(self.conv, z)

    def extra_repr(self) -> str:
        return f"{self.activation}, {self.min_depth:g} to {self.max_depth:g} m"
