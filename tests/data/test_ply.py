"""PLY files, read back by bytes."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from depthlib.data.ply import write_ply


def test_the_bytes(tmp_path) -> None:
    write_ply(
        tmp_path / "a.ply",
        np.array([[1, -2, 3.5], [0, 0, 1]]),
        np.array([[1, 2, 3], [255, 0, 9]], np.uint8),
        ["one", "two"],
    )
    data = (tmp_path / "a.ply").read_bytes()
    head = (
        b"ply\nformat binary_little_endian 1.0\ncomment one\ncomment two\nelement vertex 2\nproperty float "
        b"x\nproperty float y\n"
        b"property float z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
    )
    assert data == head + struct.pack("<3f3B", 1, -2, 3.5, 1, 2, 3) + struct.pack("<3f3B", 0, 0, 1, 255, 0, 9)


def test_no_points_and_wrong_ones(tmp_path) -> None:
    write_ply(tmp_path / "b.ply", np.zeros((0, 3)), np.zeros((0, 3), np.uint8))
    assert b"element vertex 0\n" in (tmp_path / "b.ply").read_bytes()
    with pytest.raises(ValueError, match=r"expected \[N,3\] and uint8"):
        write_ply(tmp_path / "c.ply", np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="expected lines"):
        write_ply(tmp_path / "c.ply", np.zeros((2, 3)), np.zeros((2, 3), np.uint8), ["end_header\nx"])
    assert not (tmp_path / "c.ply").exists()
