"""Losses on depth maps: functions of (pred, target, valid), each [B,1,H,W], that give one scalar for the batch."""

from depthlib.losses.anuw import anuw_loss
from depthlib.losses.attention_driven import attention_driven_loss
from depthlib.losses.depth_aware import depth_aware_loss
from depthlib.losses.disparity_gauge import normalise_disparity
from depthlib.losses.distillation import dacnn_loss, guidance_loss, pixel_loss, proxy_loss
from depthlib.losses.feature_reconstruction import feature_reconstruction_loss
from depthlib.losses.gradient import gradient_loss
from depthlib.losses.joint_gradient import joint_gradient_loss
from depthlib.losses.photometric import photometric_error, photometric_loss
from depthlib.losses.regression import berhu_loss, l1_loss, scale_invariant_log_loss
from depthlib.losses.semantic_focal import semantic_focal_loss
from depthlib.losses.smoothness import edge_aware_smoothness
from depthlib.losses.structural import ssim_loss
from depthlib.losses.video import video_loss

__all__ = [
    "anuw_loss",
    "attention_driven_loss",
    "berhu_loss",
    "dacnn_loss",
    "depth_aware_loss",
    "edge_aware_smoothness",
    "feature_reconstruction_loss",
    "gradient_loss",
    "guidance_loss",
    "joint_gradient_loss",
    "l1_loss",
    "normalise_disparity",
    "photometric_error",
    "photometric_loss",
    "pixel_loss",
    "proxy_loss",
    "scale_invariant_log_loss",
    "semantic_focal_loss",
    "ssim_loss",
    "video_loss",
]
