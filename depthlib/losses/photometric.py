"""Photometric error between warped neighbours and the target image, the supervision from video."""

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
    """alpha (1 - SSIM) / 2 + (1 - alpha) |a - b|, the mean over channels. Eqs. 5 and 6 of the dual networks.

    SSIM has a uniform 3x3 window at every pixel (the border is reflected); its mean is clamped to [-1, 1] (DN-3).

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
        raise ValueError(f"images: found {list(a.shape[-2:])} pixels, expected at least 2x2")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha: found {alpha}, expected a number in [0, 1]")
    channels = a.shape[-3]  # sums divided at the end: the gradient of a mean would fill one more tensor of full size
    distance = ((1 - ssim_3x3(a, b).sum(dim=-3, keepdim=True) / channels) / 2).clamp(0, 1)
    return alpha * distance + (1 - alpha) / channels * (a - b).abs().sum(dim=-3, keepdim=True)


def ssim_3x3(a: Tensor, b: Tensor) -> Tensor:
    """SSIM of images in [0,1] in a uniform 3x3 window, [...,H,W] that broadcast; the border is reflected.

    The same as `depthlib.metrics.ssim_map` with window 3 and an infinite sigma, in which training from video would
    spend half of its time. So its gradient is written out, and there is no second derivative.
    """
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    similarity: Tensor = _SSIM.apply(a.to(dtype), b.to(dtype))
    return similarity


class _SSIM(torch.autograd.Function):
    """p q / (r s): p and r are made of the means, q of the covariance, s of the sum of the two variances."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        mean_x, mean_y = _mean_3x3(x), _mean_3x3(y)
        p, r = 2 * mean_x * mean_y, mean_x**2 + mean_y**2
        q, s = _mean_3x3(2 * x * y).sub_(p).add_(K2**2), _mean_3x3(x**2 + y**2).sub_(r).add_(K2**2)
        p, r = p.add_(K1**2), r.add_(K1**2)
        similarity = (p * q).div_(r).div_(s)
        ctx.save_for_backward(x, y, mean_x, mean_y, p, q, r, s, similarity)
        return similarity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, y, mean_x, mean_y, p, q, r, s, similarity = ctx.saved_tensors
        upper, lower = (2 * grad / r).div_(s), (-2 * grad) * similarity
        of_q, of_s = upper * p, lower / s
        across, along = upper.mul_(q).sub_(of_q), lower.div_(r).sub_(of_s)  # of p less that of q, of r less that of s
        of_q, of_s = _mean_3x3(of_q, transpose=True), _mean_3x3(of_s, transpose=True)
        gradients: list[Tensor | None] = []
        for needed, own, other, own_mean, other_mean in zip(
            ctx.needs_input_grad, (x, y), (y, x), (mean_x, mean_y), (mean_y, mean_x), strict=True
        ):
            if needed:
                of_mean = torch.addcmul(across * other_mean, along, own_mean)
                total = _mean_3x3(of_mean, transpose=True).addcmul_(of_q, other).addcmul_(of_s, own)
            gradients.append(total.sum_to_size(own.shape) if needed else None)
        return tuple(gradients)


def _mean_3x3(x: Tensor, *, transpose: bool = False) -> Tensor:
    """Mean of 3x3 pixels where the border is reflected, or the transpose of this linear map, for its gradient."""
    for dim in (-2, -1):
        x = x.movedim(dim, 0)
        mean = torch.empty_like(x)
        torch.lerp(x[:-2], x[1:-1], 1 / 2, out=mean[1:-1]).lerp_(x[2:], 1 / 3)
        edges = ((0, 1), (-1, -2))
        for edge, inner in edges:
            mean[edge] = (x[edge] + x[inner]) / 3 if transpose else torch.lerp(x[edge], x[inner], 2 / 3)
        for edge, inner in edges if transpose else ():
            mean[inner] += x[edge] / 3
        x = mean.movedim(0, dim)
    return x


def photometric_loss(
    target: Tensor, warped: Tensor, *, sources: Tensor | None = None, alpha: float = ALPHA, over_sources: str = "min"
) -> Tensor:
    """Mean over pixels of the smallest `photometric_error` among the sources. Eq. 5 of the dual networks.

    A pixel occluded in one source is usually visible in the other: the minimum ignores the occluded one.
    Peak memory: about 7 times `warped` in the forward pass, 15 with backward, without auto-masking.

    Args:
        target: [B,C,H,W], in [0,1].
        warped: the sources as seen from the target's camera, [B,S,C,H,W].
        sources: the sources before the warp, [B,S,C,H,W]: pixels best matched by one of these are excluded
            (auto-masking of monodepth2, for a static camera and objects that move with it). Ties are broken by noise of
            1e-5 from torch's generator. None, as in the paper: no auto-masking.
        alpha: see `photometric_error`.
        over_sources: "min", or "mean" to see the effect of occluded pixels.

    Returns:
        a scalar.

    Raises:
        ValueError: as `photometric_error`; shapes that do not match; an unknown over_sources.
    """
    if over_sources not in OVER_SOURCES:
        raise ValueError(f"over_sources: found {over_sources!r}, expected one of {', '.join(OVER_SOURCES)}")
    errors = _errors(target, warped, "warped", alpha)
    if over_sources == "mean":
        errors = errors.mean(dim=1, keepdim=True)
    if sources is not None:
        unmoved = _errors(target, sources, "sources", alpha)
        errors = torch.cat([errors, unmoved + TIE_BREAK * torch.randn_like(unmoved)], dim=1)
    return errors.amin(dim=1).mean()


def _errors(target: Tensor, images: Tensor, name: str, alpha: float) -> Tensor:
    """Photometric errors of [B,S,C,H,W] against [B,C,H,W]: [B,S,H,W]."""
    if target.ndim != 4 or images.ndim != 5 or images.shape[:1] + images.shape[2:] != target.shape:
        shapes = f"{list(target.shape)} and {list(images.shape)}"
        raise ValueError(f"target, {name}: found shapes {shapes}, expected [B,C,H,W] and [B,S,C,H,W] of one size")
    return _error(target[:, None], images, alpha).squeeze(2)
