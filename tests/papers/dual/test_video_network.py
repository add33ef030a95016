"""The network for video: depth and pose put together."""

from __future__ import annotations

import pytest
import torch
from dual_parts import NARROW

from depthlib.models import create_model


@pytest.mark.slow
def test_video_depth_is_a_depth_and_a_pose_network() -> None:
    torch.manual_seed(0)
    model = create_model(
        "video", depth="dual", depth_options=NARROW | {"ratio": 2}, pose_options={"width": 4}, pose_ratio=2
    ).eval()
    target, sources = torch.rand(1, 3, 192, 192), torch.rand(1, 2, 3, 192, 192)
    with torch.no_grad():
        torch.testing.assert_close(model(target), model.depth_net(target))
        small = sources.view(1, 2, 3, 96, 2, 96, 2).mean(dim=(4, 6))
        torch.testing.assert_close(model.poses(target, sources), model.pose_net(model.depth_net.small(target), small))
    with pytest.raises(ValueError, match="depth: found 'unet', expected one of lr_net, dual, monodepth2"):
        create_model("video", depth="unet")
    with pytest.raises(ValueError, match="pose: found 'orb', expected one of pose_net, pose_resnet"):
        create_model("video", depth="lr_net", depth_options=NARROW, pose="orb")
    with pytest.raises(ValueError, match="pose_ratio: found 0, expected at least 1"):
        create_model("video", depth="lr_net", depth_options=NARROW, pose_ratio=0)
