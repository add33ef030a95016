"""The pose network against its formula, and what it sees."""

from __future__ import annotations

import pytest
import torch
from tensors import F64
from torch import nn
from torch.nn import functional as F

from depthlib import geometry as g
from depthlib.models.pose_net import PoseNet


def test_pose_net_by_formula() -> None:
    torch.manual_seed(0)
    model = PoseNet(width=4).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    target, sources = torch.rand(2, 3, 72, 96, dtype=F64), torch.rand(2, 2, 3, 72, 96, dtype=F64)
    x = torch.cat([target, sources[:, 0], sources[:, 1]], dim=1) * 2 - 1
    convs = [m for m in model.convs if isinstance(m, nn.Conv2d)]
    assert [c.kernel_size[0] for c in convs] == [7, 5, 3, 3, 3, 3, 3]
    assert [c.out_channels for c in convs] == [4, 8, 16, 32, 64, 64, 64]
    for conv in convs:
        pad = conv.kernel_size[0] // 2
        x = F.conv2d(F.pad(x, (pad,) * 4, mode="reflect"), conv.weight, conv.bias, stride=2).clamp(min=0)
    vectors = 0.01 * F.conv2d(x, model.head.weight, model.head.bias).mean(dim=(2, 3)).view(2, 2, 6)
    torch.testing.assert_close(model.vectors(target, sources), vectors)
    torch.testing.assert_close(model(target, sources), g.pose_from_euler(vectors))


def test_pose_net_starts_near_no_motion_and_refuses_other_shapes() -> None:
    torch.manual_seed(0)
    target, sources = torch.rand(2, 3, 96, 128), torch.rand(2, 2, 3, 96, 128)
    poses = PoseNet()(target, sources)
    assert poses.shape == (2, 2, 4, 4) and (poses - torch.eye(4)).abs().max() < 0.05
    with pytest.raises(ValueError, match=r"sources: found \[2, 1, 3, 96, 128\], expected \[2, 2, 3, 96, 128\]"):
        PoseNet()(target, sources[:, :1])
    assert PoseNet(sources=1)(target, sources[:, :1]).shape == (2, 1, 4, 4)
    with pytest.raises(ValueError, match=r"target: found \[64, 128\], expected .* at least 65"):
        PoseNet()(target[..., :64, :], sources[..., :64, :])
    assert PoseNet(reflect=False)(target[..., :32, :], sources[..., :32, :]).isfinite().all()


def test_pose_net_sees_only_differences_of_its_neighbours_from_the_target():
    """With `contrast`, a still camera gives the same answer whatever the picture's neighbours would be called; scale is
    a factor.
    """
    torch.manual_seed(0)
    net = PoseNet(width=2, reflect=False, contrast=5.0, scale=0.1)
    target = torch.rand(1, 3, 64, 64)
    still = torch.stack([target, target], dim=1)
    seen = []
    net.convs[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    vector = net.vectors(target, still)
    assert seen[0][:, 3:].abs().max() == 0 and torch.equal(seen[0][:, :3], target * 2 - 1)
    net.scale = 0.2
    torch.testing.assert_close(net.vectors(target, still), 2 * vector)
