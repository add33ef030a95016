"""Poses against the size of the earth, and wrong files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from depthlib.data.errors import DataError
from depthlib.data.kitti import oxts_pose, read_poses


def test_oxts_pose_moves_as_the_earth_is_large() -> None:
    """One arc second to the north is 30.9 m, to the east that times the cosine of the latitude; yaw turns x towards
    north.
    """
    base = torch.tensor([49.0, 8.0, 100, 0, 0, 0] + [0] * 24, dtype=torch.float64)
    north, east = base.clone(), base.clone()
    north[0] += 1 / 3600
    east[1] += 1 / 3600
    origin = oxts_pose(base, 49.0)
    second = 6378137 * math.pi / 180 / 3600
    assert (oxts_pose(north, 49.0) - origin)[:3, 3].tolist() == pytest.approx([0, second, 0], abs=1e-3)
    shrunk = second * math.cos(math.radians(49))
    assert (oxts_pose(east, 49.0) - origin)[:3, 3].tolist() == pytest.approx([shrunk, 0, 0], abs=1e-6)
    base[5] = math.pi / 2
    assert oxts_pose(base, 49.0)[:3, 0].tolist() == pytest.approx([0, 1, 0], abs=1e-12)
    base[5], base[4] = 0, 0.1  # nose down
    assert oxts_pose(base, 49.0)[2, 0].item() == pytest.approx(-math.sin(0.1))
    base[4], base[3] = 0, 0.1  # left side up: y points up
    assert oxts_pose(base, 49.0)[2, 1].item() == pytest.approx(math.sin(0.1))


def test_wrong_poses_are_named(tmp_path: Path) -> None:
    path = tmp_path / "09.txt"
    path.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 0 0 0 1\n")
    with pytest.raises(DataError, match="line 2: found 11 values"):
        read_poses(path)
    path.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n2 0 0 0 0 1 0 0 0 0 1 0\n")
    with pytest.raises(DataError, match="line 2: .*no rotation"):
        read_poses(path)
