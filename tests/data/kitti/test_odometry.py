"""Sequences of KITTI: written from scenes they come back, with their poses."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from same_frames import image_bytes

from depthlib.data.errors import DataError
from depthlib.data.kitti import KittiOdometry
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.kitti import write_kitti_odometry


def test_odometry_comes_back(scenes: SceneDataset, tmp_path: Path) -> None:
    """The poses on file are of camera 0: a reader that takes them for camera 2's is off by the lever arm when the car
    turns.
    """
    names = write_kitti_odometry(tmp_path, scenes)
    data = KittiOdometry(tmp_path, names, depth="velodyne", along="z", views=("current", "previous", "next"))
    for item, sample in zip(data, scenes, strict=True):
        for view in ("previous", "next"):
            assert torch.equal(image_bytes(item[view]), image_bytes(sample[view]))
            torch.testing.assert_close(item[f"T_{view}_current"], sample[f"T_{view}_current"], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(item["depth"][:, :-1, :-1], sample["depth"][:, 1:, 1:], rtol=1e-5, atol=1e-4)
    assert len(KittiOdometry(tmp_path, names)) == 3 * len(names)
    (tmp_path / "poses" / "00.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n")
    with pytest.raises(DataError, match=r"00\.txt: found 1 poses"):
        KittiOdometry(tmp_path, names)


def test_poses_of_a_turning_car_have_the_lever_arm(tmp_path: Path, scenes: SceneDataset) -> None:
    """Camera 0 on the spot turning by 90 degrees: camera 2, 6 cm to its right, moves by 6 cm * sqrt(2)."""
    write_kitti_odometry(tmp_path, [scenes[0]])
    turned = "0 0 1 0 0 1 0 0 -1 0 0 0"
    (tmp_path / "poses" / "00.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n" + f"{turned}\n{turned}\n")
    motion = KittiOdometry(tmp_path, ["00"], views=("current", "previous"))[0]["T_previous_current"]
    assert float(motion[:3, 3].norm()) == pytest.approx(0.06 * math.sqrt(2), rel=1e-5)
