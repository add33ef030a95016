"""Losses on depth maps: functions of (pred, target, valid), each [B,1,H,W], that return one scalar for the batch."""

from depthlib.losses.gradient import gradient_loss
from depthlib.losses.photometric import photometric_error, photometric_loss
from depthlib.losses.regression import berhu_loss, l1_loss, scale_invariant_log_loss
from depthlib.losses.smoothness import edge_aware_smoothness
from depthlib.losses.structural import ssim_loss

__all__ = [
    "berhu_loss",
    "edge_aware_smoothness",
    "gradient_loss",
    "l1_loss",
    "photometric_error",
    "photometric_loss",
    "scale_invariant_log_loss",
    "ssim_loss",
]
