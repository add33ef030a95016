"""Laser scans: projected by hand, and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from depthlib.data.errors import DataError
from depthlib.data.kitti import project_scan, read_projected, read_scan


def test_projection_by_hand() -> None:
    """Two points in one pixel: the nearer stays; points behind, outside and with negative x are dropped; no row wraps
    over.
    """
    K = torch.tensor([[100.0, 0, 5], [0, 100, 4], [0, 0, 1]], dtype=torch.float64)
    T = torch.eye(4, dtype=torch.float64)
    T[:3, :3] = torch.tensor([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    T[2, 3] = -0.3
    points = torch.tensor([[10.3, 0, 0], [20.3, 0, 0], [-5.0, 0, 0], [10.3, -9, 0], [10.3, 0.5, 0], [0.2, 0, 0]])
    depth = project_scan(points, T, K, 10, 12, along="z", pixels="nearest")
    assert depth[0, 4, 5] == pytest.approx(10) and depth[0, 4, 0] == pytest.approx(10) and int((depth > 0).sum()) == 2
    forward = project_scan(points, T, K, 10, 12)
    assert forward[0, 3, 4] == pytest.approx(10.3) and int((forward > 0).sum()) == 1  # u = 0 leaves the image at -1
    T[2, 3] = 0.3  # a camera behind the laser sees points with negative x; they do not count
    assert not bool(project_scan(torch.tensor([[-0.1, 0.0, 0.0]]), T, K, 10, 12, along="z", pixels="nearest").any())
    with pytest.raises(ValueError, match="along"):
        project_scan(points, T, K, 10, 12, along="y")  # type: ignore[arg-type]


def test_damaged_scans_are_named(tmp_path: Path) -> None:
    path = tmp_path / "0.bin"
    points = np.random.default_rng(0).uniform(-30, 30, (50, 4)).astype("<f4")
    for data, message in (
        (points.tobytes()[:-3], "multiple of 16"),
        (b"", "is empty"),
        ((points * 1000).tobytes(), "expected float32 metres"),
        (np.where(points > 29, np.nan, points).astype("<f4").tobytes(), "not finite"),
        (points.astype("<f8").tobytes(), "not finite|expected float32"),
    ):
        path.write_bytes(data)
        with pytest.raises(DataError, match=message):
            read_scan(path)
    path.write_bytes(points.tobytes())
    assert torch.equal(read_scan(path), torch.from_numpy(points))
    np.savez(tmp_path / "p.npz", velodyne_depth=np.array([[1, np.nan]], dtype=np.float32))
    with pytest.raises(DataError, match="not finite"):
        read_projected(tmp_path / "p.npz")
    np.savez(tmp_path / "p.npz", depth=points)
    with pytest.raises(DataError, match="expected velodyne_depth"):
        read_projected(tmp_path / "p.npz")
