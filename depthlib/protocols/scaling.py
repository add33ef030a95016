"""What a protocol forgives: a scale per image, a scale and a shift, or all but the order of depths.

Each function takes the prediction of one image, a map or its valid pixels, then prediction and truth [N] at the valid
pixels, and gives the scaled prediction; tensors or NumPy's arrays. Sums run in float64; an image without a valid pixel,
or whose system cannot be solved, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from depthlib.metrics.depth import Values, arrays, gathered

# Mean and standard deviation of the depths of NYU's training images, metres (Chen et al. 2016).
NYU_MEAN, NYU_STD = 2.8424594402, 0.6148231626


def median_ratio(prediction: Tensor, target: Tensor, valid: Tensor, *, lower: bool = False) -> Tensor:
    """median(target) / median(prediction) over the valid pixels of each image: [B,1,1,1]; 1 where an image has none.

    Of an even number of pixels the mean of the two middle values (NumPy), or with `lower` the smaller (torch.median).
    """
    images = [gathered(*arrays(*image)) for image in zip(valid, prediction, target, strict=True)]
    return prediction.new_tensor([ratio_of_medians(p, t, lower) for p, t in images]).view(-1, 1, 1, 1)


@np.errstate(all="ignore")
def ratio_of_medians(p: Values, t: Values, lower: bool = False) -> float:
    return float(median(t, lower) / median(p, lower)) if len(p) else 1.0


def median(values: Values, lower: bool = False) -> Any:
    """Of at least one value: the mean of the two middle ones where their number is even, with `lower` the smaller."""
    if isinstance(values, Tensor):
        return values.median() if lower else values.quantile(0.5)
    middle = (len(values) - lower) // 2
    part = np.partition(values, middle)  # for one place several times faster than np.median; NaN at the end
    other = part[middle] if lower or len(part) % 2 else part[:middle].max()
    return values.dtype.type(np.nan) if np.isnan(part[middle:].max()) else (other + part[middle]) / 2


def least_squares(x: Values, y: Values, *, shift: bool) -> tuple[float, float]:
    """s and t that minimise sum (s x + t - y)^2; t = 0 without `shift`."""
    x, y = (v.double() if isinstance(v, Tensor) else v.astype(np.float64) for v in (x, y))
    xm, ym = (x.mean(), y.mean()) if shift and len(x) else (0.0, 0.0)
    spread = ((x - xm) ** 2).sum()
    if not spread > 0:
        return 1.0, 0.0
    scale = ((x - xm) * (y - ym)).sum() / spread
    return float(scale), float(ym - scale * xm)


def _none(prediction: Values, p: Values, t: Values, farthest: float) -> Values:
    return prediction


def _median(prediction: Values, p: Values, t: Values, farthest: float) -> Values:
    return prediction * ratio_of_medians(p, t)


def _median_lower(prediction: Values, p: Values, t: Values, farthest: float) -> Values:
    return prediction * ratio_of_medians(p, t, lower=True)


def _scale(prediction: Values, p: Values, t: Values, farthest: float) -> Values:
    return prediction * least_squares(p, t, shift=False)[0]


def _scale_shift(prediction: Values, p: Values, t: Values, farthest: float) -> Values:
    scale, shift = least_squares(p, t, shift=True)
    return prediction * scale + shift


def _scale_shift_disparity(prediction: Values, p: Values, t: Values, farthest: float) -> Values:
    """As MiDaS is scored: fitted in inverse depth, which is then kept above that of the farthest depth."""
    scale, shift = least_squares(1 / p.clip(min=1e-6), 1 / t.clip(min=1e-6), shift=True)
    return 1 / (1 / prediction.clip(min=1e-6) * scale + shift).clip(min=max(1 / farthest, 1e-6))


def _nyu_zscore(prediction: Tensor, p: Values, t: Values, farthest: float) -> Tensor:
    """Chen 2016: each map to mean 0 and deviation 1 over all its pixels, then to NYU's; the truth of the image is not
    used.
    """
    deviation, mean = torch.std_mean(prediction.double())
    if not bool(deviation > 0):
        raise ValueError(
            "prediction: found a constant map, expected one that varies, since it is divided by its deviation"
        )
    return ((prediction.double() - mean) / deviation * NYU_STD + NYU_MEAN).to(prediction.dtype)


SCALINGS: dict[str, Callable[[Any, Values, Values, float], Any]] = {
    "none": _none,
    "median": _median,
    "median_lower": _median_lower,
    "least_squares_scale": _scale,
    "least_squares": _scale_shift,
    "least_squares_disparity": _scale_shift_disparity,
    "nyu_zscore": _nyu_zscore,
}
