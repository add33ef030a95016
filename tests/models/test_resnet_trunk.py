"""The ResNet trunk: its widths."""

from __future__ import annotations

from depthlib.models.resnet_trunk import ResNetTrunk


def test_narrow_trunk_scales_every_stage() -> None:
    trunk = ResNetTrunk(width=0.25)
    assert trunk.conv1.out_channels == 16
    assert [getattr(trunk, f"layer{i}")[0].conv3.out_channels for i in (1, 2, 3, 4)] == [64, 128, 256, 512]
