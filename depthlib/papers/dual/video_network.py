"""A depth network together with the pose network it learns from video with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.geometry import invert_pose
from depthlib.models.disparity import Prediction
from depthlib.models.monodepth2 import Monodepth2
from depthlib.models.pose_net import PoseNet
from depthlib.models.pose_resnet import PoseResNet
from depthlib.papers.dual.network import DualNet, LRNet

DEPTH = {"lr_net": LRNet, "dual": DualNet, "monodepth2": Monodepth2}
POSE = {"pose_net": PoseNet, "pose_resnet": PoseResNet}


class VideoDepth(nn.Module):
    """Depth of one image, `forward` and `predict`, and the poses between a target and its neighbours, `poses`.

    Both networks are parameters of one model, since one loss trains them together; only the depth network is evaluated.

    forward: image [B,3,H,W], RGB in [0,1] -> depth [B,1,H/ratio,W/ratio] in metres up to a scale.

    Args:
        depth, depth_options: a name of `DEPTH` and the keyword arguments of its class.
        pose, pose_options: a name of `POSE` and the keyword arguments of its class.
        ratio: the network wants images so many times smaller than they come: LR-Net by itself has 3, the dual networks
            1. `forward` shrinks the image; `predict` and `poses` take it at the size that the network wants.
        pose_ratio: the pose network sees images so many times smaller than that; 3 for the dual networks: 128x416 (R).

    Raises ValueError for an unknown name or a ratio below 1, else as the parts do.
    """

    def __init__(
        self,
        *,
        depth: str,
        depth_options: dict[str, Any] | None = None,
        pose: str = "pose_net",
        pose_options: dict[str, Any] | None = None,
        ratio: int = 1,
        pose_ratio: int = 1,
    ) -> None:
        super().__init__()
        for option, name, known in (("depth", depth, DEPTH), ("pose", pose, POSE)):
            if name not in known:
                raise ValueError(f"{option}: found {name!r}, expected one of {', '.join(known)}")
        for option, value in (("ratio", ratio), ("pose_ratio", pose_ratio)):
            if value < 1:
                raise ValueError(f"{option}: found {value}, expected at least 1")
        self.depth_net: Monodepth2 | DualNet = DEPTH[depth](**depth_options or {})
        self.pose_net: PoseNet | PoseResNet = POSE[pose](**pose_options or {})
        self.ratio, self.pose_ratio = ratio, pose_ratio

    @property
    def trunk(self) -> nn.Module:
        """The parts with ImageNet weights: of the depth network, and of the pose network if it is a `PoseResNet`."""
        return nn.ModuleList(net.trunk for net in (self.depth_net, self.pose_net) if hasattr(net, "trunk"))

    def predict(self, image: Tensor) -> Prediction:
        return self.depth_net.predict(image)

    def forward(self, image: Tensor) -> Tensor:
        return self.depth_net(self.shrunk(image))

    def shrunk(self, image: Tensor) -> Tensor:
        """An image [...,3,H,W] as it comes -> at the size that the network wants, means over cells of ratio x ratio
        pixels.
        """
        return F.avg_pool2d(image, self.ratio) if self.ratio > 1 else image

    def load_from(self, earlier: VideoDepth) -> None:
        """Go on from what `earlier` has learned. Dual networks take over an LR-Net and the pose network, all else
        everything.
        """
        self.pose_net.load_state_dict(earlier.pose_net.state_dict())
        stage_two = isinstance(self.depth_net, DualNet) and not isinstance(earlier.depth_net, DualNet)
        body = self.depth_net.low if stage_two else self.depth_net
        body.load_state_dict(earlier.depth_net.state_dict())

    def poses(self, target: Tensor, sources: Tensor) -> Tensor:
        """Target [B,3,H,W] and sources [B,S,3,H,W], previous then next -> T_source_target [B,S,4,4]."""
        if self.pose_ratio > 1:
            target = F.avg_pool2d(target, self.pose_ratio)
            sources = F.avg_pool2d(sources.flatten(0, 1), self.pose_ratio).unflatten(0, sources.shape[:2])
        return self.pose_net(target, sources)

    def trajectory(self, frames: Tensor) -> Tensor:
        """Snippets [B,N,3,H,W] of N = 3, 5, ... frames as they come -> their poses in the frame of the first camera.

        Poses are float64 [B,N,4,4], on the CPU. The pose network sees triplets: longer snippets are chained from those
        around the second frame, the fourth, and so on.
        """
        found = []
        for snippet in frames:
            poses = [torch.eye(4, dtype=torch.float64)]
            for middle in range(1, len(snippet) - 1, 2):
                target, sources = self.shrunk(snippet[middle]), self.shrunk(snippet[[middle - 1, middle + 1]])
                T_previous_middle, T_next_middle = self.poses(target[None], sources[None])[0].cpu().double()
                poses.append(poses[-1] @ T_previous_middle)
                poses.append(poses[-1] @ invert_pose(T_next_middle))
            found.append(torch.stack(poses))
        return torch.stack(found)
