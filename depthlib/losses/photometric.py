"""Photometric error between warped neighbours and the target image, the supervision from video."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.metrics.ssim import K1, K2

ALPHA = 0.85
TIE_BREAK = 1e-5
OVER_SOURCES = ("min", "mean")


def photometric_error(a: Tensor, b: Tensor, alpha: float = ALPHA) -> Tensor:
    """alpha (1 - SSIM) / 2 + (1 - alpha) |a - b|, the mean over channels. Eqs. 5 and 6 of the dual networks.

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
        raise ValueError(f"images: found {list(a.shape[-2:])} pixels, expected at least 2x2")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha: found {alpha}, expected a number in [0, 1]")
    distance = ((1 - ssim_3x3(a, b)) / 2).clamp(0, 1)
    return (alpha * distance + (1 - alpha) * (a - b).abs()).mean(dim=-3, keepdim=True)


def ssim_3x3(a: Tensor, b: Tensor) -> Tensor:
    """SSIM of images in [0,1] in a uniform 3x3 window, [...,H,W] that broadcast; the border is reflected.

    The same as `depthlib.metrics.ssim_map` with window 3 and an infinite sigma, in which training from video would
    spend half of its time: means are sums of shifted images, far faster on a CPU than a convolution or pooling of three
    channels, and the two variances are computed as their sum.
    """
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    x, y = (_reflected(image.to(dtype)) for image in (a, b))
    mean_x, mean_y = _mean_3x3(x), _mean_3x3(y)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    covariance, variances = _mean_3x3(x * y) - product, _mean_3x3(x * x + y * y) - squares
    return (2 * product + K1**2) * (2 * covariance + K2**2) / ((squares + K1**2) * (variances + K2**2))


def _reflected(x: Tensor) -> Tensor:
    """One more pixel on all sides."""
    x = torch.cat([x[..., 1:2, :], x, x[..., -2:-1, :]], dim=-2)
    return torch.cat([x[..., 1:2], x, x[..., -2:-1]], dim=-1)


def _mean_3x3(x: Tensor) -> Tensor:
    rows = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]
    return (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9


def photometric_loss(
    target: Tensor, warped: Tensor, *, sources: Tensor | None = None, alpha: float = ALPHA, over_sources: str = "min",
) -> Tensor:
    """Mean over pixels of the smallest `photometric_error` among the sources. Eq. 5 of the dual networks.

    A pixel occluded in one source is usually visible in the other: the minimum ignores the occluded one.

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
