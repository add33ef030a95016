"""Depth-aware convolution: a 3x3 convolution with taps weighted by similarity of depth guidance. DACNN Sec. 3.3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from depthlib.geometry.checks import require_tensor

DILATIONS = (1, 6, 12, 18)
CENTRE = 4  # of the nine taps
Region = tuple[Any, slice, slice]  # indexes rows and columns of [B,C,H,W]


def affinity(at_p: Tensor, at_q: Tensor) -> Tensor:
    """K(g(p), g(q)) = exp(-|g(p) - g(q)|^2 / 2), of guidance vectors [B,G,h,w] -> [B,1,h,w]. DACNN Eq. 2.

    The paper calls K "a Gaussian operation"; this is the one of Su et al. 2019, which it follows (erratum D4).
    """
    return (-0.5 * (at_p - at_q).square().sum(dim=1, keepdim=True)).exp()


def precise(guidance: Tensor) -> Tensor:
    """`guidance` in at least float32: in half precision the difference of similar values is mostly rounding error."""
    return guidance.to(torch.promote_types(guidance.dtype, torch.float32))


def taps(height: int, width: int, dilation: int) -> Iterator[tuple[int, Region, Region]]:
    """For each tap o of a 3x3 kernel: its number, the positions p with p + o inside the map, and the positions p + o.

    Row by row, in the order of the weights of a convolution. Taps outside the map for every position are skipped.
    """
    for tap, (dy, dx) in enumerate(product((-dilation, 0, dilation), repeat=2)):
        if abs(dy) < height and abs(dx) < width:
            rows, columns = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
            there = slice(rows.start + dy, rows.stop + dy), slice(columns.start + dx, columns.stop + dx)
            yield tap, (..., rows, columns), (..., *there)


def half_of_taps(height: int, width: int, dilation: int) -> Iterator[tuple[int, Region, Region]]:
    """The taps before the centre; those behind it are the same pairs of regions exchanged, numbered from the end."""
    return (found for found in taps(height, width, dilation) if found[0] < CENTRE)


def depth_aware_conv(
    features: Tensor, guidance: Tensor, weight: Tensor, bias: Tensor | None = None, *, dilation: int = 1, normalize: bool = False
) -> Tensor:
    """3x3 convolution with taps weighted by K of the guidance: sum_o w(o) K(g(p), g(p+o)) f(p+o). DACNN Eq. 2.

    Computed tap by tap, forward and backward, without storing intermediate results: the backward pass recomputes K. K
    is one number per position and tap, so it is applied after the weights of the tap, to C' channels instead of C (a
    quarter in DACNN). For C = 64, G = 32, C' = 16 and a map of 128x256, 8 MiB of features, this needs 10 MiB besides
    its arguments, and 30 with the backward pass; unfolding needs 184 and 331 (`python -m
    depthlib.bench.depth_aware_conv`, with `--train`).

    Args:
        features: [B,C,H,W]; 0 outside.
        guidance: [B,G,H,W]. A constant one gives an ordinary convolution.
        weight, bias: [C',C,3,3] and [C'], as of an ordinary convolution.
        dilation: distance between taps, pixels.
        normalize: divide by the sum of K over the taps inside the map. Eq. 2 does not.

    Returns:
        [B,C',H,W], of the dtype of `features`. It can be differentiated once.

    Raises TypeError or ValueError for other shapes, dtypes that are not floating, or dilation < 1.
    """
    check_arguments(features, guidance, weight, dilation)
    with torch.autocast(features.device.type, enabled=False):
        total, mass = _TapByTap.apply(features, precise(guidance), weight.to(features.dtype), dilation)
    total = total / mass if normalize else total
    return (total if bias is None else total + bias.view(-1, 1, 1)).to(features.dtype)


def sum_of_taps(features: Tensor, guidance: Tensor, weight: Tensor, dilation: int) -> tuple[Tensor, Tensor]:
    """sum_o w(o) K(g(p), g(p+o)) f(p+o), [B,C',H,W], and sum_o K(g(p), g(p+o)), [B,1,H,W]. Arguments:
    `depth_aware_conv`.

    K is 1 at the centre and symmetric: the K of p and q at tap o is that of q and p at tap -o.
    """
    w = weight.flatten(2).unbind(2)
    total = mixed(features, w[CENTRE]).to(guidance.dtype)
    mass = torch.ones_like(guidance[:, :1])
    for tap, p, q in half_of_taps(*features.shape[-2:], dilation):
        kernel = affinity(guidance[p], guidance[q])
        total[p] += kernel * mixed(features[q], w[tap])
        total[q] += kernel * mixed(features[p], w[-1 - tap])
        mass[p] += kernel
        mass[q] += kernel
    return total, mass


def mixed(x: Tensor, weight: Tensor) -> Tensor:
    """A 1x1 convolution with `weight` [C',C] as a product of matrices: [B,C,h,w] -> [B,C',h,w], channels last."""
    return F.linear(x.permute(0, 2, 3, 1), weight).permute(0, 3, 1, 2)


class _TapByTap(torch.autograd.Function):
    """`sum_of_taps` with a backward pass tap by tap. Autograd would store the intermediate results of each tap."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, guidance: Tensor, weight: Tensor, dilation: int) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(features, guidance, weight)
        ctx.dilation = dilation
        return sum_of_taps(features, guidance, weight, dilation)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_total: Tensor, of_mass: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        features, guidance, weight = ctx.saved_tensors
        w, of_guidance = weight.flatten(2).unbind(2), torch.zeros_like(guidance)
        at_centre = of_total.to(features.dtype)
        of_features, of_w = mixed(at_centre, w[CENTRE].T), [torch.zeros_like(w[0])] * len(w)
        of_w[CENTRE] = outer(at_centre, features)
        for tap, p, q in half_of_taps(*features.shape[-2:], ctx.dilation):
            kernel = affinity(guidance[p], guidance[q])
            of_kernel = of_mass[p] + of_mass[q]
            for number, here, there in ((tap, p, q), (-1 - tap, q, p)):
                of_kernel += (of_total[here] * mixed(features[there], w[number])).sum(dim=1, keepdim=True)
                of_product = (of_total[here] * kernel).to(features.dtype)
                of_features[there] += mixed(of_product, w[number].T)
                of_w[number] = outer(of_product, features[there])
            pull = kernel * of_kernel * (guidance[p] - guidance[q])  # K decreases as g(p) and g(q) move apart
            of_guidance[p] -= pull
            of_guidance[q] += pull
        return of_features, of_guidance, torch.stack(of_w, dim=2).view_as(weight), None


def outer(a: Tensor, b: Tensor) -> Tensor:
    """sum over positions of a(p) b(p)^T: [B,C',h,w], [B,C,h,w] -> [C',C]."""
    a, b = (x.permute(0, 2, 3, 1).flatten(0, 2) for x in (a, b))
    return a.T @ b


def depth_aware_conv_unfold(
    features: Tensor, guidance: Tensor, weight: Tensor, bias: Tensor | None = None, *, dilation: int = 1, normalize: bool = False
) -> Tensor:
    """The same as `depth_aware_conv` in the usual implementation, with nine shifted copies of features and guidance."""
    check_arguments(features, guidance, weight, dilation)
    height, width = features.shape[-2:]
    unfold = partial(F.unfold, kernel_size=3, dilation=dilation, padding=dilation)
    f, g, inside = (unfold(x).unflatten(1, (-1, 9)) for x in (features, guidance, torch.ones_like(features[:1, :1])))
    kernel = inside * (-0.5 * (g - guidance.flatten(2).unsqueeze(2)).square().sum(dim=1, keepdim=True)).exp()
    if normalize:
        kernel = kernel / kernel.sum(dim=2, keepdim=True)
    result = torch.einsum("bcon,dco->bdn", f * kernel, weight.flatten(2)).unflatten(2, (height, width))
    return result if bias is None else result + bias.view(-1, 1, 1)


def check_arguments(features: Tensor, guidance: Tensor, weight: Tensor, dilation: int) -> None:
    """Raise TypeError or ValueError unless the arguments of `depth_aware_conv` fit together."""
    features = require_tensor("features", features, (None, None, None, None), "[B,C,H,W] features")
    batch, channels, height, width = features.shape
    require_tensor("guidance", guidance, (batch, None, height, width), f"[{batch},G,{height},{width}], size as features")
    require_tensor("weight", weight, (None, channels, 3, 3), f"[C',{channels},3,3], as many input channels as features")
    if dilation < 1:
        raise ValueError(f"dilation: found {dilation}, expected at least 1")


@torch.no_grad()
def gaussian_kernel(guidance: Tensor, dilation: int = 1) -> Tensor:
    """K of all nine taps at each position, [B,G,H,W] -> [B,9,H,W], row by row; 1 at the centre, 0 outside the map."""
    guidance = precise(guidance)
    kernel = guidance.new_zeros(guidance.shape[0], 9, *guidance.shape[-2:])
    for tap, p, q in taps(*guidance.shape[-2:], dilation):
        kernel[:, tap : tap + 1][p] = affinity(guidance[p], guidance[q])
    return kernel


@torch.no_grad()
def affinity_map(guidance: Tensor, row: int, column: int) -> Tensor:
    """K between pixel (row, column) and every pixel, [B,G,H,W] -> [B,1,H,W], whether or not there is a tap.

    Raises ValueError if the pixel is outside the map.
    """
    height, width = guidance.shape[-2:]
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"pixel: found ({row}, {column}), expected one inside the map of {height}x{width}")
    guidance = precise(guidance)
    return affinity(guidance, guidance[:, :, row : row + 1, column : column + 1])


class DepthAwareConv2d(nn.Conv2d):
    """`depth_aware_conv` with its weights: (features [B,C,H,W], guidance [B,G,H,W]) -> [B,C',H,W].

    Weights, their names and their initialisation are those of `nn.Conv2d`.
    """

    def __init__(self, in_channels: int, out_channels: int, *, dilation: int = 1, normalize: bool = False) -> None:
        super().__init__(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
        self.normalize = normalize

    def forward(self, features: Tensor, guidance: Tensor) -> Tensor:
        options = {"dilation": self.dilation[0], "normalize": self.normalize}
        return depth_aware_conv(features, guidance, self.weight, self.bias, **options)


def conv_before_relu(in_channels: int, out_channels: int, kernel_size: int) -> nn.Conv2d:
    """Convolution that keeps the size, for a ReLU without a norm in between: [B,in,H,W] -> [B,out,H,W].

    Initialised after He et al. 2015, which preserves the variance of the signal. With torch's default the output of the
    depth branch, eight such layers deep, would start at a hundredth of its skips.
    """
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(conv.bias)
    return conv


class DepthAwareBlock(nn.Module):
    """Depth-aware convolutions of several dilations side by side, concatenated, 1x1 convolution, ReLU. DACNN Sec. 3.3.

    (features [B,C,H,W], guidance [B,G,H,W]) -> [B,C,H,W]. Each of the n dilations has its own weights (erratum D5)
    and C / n channels.

    Args:
        channels: C.
        dilations: of the branches.
        depth_aware: False replaces them by ordinary convolutions with the same weights, the first row of Table 3.
        normalize: see `depth_aware_conv`.

    Raises ValueError if C is no multiple of n.
    """

    def __init__(
        self, channels: int, dilations: Sequence[int] = DILATIONS, *, depth_aware: bool = True, normalize: bool = False
    ) -> None:
        super().__init__()
        if not dilations or channels % len(dilations):
            raise ValueError(
                f"channels: found {channels}, expected a multiple of the number of dilations, {len(dilations)}"
            )
        part = channels // len(dilations)
        self.branches = nn.ModuleList(DepthAwareConv2d(channels, part, dilation=d, normalize=normalize) for d in dilations)
        self.mix = conv_before_relu(channels, channels, 1)
        self.depth_aware = depth_aware

    def forward(self, features: Tensor, guidance: Tensor) -> Tensor:
        if self.depth_aware:
            parts = [branch(features, guidance) for branch in self.branches]
        else:
            parts = [nn.Conv2d.forward(branch, features) for branch in self.branches]
        return self.mix(torch.cat(parts, dim=1)).relu()
