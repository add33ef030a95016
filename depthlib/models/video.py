"""A depth network together with the pose network it learns from video with."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.disparity import Prediction
from depthlib.models.dual import DualNet, LRNet
from depthlib.models.monodepth2 import Monodepth2
from depthlib.models.pose_net import PoseNet
from depthlib.models.pose_resnet import PoseResNet

DEPTH = {"lr_net": LRNet, "dual": DualNet, "monodepth2": Monodepth2}
POSE = {"pose_net": PoseNet, "pose_resnet": PoseResNet}


class VideoDepth(nn.Module):
    """Depth of one image, `forward` and `predict`, and the poses between a target and its neighbours, `poses`.

    Both networks are parameters of one model, since one loss trains them together; only the depth network is evaluated.

    forward: image [B,3,H,W], RGB in [0,1] -> depth [B,1,H,W] in metres up to a scale.

    Args:
        depth, depth_options: a name of `DEPTH` and the keyword arguments of its class.
        pose, pose_options: a name of `POSE` and the keyword arguments of its class.
        pose_ratio: the pose network sees images so many times smaller; 3 for the dual networks, so that it sees 128x416 (R).

    Raises ValueError for an unknown name or a ratio below 1, else as the parts do.
    """

    def __init__(
        self,
        *,
        depth: str,
        depth_options: dict[str, Any] | None = None,
        pose: str = "pose_net",
        pose_options: dict[str, Any] | None = None,
        pose_ratio: int = 1,
    ) -> None:
        super().__init__()
        for option, name, known in (("depth", depth, DEPTH), ("pose", pose, POSE)):
            if name not in known:
                raise ValueError(f"{option} must be one of {', '.join(known)}, got {name!r}")
        if pose_ratio < 1:
            raise ValueError(f"pose_ratio must be at least 1, got {pose_ratio}")
        self.depth_net: Monodepth2 | DualNet = DEPTH[depth](**depth_options or {})
        self.pose_net: PoseNet | PoseResNet = POSE[pose](**pose_options or {})
        self.pose_ratio = pose_ratio

    def predict(self, image: Tensor) -> Prediction:
        return self.depth_net.predict(image)

    def forward(self, image: Tensor) -> Tensor:
        return self.depth_net(image)

    def poses(self, target: Tensor, sources: Tensor) -> Tensor:
        """Target [B,3,H,W] and sources [B,S,3,H,W], previous then next -> T_source_target [B,S,4,4]."""
        if self.pose_ratio > 1:
            target = F.avg_pool2d(target, self.pose_ratio)
            sources = F.avg_pool2d(sources.flatten(0, 1), self.pose_ratio).unflatten(0, sources.shape[:2])
        return self.pose_net(target, sources)
