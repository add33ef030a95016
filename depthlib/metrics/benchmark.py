"""Errors as single benchmarks define them: KITTI server, DIODE, Make3D, Mannequin Challenge.

Same arguments and errors as `depthlib.metrics.depth`: depth [B,1,H,W] in metres, `valid` bool, one number per image,
[B]. `units_of` gives their units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from depthlib.metrics.depth import METRIC_NAMES, _checked, _mean, abs_rel, depth_errors, si_rmse


def abs_error_rel(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """KITTI server: 100 mean |pred - target| / target, per cent (absErrorRel of its development kit)."""
    return 100 * abs_rel(pred, target, valid)


def sq_error_rel(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """KITTI server: 100 mean ((pred - target) / target)^2, per cent; `sq_rel` divides by the target only once."""
    pred, target, valid = _checked(pred, target, valid)
    return 100 * _mean(((pred - target) / target) ** 2, valid)


def irmse(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """KITTI server: root mean square difference of inverse depths, 1/km."""
    pred, target, valid = _checked(pred, target, valid, positive=True)
    return 1000 * _mean((1 / pred - 1 / target) ** 2, valid).sqrt()


def mae(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean |pred - target|, metres (DIODE)."""
    pred, target, valid = _checked(pred, target, valid)
    return _mean((pred - target).abs(), valid)


def rmse_log10(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Root mean square difference of decimal logarithms (Make3D as monodepth2 scores it; DIODE)."""
    pred, target, valid = _checked(pred, target, valid, positive=True)
    return _mean((pred.log10() - target.log10()) ** 2, valid).sqrt()


def si_mse(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Variance of ln pred - ln target: `si_rmse` without the root (erratum MB-5)."""
    return si_rmse(pred, target, valid) ** 2


def si_rmse_pairs(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """SI-RMSE of the Mannequin Challenge, a mean over ordered pairs of pixels: sqrt(2) `si_rmse` (erratum MB-5)."""
    return 2**0.5 * si_rmse(pred, target, valid)


BENCHMARK_METRICS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (abs_error_rel, sq_error_rel, irmse, mae, rmse_log10, si_mse, si_rmse_pairs)
}
ALL_METRICS: tuple[str, ...] = (*METRIC_NAMES, *BENCHMARK_METRICS)

_METRES = ("sq_rel", "rmse", "si_rmse_linear", "mae")
_UNITS = {"abs_error_rel": "%", "sq_error_rel": "%", "irmse": "1/km", "si_log": "ln/100"}
_UNITS |= dict.fromkeys(("rmse_log", "si_rmse", "si_rmse_pairs"), "ln")
_UNITS |= dict.fromkeys(("log10", "rmse_log10"), "decades")
_UNITS |= dict.fromkeys(_METRES, "m") | {"si_mse": "ln^2"}

# Root mean squares: an average over pixels or images squares them first.
ROOTS = ("rmse", "rmse_log", "rmse_log10", "irmse")
# Deviations from the mean of an image, and SSIM: an average over pixels of several images does not follow from those of
# the images.
NOT_POOLED = ("si_log", "si_rmse", "si_rmse_linear", "si_mse", "si_rmse_pairs", "ssim")
HIGHER_IS_BETTER = ("delta1", "delta2", "delta3", "ssim", "pixel_accuracy", "class_accuracy", "mean_iou")


def units_of(names: Sequence[str]) -> str:
    """The units of errors in words, for example "rmse m, irmse 1/km, others 1"."""
    stated = [f"{name} {_UNITS[name]}" for name in names if name in _UNITS]
    rest = ["1"] if not stated else ["others 1"] if len(stated) < len(names) else []
    return ", ".join(stated + rest)


def errors(
    pred: Tensor, target: Tensor, valid: Tensor, names: Sequence[str], *, data_range: float | None = None
) -> dict[str, Tensor]:
    """Several errors at once, {name: [B]}, in the order of `names`; any of `ALL_METRICS`. See `depth_errors`."""
    common = tuple(name for name in names if name in METRIC_NAMES)
    found = depth_errors(pred, target, valid, common, data_range=data_range) if common else {}
    return {name: found[name] if name in found else BENCHMARK_METRICS[name](pred, target, valid) for name in names}


def disparity_outliers(disparity: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """D1 of KITTI stereo 2015: share of valid pixels that are off by more than 3 px and by more than 5 % of the truth.

    Args:
        disparity, truth: [B,1,H,W] pixels. valid: bool [B,1,H,W].
    Returns:
        [B], in [0, 1].
    """
    disparity, truth, valid = _checked(disparity, truth, valid)
    off = (disparity - truth).abs()
    return _mean(((off > 3) & (off > 0.05 * truth)).to(torch.float64), valid)
