"""How much warped neighbours differ from the target image: the only teacher of a network that learns from video."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from depthlib.metrics.ssim import K1, K2

ALPHA = 0.85
TIE_BREAK = 1e-5
OVER_SOURCES = ("min", "mean")


def photometric_error(a: Tensor, b: Tensor, alpha: float = ALPHA) -> Tensor:
    """alpha (1 - SSIM) / 2 + (1 - alpha) |a - b| for each pixel, the mean over channels. Eqs. 5 and 6 of the dual networks.

    SSIM has a uniform 3x3 window at every pixel (the border is reflected) and is clamped to [-1, 1] (DN-3).

    Args:
        a, b: [B,C,H,W], in [0,1].
        alpha: weight of SSIM.

    Returns:
        [B,1,H,W], in [0,1].

    Raises:
        ValueError: shapes that differ or are smaller than 2x2; an alpha outside [0,1].
    """
    if a.ndim != 4 or a.shape != b.shape:
        raise ValueError(f"a, b: found shapes {list(a.shape)} and {list(b.shape)}, expected two equal [B,C,H,W]")
    return _error(a, b, alpha)


def _error(a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """`photometric_error` of [...,C,H,W] and [...,C,H,W] that broadcast."""
    if min(a.shape[-2:]) < 2:
        raise ValueError(f"found images of {list(a.shape[-2:])} pixels, expected at least 2x2")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in [0, 1], got {alpha}")
    distance = ((1 - ssim_3x3(a, b)) / 2).clamp(0, 1)
    return (alpha * distance + (1 - alpha) * (a - b).abs()).mean(dim=-3, keepdim=True)


def ssim_3x3(a: Tensor, b: Tensor) -> Tensor:
    """SSIM of images in [0,1] in a uniform 3x3 window about every pixel, [...,H,W] that broadcast; the border is reflected.

    `depthlib.metrics.ssim_map` with window 3 and an infinite sigma gives the same for any window. A training on video would
    spend half of its time there, so the means are sums of shifted images, on a CPU far faster than a convolution or a pooling
    of three channels; of the two variances only the sum is found, since only the sum is needed; and the backward pass is
    written out, three means instead of one for every step of the forward pass. It can be differentiated once.
    """
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    return _Ssim3x3.apply(a.to(dtype), b.to(dtype))


class _Ssim3x3(torch.autograd.Function):
    """similarity = like * together / (bright * spread), of the means of x, y, x y and x^2 + y^2 in each window."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        mean_x, mean_y = _mean_3x3(x), _mean_3x3(y)
        product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
        together = _mean_3x3(x * y).sub_(product).mul_(2).add_(K2**2)
        spread = _mean_3x3(x * x + y * y).sub_(squares).add_(K2**2)
        like, bright = product.mul_(2).add_(K1**2), squares.add_(K1**2)
        similarity = (like * together).div_(bright * spread)
        ctx.save_for_backward(x, y, mean_x, mean_y, like, together, bright, spread, similarity)
        return similarity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y, mean_x, mean_y, like, together, bright, spread, similarity = ctx.saved_tensors
        share, of_similarity = gradient / (bright * spread), gradient * similarity
        of_product = _mean_3x3_backward(share * like)               # halves of the derivatives of mean(xy), mean(x^2 + y^2)
        of_squares = _mean_3x3_backward(of_similarity / spread)
        crossed, own = (together - like).mul_(share), of_similarity.mul_(bright - spread).div_(bright * spread)

        def to(z: Tensor, mean_z: Tensor, other: Tensor, mean_other: Tensor) -> Tensor:
            of_mean = _mean_3x3_backward(crossed * mean_other + own * mean_z)
            return (of_mean + of_product * other - of_squares * z).mul_(2).sum_to_size(z.shape)

        needed = ctx.needs_input_grad
        return to(x, mean_x, y, mean_y) if needed[0] else None, to(y, mean_y, x, mean_x) if needed[1] else None


def _mean_3x3(x: Tensor) -> Tensor:
    """Of each pixel and its eight neighbours, [...,H,W]; beside the border lies what is beside it on the other side."""
    for axis in (-2, -1):
        end = x.shape[axis] - 1
        total = x.clone()
        total.narrow(axis, 1, end).add_(x.narrow(axis, 0, end))
        total.narrow(axis, 0, end).add_(x.narrow(axis, 1, end))
        total.select(axis, 0).add_(x.select(axis, 1))
        total.select(axis, end).add_(x.select(axis, end - 1))
        x = total
    return x.div_(9)


def _mean_3x3_backward(g: Tensor) -> Tensor:
    """The transposed map: everybody gives a ninth to each pixel that he was averaged from."""
    for axis in (-1, -2):
        end = g.shape[axis] - 1
        total = g.clone()
        total.narrow(axis, 0, end).add_(g.narrow(axis, 1, end))
        total.narrow(axis, 1, end).add_(g.narrow(axis, 0, end))
        total.select(axis, 1).add_(g.select(axis, 0))
        total.select(axis, end - 1).add_(g.select(axis, end))
        g = total
    return g.div_(9)


def photometric_loss(
    target: Tensor,
    warped: Tensor,
    *,
    sources: Tensor | None = None,
    alpha: float = ALPHA,
    over_sources: str = "min",
) -> Tensor:
    """Mean over pixels of the smallest `photometric_error` among the sources. Eq. 5 of the dual networks.

    A pixel that is hidden in one source is usually seen in the other: the minimum ignores the one where it is hidden.

    Args:
        target: [B,C,H,W], in [0,1].
        warped: the sources as seen from the target's camera, [B,S,C,H,W].
        sources: the sources before the warp, [B,S,C,H,W]: pixels where one of these is the best match teach nothing (the
            auto-masking of monodepth2, against a camera at rest and objects that move along). Ties are broken by noise of
            1e-5 from torch's generator. None, the paper: no auto-masking.
        alpha: see `photometric_error`.
        over_sources: "min", or "mean" to see what hidden pixels do.

    Returns:
        a scalar.

    Raises:
        ValueError: as `photometric_error`; shapes that do not agree; another value of over_sources.
    """
    if over_sources not in OVER_SOURCES:
        raise ValueError(f"over_sources must be one of {', '.join(OVER_SOURCES)}, got {over_sources!r}")
    errors = _errors(target, warped, "warped", alpha)
    if over_sources == "mean":
        errors = errors.mean(dim=1, keepdim=True)
    if sources is not None:
        unmoved = _errors(target, sources, "sources", alpha)
        errors = torch.cat([errors, unmoved + TIE_BREAK * torch.randn_like(unmoved)], dim=1)
    return errors.amin(dim=1).mean()


def _errors(target: Tensor, images: Tensor, name: str, alpha: float) -> Tensor:
    """Photometric errors of [B,S,C,H,W] against [B,C,H,W]: [B,S,H,W]."""
    if target.ndim != 4 or images.ndim != 5 or images.shape[0] != target.shape[0] or images.shape[2:] != target.shape[1:]:
        shapes = f"{list(target.shape)} and {list(images.shape)}"
        raise ValueError(f"target, {name}: found shapes {shapes}, expected [B,C,H,W] and [B,S,C,H,W] of one size")
    return _error(target[:, None], images, alpha).squeeze(2)
