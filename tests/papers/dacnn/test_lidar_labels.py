"""Labels like those of a laser: part of the truth, and the same every time."""

from __future__ import annotations

import torch
from dacnn_parts import Frames

from depthlib.papers.dacnn.lidar_labels import LidarLabels


def test_laser_labels_are_part_of_the_truth_and_stay():
    frames = Frames(sky=True)
    labels = LidarLabels(frames, beams=8)
    assert len(labels) == 2 and labels.fingerprint() == "8 beams of frames"
    item = labels[0]
    assert item["valid"].any() and not (item["valid"] & (frames.depth == 0)).any() and "depth_true" not in item
    assert torch.equal(item["depth"], torch.where(item["valid"], frames.depth, 0))
    assert torch.equal(labels[0]["valid"], item["valid"])
    assert item["valid"].sum() < LidarLabels(frames, beams=64)[0]["valid"].sum() < (frames.depth > 0).sum()
