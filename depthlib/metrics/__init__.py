"""Depth errors: functions with one number per image, and a torchmetrics class for their mean over a data set."""

from typing import TYPE_CHECKING, Any

from depthlib.metrics.depth import (
    METRIC_NAMES,
    PIXEL_METRICS,
    abs_rel,
    delta,
    delta1,
    delta2,
    delta3,
    depth_errors,
    log10,
    measurable,
    rmse,
    rmse_log,
    si_log,
    si_rmse,
    si_rmse_linear,
    sq_rel,
)
from depthlib.metrics.semantic import class_accuracy, confusion_matrix, mean_iou, pixel_accuracy
from depthlib.metrics.sharpness import sobel_magnitude, tenengrad
from depthlib.metrics.ssim import ssim, ssim_map

if TYPE_CHECKING:
    from depthlib.metrics.aggregate import DepthMetrics

__all__ = [
    "METRIC_NAMES",
    "PIXEL_METRICS",
    "DepthMetrics",
    "abs_rel",
    "class_accuracy",
    "confusion_matrix",
    "delta",
    "delta1",
    "delta2",
    "delta3",
    "depth_errors",
    "log10",
    "measurable",
    "mean_iou",
    "pixel_accuracy",
    "rmse",
    "rmse_log",
    "si_log",
    "si_rmse",
    "si_rmse_linear",
    "sobel_magnitude",
    "sq_rel",
    "ssim",
    "ssim_map",
    "tenengrad",
]


def __getattr__(name: str) -> Any:
    """`DepthMetrics` on first use: torchmetrics is slow to import, and losses only need `ssim_map`."""
    if name == "DepthMetrics":
        from depthlib.metrics.aggregate import DepthMetrics

        return DepthMetrics
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
