"""What a protocol forgives: a scale per image, a scale and a shift, or all but the order of depths.

Each function takes prediction [B,1,H,W], target and valid, and gives the scaled prediction. Sums run in float64 over the
valid pixels of each image; an image without a valid pixel, or whose system cannot be solved, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

# Mean and standard deviation of the depths of NYU's training images, metres (Chen et al. 2016).
NYU_MEAN, NYU_STD = 2.8424594402, 0.6148231626


def median_ratio(prediction: Tensor, target: Tensor, valid: Tensor, *, lower: bool = False) -> Tensor:
    """median(target) / median(prediction) over the valid pixels of each image: [B,1,1,1]; 1 where an image has none.

    Of an even number of pixels the mean of the two middle values (NumPy), or with `lower` the smaller (torch.median).
    """

    ratios = [
        median(t.masked_select(mask), lower) / median(p.masked_select(mask), lower) if mask.any() else p.new_ones(())
        for p, t, mask in zip(prediction, target, valid, strict=True)
    ]
    return torch.stack(ratios).view(-1, 1, 1, 1) if ratios else prediction.new_ones(0, 1, 1, 1)


def median(values: Tensor, lower: bool = False) -> Tensor:
    """Of at least one value: the mean of the two middle ones where their number is even, or with `lower` the smaller."""
    if values.device.type == "cpu" and not lower:       # a partial sort; torch sorts the whole
        return values.new_tensor(float(np.median(values.detach().numpy())))
    return values.median() if lower else values.quantile(0.5)


def least_squares(x: Tensor, y: Tensor, valid: Tensor, *, shift: bool) -> tuple[Tensor, Tensor]:
    """s and t of each image, [B,1,1,1], that minimise sum (s x + t - y)^2 over the valid pixels; t = 0 without `shift`."""
    x, y, w = x.double(), y.double(), valid.double()
    x, y = x.masked_fill(~valid, 0), y.masked_fill(~valid, 0)

    def total(value: Tensor) -> Tensor:
        return value.sum(dim=(1, 2, 3), keepdim=True)

    count = total(w).clamp(min=1)
    xm, ym = (total(x) / count, total(y) / count) if shift else (torch.zeros_like(count), torch.zeros_like(count))
    spread = total(w * (x - xm) ** 2)
    scale = torch.where(spread > 0, total(w * (x - xm) * (y - ym)) / spread, 1.0)
    return scale, torch.where(spread > 0, ym - scale * xm, 0.0)


def _none(prediction: Tensor, target: Tensor, valid: Tensor, farthest: float) -> Tensor:
    return prediction


def _median(prediction: Tensor, target: Tensor, valid: Tensor, farthest: float) -> Tensor:
    return prediction * median_ratio(prediction, target, valid)


def _median_lower(prediction: Tensor, target: Tensor, valid: Tensor, farthest: float) -> Tensor:
    return prediction * median_ratio(prediction, target, valid, lower=True)


def _scale(prediction: Tensor, target: Tensor, valid: Tensor, farthest: float) -> Tensor:
    return prediction * least_squares(prediction, target, valid, shift=False)[0].to(prediction.dtype)


def _scale_shift(prediction: Tensor, target: Tensor, valid: Tensor, farthest: float) -> Tensor:
    scale, shift = least_squares(prediction, target, valid, shift=True)
    return prediction * scale.to(prediction.dtype) + shift.to(prediction.dtype)


def _scale_shift_disparity(prediction: Tensor, target: Tensor, valid: Tensor, farthest: float) -> Tensor:
    """As MiDaS is scored: fitted in inverse depth, which is then kept above that of the farthest depth."""
    inverse = 1 / prediction.clamp(min=1e-6)
    scale, shift = least_squares(inverse, 1 / target.clamp(min=1e-6), valid, shift=True)
    fitted = inverse * scale.to(prediction.dtype) + shift.to(prediction.dtype)
    return 1 / fitted.clamp(min=max(1 / farthest, 1e-6))


def _nyu_zscore(prediction: Tensor, target: Tensor, valid: Tensor, farthest: float) -> Tensor:
    """Chen 2016: each map to mean 0 and deviation 1 over all its pixels, then to NYU's; the truth of the image is not used."""
    deviation, mean = torch.std_mean(prediction.double(), dim=(1, 2, 3), keepdim=True)
    if not bool((deviation > 0).all()):
        raise ValueError("prediction: found a constant map, expected one that varies, since it is divided by its deviation")
    return ((prediction.double() - mean) / deviation * NYU_STD + NYU_MEAN).to(prediction.dtype)


SCALINGS: dict[str, Callable[[Tensor, Tensor, Tensor, float], Tensor]] = {
    "none": _none,
    "median": _median,
    "median_lower": _median_lower,
    "least_squares_scale": _scale,
    "least_squares": _scale_shift,
    "least_squares_disparity": _scale_shift_disparity,
    "nyu_zscore": _nyu_zscore,
}
