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
STRIP = 2**19  # products at a time on a CPU: as many as its cache holds
Region = tuple[Any, slice, slice]  # indexes rows and columns of [B,C,H,W]
Shift = tuple[slice, slice]


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
    features: Tensor,
    guidance: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    dilation: int | Sequence[int] = 1,
    normalize: bool = False,
) -> Tensor:
    """3x3 convolution with taps weighted by K of the guidance: sum_o w(o) K(g(p), g(p+o)) f(p+o). DACNN Eq. 2.

    K is one number per position and tap, so it is applied after the weights of the tap, to C' channels instead of C (a
    quarter in DACNN), strip by strip, forward and backward. No shifted copies of the features are made or stored; the
    backward pass recomputes K and the products. `depthlib bench depth_aware_conv` compares this with the usual form.

    Args:
        features: [B,C,H,W]; 0 outside. Channels last is the fastest.
        guidance: [B,G,H,W]. A constant one gives an ordinary convolution.
        weight, bias: [C',C,3,3] and [C'], as of an ordinary convolution.
        dilation: distance between taps, pixels. Several: each for an equal share of the outputs, in their order.
        normalize: divide by the sum of K over the taps inside the map. Eq. 2 does not.

    Returns:
        [B,C',H,W], channels last, of the dtype of `features`. It can be differentiated once.

    Raises TypeError or ValueError for other shapes, dtypes that are not floating, or dilation < 1.
    """
    dilations = (dilation,) if isinstance(dilation, int) else tuple(dilation)
    check_arguments(features, guidance, weight, dilations)
    with torch.autocast(features.device.type, enabled=False):
        total, mass = _SumOfTaps.apply(features, precise(guidance), weight.to(features.dtype), dilations)
    if normalize:
        total = total / mass.repeat_interleave(len(weight) // len(dilations), dim=1)
    return (total if bias is None else total + bias.view(-1, 1, 1)).to(features.dtype)


def sum_of_taps(features: Tensor, kernel: Tensor, weight: Tensor, dilations: Sequence[int]) -> Tensor:
    """sum_o w(o) K(p, p+o) f(p+o), [B,C',H,W], for the `kernel_of_taps` of each dilation, [D,9,B,H,W]. DACNN Eq. 2.

    The positions of all images are counted row by row, so that a tap is a shift. K is 0 where it leaves the image.
    """
    f, w, k = positions(features), matrices(weight, len(dilations)), kernel.flatten(2).flatten(0, 1).unbind()
    total = kernel.new_zeros(len(dilations), len(weight) // len(dilations), len(f))
    for strip, shifts in strips(features, weight, dilations):
        products = (w @ f[strip].T).unflatten(0, (len(k), -1)).unbind()  # w(o) f(q) of each tap
        for tap, (p, q) in enumerate(shifts):
            total[tap // 9, :, p].addcmul_(k[tap][p], products[tap][:, q])
        del products  # before those of the next strip are made
    return image(total.flatten(0, 1).T, features)


def strips(features: Tensor, weight: Tensor, dilations: Sequence[int]) -> Iterator[tuple[slice, list[Shift]]]:
    """Strips of positions q, and for each tap o of each dilation p = q - o, and q as counted in the strip."""
    count, width = features[:, 0].numel(), features.shape[3]
    length = max(1, (STRIP if features.device.type == "cpu" else 64 * STRIP) // (9 * len(weight)))
    offsets = [dilation * (y * width + x) for dilation in dilations for y, x in product((-1, 0, 1), repeat=2)]
    for start in range(0, count, length):
        stop, shifts = min(start + length, count), []
        for offset in offsets:
            first, last = max(start, offset), max(start, offset, min(stop, count + offset))
            shifts.append((slice(first - offset, last - offset), slice(first - start, last - start)))
        yield slice(start, stop), shifts


def kernel_of_taps(guidance: Tensor, dilation: int) -> Tensor:
    """K(g(p), g(p+o)) of all nine taps, [B,G,H,W] -> [9,B,H,W], row by row; 1 at the centre, 0 outside the map.

    K is symmetric: the K of p and q at tap o is that of q and p at tap -o.
    """
    guidance = guidance.contiguous()
    kernel = guidance.new_zeros(9, len(guidance), *guidance.shape[2:])
    kernel[CENTRE] = 1
    for tap, p, q in half_of_taps(*guidance.shape[2:], dilation):
        kernel[tap][p] = kernel[-1 - tap][q] = affinity(guidance[p], guidance[q]).squeeze(1)
    return kernel


def positions(x: Tensor) -> Tensor:
    """[B,C,H,W] -> [B * H * W,C], contiguous."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]).contiguous()


def image(rows: Tensor, like: Tensor) -> Tensor:
    """The inverse of `positions`: [B * H * W,C'] -> [B,C',H,W], channels last, with B, H and W of `like`."""
    return rows.contiguous().view(len(like), *like.shape[2:], -1).permute(0, 3, 1, 2)


def matrices(weight: Tensor, dilations: int) -> Tensor:
    """[D * C',C,3,3] -> [D * 9 * C',C]: a matrix for each tap of each dilation."""
    return weight.unflatten(0, (dilations, -1)).flatten(3).permute(0, 3, 1, 2).flatten(0, 2).contiguous()


class _SumOfTaps(torch.autograd.Function):
    """`sum_of_taps` of the guidance's K, and the sum of K, [B,D,H,W]. Autograd would store the products of each tap."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, guidance: Tensor, weight: Tensor, dilations: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(features, guidance, weight)
        ctx.dilations = dilations
        kernel = torch.stack([kernel_of_taps(guidance, dilation) for dilation in dilations])
        return sum_of_taps(features, kernel, weight, dilations), kernel.sum(dim=1).transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_total: Tensor, of_mass: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (features, guidance, weight), dilations = ctx.saved_tensors, ctx.dilations
        kernel = torch.stack([kernel_of_taps(guidance, dilation) for dilation in dilations])
        f, w, k = positions(features), matrices(weight, len(dilations)), kernel.flatten(2).flatten(0, 1).unbind()
        of_total = positions(of_total).T.contiguous().unflatten(0, (len(dilations), -1))
        of_f, of_w = torch.empty_like(f), torch.zeros_like(w, dtype=kernel.dtype)
        force = torch.empty_like(kernel).flatten(2)  # K times its gradient, at q
        for strip, shifts in strips(features, weight, dilations):
            products = w @ f[strip].T
            of_products = torch.zeros_like(products)
            of_taps = of_products.unflatten(0, (len(k), -1)).unbind()
            for tap, (p, q) in enumerate(shifts):
                torch.mul(of_total[tap // 9, :, p], k[tap][p], out=of_taps[tap][:, q])
            torch.mm(of_products.T, w, out=of_f[strip])
            of_w += of_products @ f[strip]
            products = products.mul_(of_products).unflatten(0, (*kernel.shape[:2], -1))
            force[..., strip] = products.sum(dim=2, dtype=kernel.dtype)
        of_guidance = torch.zeros_like(guidance)
        for each, own, mass, dilation in zip(kernel, force.view_as(kernel), of_mass.unbind(1), dilations, strict=True):
            for tap, p, q in half_of_taps(*guidance.shape[2:], dilation):
                pull = own[tap][q] + own[-1 - tap][p] + each[tap][p] * (mass[p] + mass[q])
                pull = pull.unsqueeze(1) * (guidance[p] - guidance[q])  # K decreases as g(p) and g(q) move apart
                of_guidance[p] -= pull
                of_guidance[q] += pull
        of_weight = of_w.unflatten(0, (len(dilations), 9, -1)).permute(0, 2, 3, 1).reshape(weight.shape)
        return image(of_f, features), of_guidance, of_weight.to(weight.dtype), None


def depth_aware_conv_unfold(
    features: Tensor,
    guidance: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    dilation: int = 1,
    normalize: bool = False,
) -> Tensor:
    """The same as `depth_aware_conv` in the usual implementation, with nine shifted copies of features and guidance."""
    check_arguments(features, guidance, weight, [dilation])
    height, width = features.shape[-2:]
    unfold = partial(F.unfold, kernel_size=3, dilation=dilation, padding=dilation)
    f, g, inside = (unfold(x).unflatten(1, (-1, 9)) for x in (features, guidance, torch.ones_like(features[:1, :1])))
    kernel = inside * (-0.5 * (g - guidance.flatten(2).unsqueeze(2)).square().sum(dim=1, keepdim=True)).exp()
    if normalize:
        kernel = kernel / kernel.sum(dim=2, keepdim=True)
    result = torch.einsum("bcon,dco->bdn", f * kernel, weight.flatten(2)).unflatten(2, (height, width))
    return result if bias is None else result + bias.view(-1, 1, 1)


def check_arguments(features: Tensor, guidance: Tensor, weight: Tensor, dilations: Sequence[int]) -> None:
    """Raise TypeError or ValueError unless the arguments of `depth_aware_conv` fit together."""
    features = require_tensor("features", features, (None, None, None, None), "[B,C,H,W] features")
    batch, channels, height, width = features.shape
    require_tensor(
        "guidance", guidance, (batch, None, height, width), f"[{batch},G,{height},{width}], size as features"
    )
    require_tensor("weight", weight, (None, channels, 3, 3), f"[C',{channels},3,3], as many input channels as features")
    if not dilations or min(dilations) < 1 or len(weight) % len(dilations):
        found = ", ".join(map(str, dilations))
        raise ValueError(f"dilation: found {found}, expected at least 1, and equal shares of {len(weight)} outputs")


@torch.no_grad()
def gaussian_kernel(guidance: Tensor, dilation: int = 1) -> Tensor:
    """K of all nine taps at each position, [B,G,H,W] -> [B,9,H,W], row by row; 1 at the centre, 0 outside the map."""
    return kernel_of_taps(precise(guidance), dilation).transpose(0, 1)


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

    Peak memory: about 3.7 times `features` in the forward pass, 8.5 with backward, for C = 64 and G = 32.

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
        self.branches = nn.ModuleList(
            DepthAwareConv2d(channels, part, dilation=d, normalize=normalize) for d in dilations
        )
        self.mix = conv_before_relu(channels, channels, 1)
        self.depth_aware, self.normalize = depth_aware, normalize

    def forward(self, features: Tensor, guidance: Tensor) -> Tensor:
        if self.depth_aware:
            weight = torch.cat([branch.weight for branch in self.branches])
            bias = torch.cat([branch.bias for branch in self.branches])
            dilations = [branch.dilation[0] for branch in self.branches]
            joined = depth_aware_conv(features, guidance, weight, bias, dilation=dilations, normalize=self.normalize)
        else:
            joined = torch.cat([nn.Conv2d.forward(branch, features) for branch in self.branches], dim=1)
        return self.mix(joined).relu()
