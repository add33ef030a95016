"""How much warped neighbours differ from the target image: the only teacher of a network that learns from video."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

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
    if a.ndim != 4 or a.shape != b.shape or min(a.shape[2:]) < 2:
        raise ValueError(f"a, b: found shapes {list(a.shape)} and {list(b.shape)}, expected two equal [B,C,H,W], at least 2x2")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in [0, 1], got {alpha}")
    distance = ((1 - ssim_3x3(a, b)) / 2).clamp(0, 1)
    return (alpha * distance + (1 - alpha) * (a - b).abs()).mean(dim=1, keepdim=True)


def ssim_3x3(a: Tensor, b: Tensor) -> Tensor:
    """SSIM of images in [0,1] in a uniform 3x3 window about every pixel, [B,C,H,W] -> [B,C,H,W]; the border is reflected.

    `depthlib.metrics.ssim_map` with window 3 and an infinite sigma gives the same; its convolution takes any weights and is
    twelve times slower than this mean, which a training on video takes thousands of times.
    """
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    x, y = (F.pad(image.to(dtype), (1, 1, 1, 1), mode="reflect") for image in (a, b))
    mean_x, mean_y = F.avg_pool2d(x, 3, 1), F.avg_pool2d(y, 3, 1)
    var_x, var_y = F.avg_pool2d(x * x, 3, 1) - mean_x**2, F.avg_pool2d(y * y, 3, 1) - mean_y**2
    cov = F.avg_pool2d(x * y, 3, 1) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + K1**2) / (mean_x**2 + mean_y**2 + K1**2)
    return luminance * (2 * cov + K2**2) / (var_x + var_y + K2**2)


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
    count = images.shape[1]
    error = photometric_error(target.repeat_interleave(count, 0), images.flatten(0, 1), alpha)
    return error.squeeze(1).unflatten(0, (-1, count))
