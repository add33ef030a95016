"""Monodepth2's pose network (Godard et al. 2019): ResNet-18 on a pair of images, and a small decoder for one pose."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from depthlib.geometry import invert_pose, pose_from_axis_angle
from depthlib.models.encoders import ImageNetEncoder
from depthlib.models.pose_net import SMALL, check_triplet, spatial_mean


class PoseResNet(nn.Module):
    """ResNet-18 on pairs, then four convolutions and a mean over the image; 12,498,950 parameters at width 1.

    Pairs are always in temporal order; for the previous frame the predicted pose, from previous to target, is inverted.
    (Monodepth2 predicts two poses per pair and uses the first.)

    forward: target [B,3,H,W] and sources [B,2,3,H,W], previous and next, RGB in [0,1] -> T_source_target [B,2,4,4].

    Args:
        width: factor on all channels.
        pretrained: ImageNet weights of torchvision in the encoder.

    Raises ValueError or TypeError for other shapes.
    """

    def __init__(self, *, width: float = 1.0, pretrained: bool = False) -> None:
        super().__init__()
        self.encoder = ImageNetEncoder("resnet18", width=width, pretrained=pretrained, images=2)
        inner = max(2, round(256 * width))
        self.decoder = nn.Sequential(
            nn.Conv2d(self.encoder.channels[-1], inner, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, 6, 1),
        )

    @property
    def trunk(self) -> nn.Module:
        """The part with ImageNet weights."""
        return self.encoder.trunk

    def vectors(self, earlier: Tensor, later: Tensor) -> Tensor:
        """(rx, ry, rz, tx, ty, tz) of T_later_earlier, two images [B,3,H,W] -> [B,6], see `pose_from_axis_angle`."""
        features = self.decoder(self.encoder(torch.cat([earlier, later], dim=1))[-1])
        return SMALL * spatial_mean(features)

    def forward(self, target: Tensor, sources: Tensor) -> Tensor:
        check_triplet(target, sources, 2)
        previous, following = sources.unbind(1)
        vectors = self.vectors(torch.cat([previous, target]), torch.cat([target, following]))
        target_previous, following_target = pose_from_axis_angle(vectors).chunk(2)
        return torch.stack([invert_pose(target_previous), following_target], dim=1)
