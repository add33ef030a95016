"""Structural similarity with an 11 x 11 Gaussian window: the map (differentiable, usable as a loss) and its mean.

Eq. 12 of ANUW does not state the window and the constants; here (erratum A10) sigma 1.5, c1 = (0.01 L)^2,
c2 = (0.03 L)^2, L the range of the data, biased variances, and only windows that lie inside the image.
The score is the mean of the local similarities, not one similarity of global statistics.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 11
K1, K2 = 0.01, 0.03


def ssim_map(a: Tensor, b: Tensor, *, data_range: float, window: int = WINDOW, sigma: float = 1.5) -> Tensor:
    """Local structural similarity of two images, one value for every window inside them.

    Args:
        a, b: [B,C,H,W], same shape, in the same unit; every channel is compared on its own.
        data_range: L, the span of possible values: 1 for images in [0,1], the largest depth for depth in metres.
        window: odd side of the Gaussian window, pixels.
        sigma: its standard deviation, pixels.

    Returns:
        [B,C,H-window+1,W-window+1], at most 1, differentiable in both images. At least float32, also under autocast:
        the variances are differences of nearly equal numbers.

    Raises:
        TypeError: not floating tensors.
        ValueError: shapes that differ or are smaller than the window; a range, window or sigma that is not positive.
    """
    _check(a, b, data_range, window, sigma)
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    # Second moments do not change with a common shift; centring on half the range loses fewer digits in them.
    centre = data_range / 2
    x, y = a.to(dtype) - centre, b.to(dtype) - centre
    offsets = torch.arange(window, dtype=dtype, device=a.device) - (window - 1) / 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    moments = (x, y, x * x + y * y, x * y)
    mean_x, mean_y, squares, product = (_window_means(moment, weights / weights.sum()) for moment in moments)
    variances, covariance = squares - (mean_x**2 + mean_y**2), product - mean_x * mean_y
    mean_x, mean_y = mean_x + centre, mean_y + centre
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance * (2 * covariance + c2) / (variances + c2)


def _window_means(images: Tensor, weights: Tensor) -> Tensor:
    """Means in windows with the n weights along both axes, [B,C,H,W] -> [B,C,H-n+1,W-n+1].

    A depthwise convolution along the rows, then along the columns. Its channels are the lines that are filtered: with
    few colours as channels, most of a CPU's vector registers would stay empty.
    """
    lines = images.flatten(0, 1)
    with torch.autocast(device_type=images.device.type, enabled=False):
        for _ in range(2):
            count = lines.shape[1]
            kernel = weights.view(1, 1, -1, 1).expand(count, 1, -1, 1)
            lines = F.conv2d(lines.contiguous().unsqueeze(3), kernel, groups=count).squeeze(3).mT
    means: Tensor = lines.unflatten(0, images.shape[:2])
    return means


def whole_windows(valid: Tensor, window: int = WINDOW) -> Tensor:
    """Windows with valid pixels only: bool [B,1,H,W] -> bool [B,1,H-window+1,W-window+1]."""
    return F.max_pool2d((~valid).to(torch.float32), window, stride=1) == 0


def ssim(
    a: Tensor, b: Tensor, valid: Tensor | None = None, *, data_range: float, window: int = WINDOW, sigma: float = 1.5
) -> Tensor:
    """Mean structural similarity of each image, [B], at most 1 and 1 for equal images (Eq. 12 of ANUW; A10).

    Args:
        a, b, data_range, window, sigma: as in `ssim_map`.
        valid: bool [B,1,H,W]; only windows without an invalid pixel count. None: every pixel is valid.

    Raises:
        TypeError: not floating tensors, or a mask that is not bool.
        ValueError: as `ssim_map`; a mask of another shape; an image without a single whole window, by its index.
    """
    if valid is None:
        return ssim_map(a, b, data_range=data_range, window=window, sigma=sigma).mean(dim=(1, 2, 3))
    _check(a, b, data_range, window, sigma)
    expected = (a.shape[0], 1, *a.shape[-2:])
    if not isinstance(valid, Tensor) or valid.dtype != torch.bool:
        raise TypeError(f"valid: found {getattr(valid, 'dtype', type(valid))}, expected a bool tensor [B,1,H,W]")
    if tuple(valid.shape) != expected:
        raise ValueError(f"valid: found shape {list(valid.shape)}, expected {list(expected)}")
    whole = whole_windows(valid, window)
    count = whole.sum(dim=(1, 2, 3))
    if bool((count == 0).any()):
        empty = (count == 0).nonzero().flatten().tolist()
        raise ValueError(f"valid: found no {window} x {window} window of valid pixels in image(s) {empty}, expected 1")
    # Masked values, NaN included, must not reach other windows.
    local = ssim_map(
        a.masked_fill(~valid, 0), b.masked_fill(~valid, 0), data_range=data_range, window=window, sigma=sigma
    ).mean(dim=1, keepdim=True)
    return (local * whole).sum(dim=(1, 2, 3)) / count


def _check(a: Tensor, b: Tensor, data_range: float, window: int, sigma: float) -> None:
    for name, image in (("a", a), ("b", b)):
        if not isinstance(image, Tensor) or not image.is_floating_point():
            found = getattr(image, "dtype", type(image).__name__)
            raise TypeError(f"{name}: found {found}, expected a floating tensor [B,C,H,W]")
    if a.ndim != 4 or a.shape != b.shape:
        raise ValueError(f"a, b: found shapes {list(a.shape)} and {list(b.shape)}, expected two equal shapes [B,C,H,W]")
    if not data_range > 0:
        raise ValueError(f"data_range: found {data_range}, expected a positive span of values")
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window: found {window}, expected an odd number of pixels")
    if not sigma > 0:
        raise ValueError(f"sigma: found {sigma}, expected a positive number of pixels")
    if min(a.shape[-2:]) < window:
        raise ValueError(f"a, b: found shape {list(a.shape)}, expected at least {window} x {window} pixels, one window")
