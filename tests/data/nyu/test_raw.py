"""Frames of the raw video of NYU Depth v2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from same_frames import SMALL

from depthlib.data.errors import DataError
from depthlib.data.maps import read_png
from depthlib.data.nyu import NYURaw, read_kinect_pgm
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.nyu import write_kinect_pgm, write_nyuraw


def test_synchronised_frames(rooms: SceneDataset, tmp_path: Path) -> None:
    write_nyuraw(tmp_path, rooms)
    dataset = NYURaw(tmp_path, "train", camera=SMALL)
    item = dataset[1]
    assert len(dataset) == 3 and item["name"] == "rooms-val-000001/rgb_00000"
    assert (item["depth"] - rooms[1]["depth"]).abs().max() <= 0.0005001
    assert (item["image"] - rooms[1]["image"]).abs().mean() < 0.01  # JPEG
    depth = tmp_path / "rooms-val-000001/sync_depth_00000.png"
    stored = read_png(depth, 16)
    for pixels, message in (
        (stored // 256, "8 bits"),
        (stored * 0, "no valid pixel"),
        (stored // 5, "unit"),
        (stored[:, :40], "expected"),
    ):
        Image.fromarray(pixels.astype(np.uint8) if message == "8 bits" else pixels).save(depth)
        with pytest.raises(DataError, match=f"sync_depth_00000.png.*{message}"):
            dataset[1]
    depth.write_bytes(depth.read_bytes()[:400])
    with pytest.raises(DataError, match="cut off"):
        dataset[1]
    depth.unlink()
    with pytest.raises(DataError, match="1 of the 6 files"):
        NYURaw(tmp_path, "train", camera=SMALL)


def test_kinect_file(tmp_path: Path) -> None:
    depth = torch.linspace(0.5, 8, 48 * 64).reshape(1, 48, 64)
    depth[0, 0] = 0
    write_kinect_pgm(tmp_path / "d.pgm", depth)
    found, valid = read_kinect_pgm(tmp_path / "d.pgm")
    assert torch.equal(valid, depth > 0)
    # Half a step of disparity is d^2 / 702.6 metres.
    assert ((found - depth).abs()[valid] <= 1.02 * depth[valid] ** 2 / 702.6).all()
    data = (tmp_path / "d.pgm").read_bytes()
    swapped = data[: -48 * 64 * 2] + np.frombuffer(data[-48 * 64 * 2 :], "<u2").astype(">u2").tobytes()
    other = b"P6\n1 1\n255\nabc"
    for content, message in ((swapped, "another order"), (data[:-5], "cut off"), (other, "expected a 16-bit")):
        (tmp_path / "d.pgm").write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_kinect_pgm(tmp_path / "d.pgm")
