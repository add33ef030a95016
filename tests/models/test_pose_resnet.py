"""The pose network on a ResNet: pairs in the order of time."""

from __future__ import annotations

import pytest
import torch
from tensors import F64
from torch import nn

from depthlib import geometry as g
from depthlib.models.pose_resnet import PoseResNet


@pytest.mark.slow
def test_pose_resnet_shows_pairs_in_the_order_of_time() -> None:
    torch.manual_seed(0)
    model = PoseResNet(width=0.125).double().eval()
    nn.init.normal_(model.decoder[-1].weight)
    first, second, third = torch.rand(3, 1, 3, 64, 64, dtype=F64)
    poses = model(second, torch.stack([first, third], dim=1))
    motion = g.pose_from_axis_angle(torch.cat([model.vectors(first, second), model.vectors(second, third)]))
    assert (motion - torch.eye(4)).abs().max() > 1e-4
    torch.testing.assert_close(poses[:, 1], motion[1:])  # T_third_second
    torch.testing.assert_close(
        poses[:, 0] @ motion[:1], torch.eye(4, dtype=F64)[None]
    )  # T_first_second undoes T_second_first
    features = model.decoder(model.encoder(torch.cat([first, second], 1))[-1])
    torch.testing.assert_close(model.vectors(first, second), 0.01 * features.mean(dim=(2, 3)))
