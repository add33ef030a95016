"""Errors as single benchmarks define them: KITTI server, DIODE, Make3D, Mannequin Challenge.

Formulas of the valid pixels of one image; `errors` takes their names, beside those of `depthlib.metrics.depth`, and
depth [B,1,H,W] in metres. `units_of` gives their units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor

from depthlib.metrics.depth import FORMULAS, LN10, METRIC_NAMES, Formula, Pixels, each_image, root
from depthlib.metrics.ssim import ssim

# KITTI server: per cent, the second relative to the squared truth (`sq_rel` divides only once); inverse depth in 1/km.
# DIODE: mae.
# Make3D as monodepth2 scores it, DIODE: rmse_log10. `si_mse` is `si_rmse` without the root; the Mannequin Challenge
# takes the mean
# over ordered pairs of pixels, which is sqrt(2) times `si_rmse` (erratum MB-5).
BENCHMARK_METRICS: dict[str, Formula] = {
    "abs_error_rel": Formula(lambda x: abs(x.relative).sum(), lambda mean: 100 * mean),
    "sq_error_rel": Formula(lambda x: (x.relative**2).sum(), lambda mean: 100 * mean),
    "irmse": Formula(lambda x: ((1 / x.positive - 1 / x.target) ** 2).sum(), lambda mean: 1000 * root(mean)),
    "mae": Formula(lambda x: abs(x.difference).sum()),
    "rmse_log10": Formula(lambda x: (x.log_difference**2).sum(), lambda mean: root(mean) / LN10),
    "si_mse": Formula(lambda x: x.log_spread.sum()),
    "si_rmse_pairs": Formula(lambda x: x.log_spread.sum(), lambda mean: root(2 * mean)),
}
ALL_FORMULAS = FORMULAS | BENCHMARK_METRICS
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
    found = each_image(pred, target, valid, {name: ALL_FORMULAS[name] for name in names if name != "ssim"})
    if "ssim" in names:
        found["ssim"] = ssim(pred, target, valid, data_range=cast(float, data_range))
    return {name: found[name] for name in names}


def disparity_outliers(disparity: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """D1 of KITTI stereo 2015: share of valid pixels that are off by more than 3 px and by more than 5 % of the truth.

    Args:
        disparity, truth: [B,1,H,W] pixels. valid: bool [B,1,H,W].
    Returns:
        [B], in [0, 1].
    """
    return each_image(disparity, truth, valid, {"d1": Formula(_outliers)})["d1"]


def _outliers(x: Pixels) -> Any:
    off = abs(x.difference)
    return x.array.count_nonzero((off > 3) & (off > 0.05 * x.target))
