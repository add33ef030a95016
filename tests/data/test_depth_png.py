"""Depth in 16-bit PNG files: values, scales and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from random_pictures import DEEP, RGB, RNG

from depthlib.data.depth_png import read_depth_png, write_depth_png
from depthlib.data.images import DataError


def test_depth_png_round_trip(tmp_path: Path) -> None:
    depth = RNG.uniform(0.3, 60.0, (9, 13))
    depth[2:4] = 0
    assert write_depth_png(tmp_path / "d.png", depth) == 1000
    back = read_depth_png(tmp_path / "d.png")
    assert back.dtype == torch.float32
    np.testing.assert_allclose(back.numpy(), depth, atol=0.5e-3 + 1e-5)
    assert (back[2:4] == 0).all() and (back[4:] > 0).all()
    with Image.open(tmp_path / "d.png") as stored:  # what another program sees
        assert stored.mode == "I;16" and stored.text["depth_scale"] == "1000.0" and "metre" in stored.text["depth_unit"]
        np.testing.assert_array_equal(np.asarray(stored), np.rint(depth * 1000))
    assert list(tmp_path.iterdir()) == [tmp_path / "d.png"]


def test_depth_png_scale(tmp_path: Path) -> None:
    path = tmp_path / "d.png"
    assert write_depth_png(path, torch.full((1, 8, 8), 65.535)) == 1000
    assert write_depth_png(path, torch.full((1, 8, 8), 65.536)) == 256
    assert read_depth_png(path)[0, 0] == pytest.approx(65.536, abs=1 / 512)
    assert write_depth_png(path, np.full((8, 8), 2.0), scale=5000) == 5000
    with Image.open(path) as stored:
        assert np.asarray(stored).max() == 10000
    with pytest.raises(DataError, match="found 5000.*expected 1000"):
        read_depth_png(path, scale=1000)
    write_depth_png(path, np.full((8, 8), 1e-5))  # closer than one unit is still valid
    assert (read_depth_png(path) > 0).all()


def test_depth_png_refusals(tmp_path: Path) -> None:
    path, depth = tmp_path / "d.png", np.full((8, 8), 2.0)
    write_depth_png(path, depth)
    before = path.read_bytes()
    depth[0, :3] = 300.0
    with pytest.raises(ValueError, match="3 pixels beyond 255.996 m"):
        write_depth_png(path, depth)
    with pytest.raises(ValueError, match="3 pixels beyond 65.535 m"):
        write_depth_png(path, depth, scale=1000)
    for bad in (np.full((8, 8), np.nan), np.full((8, 8), np.inf), np.full((8, 8), -1.0)):
        with pytest.raises(ValueError, match="negative or non-finite"):
            write_depth_png(path, bad)
    with pytest.raises(ValueError, match=r"\[2, 8, 8\]"):
        write_depth_png(path, np.ones((2, 8, 8)))
    with pytest.raises(ValueError, match="scale"):
        write_depth_png(path, np.ones((8, 8)), scale=0)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    Image.fromarray(RGB).save(tmp_path / "colour.png")
    with pytest.raises(DataError, match="colour.png: found another file, expected a 16-bit"):
        read_depth_png(tmp_path / "colour.png")
    Image.fromarray(DEEP[..., 0]).save(tmp_path / "bare.png")
    with pytest.raises(DataError, match="bare.png: found scale None"):
        read_depth_png(tmp_path / "bare.png")
    np.testing.assert_allclose(read_depth_png(tmp_path / "bare.png", 256).numpy(), DEEP[..., 0] / 256)
    (tmp_path / "cut.png").write_bytes(before[:70])
    with pytest.raises(DataError, match="cut.png: damaged"):
        read_depth_png(tmp_path / "cut.png")
