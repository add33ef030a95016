"""SUN RGB-D: written from scenes, read and damaged; its bits are rotated; real frames, points and lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from same_frames import same_frame
from samples import needs_samples

from depthlib.base.paths import samples_dir
from depthlib.data import diode, sunrgbd
from depthlib.data.errors import DataError
from depthlib.data.files import read_lines, read_numbers
from depthlib.data.maps import read_map, read_png
from depthlib.data.sunrgbd import SUNRGBD, zero_based
from depthlib.geometry import project
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.pictures import write_map
from depthlib.scenes.writers.rgbd import write_sunrgbd


def test_sunrgbd(rooms: SceneDataset, tmp_path: Path) -> None:
    write_sunrgbd(tmp_path, rooms)
    dataset = SUNRGBD(tmp_path, "train")
    for item, sample in zip(dataset, rooms, strict=True):
        same_frame(item, sample, 0.001, 0.01)
    assert dataset[0]["name"] == "kv2/scenes/rooms-val-000000" and len(dataset.fingerprint()) == 64
    near = SUNRGBD(tmp_path, "train", max_depth=3.0)[0]
    assert near["depth"].max() <= 3 and torch.equal(
        near["valid"], (rooms[0]["depth"] > 0) & (rooms[0]["depth"] <= 3.0005)
    )


def test_bits_are_rotated_not_shifted(tmp_path: Path) -> None:
    """Every 16-bit number survives, and 5.000 m is stored as 40000."""
    millimetres = torch.arange(65536, dtype=torch.float64).reshape(1, 256, 256)
    write_map(tmp_path / "a.png", millimetres / 1000, sunrgbd.DEPTH)
    stored = read_png(tmp_path / "a.png", 16).ravel()
    assert stored[5000] == 40000 and len(np.unique(stored)) == 65536
    assert np.array_equal((stored >> 3) | (stored << 13), np.arange(65536))
    with pytest.raises(ValueError, match=r"found 0 to 66 metres, expected 0 to 65\.535"):
        write_map(tmp_path / "a.png", torch.tensor([[[0.0, 66.0]]]), sunrgbd.DEPTH)


def test_sunrgbd_refuses(rooms: SceneDataset, tmp_path: Path) -> None:
    write_sunrgbd(tmp_path, rooms)
    folder = tmp_path / "SUNRGBD/kv2/scenes/rooms-val-000000"
    K = folder / "intrinsics.txt"
    text = K.read_text()
    for content, message in (
        ("1 2 3", "found 3 numbers"),
        (text.replace(text.split()[0], "nan", 1), "finite"),
        ("529.5 0 365\n0 529.5 265\n0 0 1\n", "camera of this image"),
    ):
        K.write_text(content)
        with pytest.raises(DataError, match=f"{message}"):
            SUNRGBD(tmp_path, "train")[0]
    K.write_text(text)
    stored = read_png(folder / "depth_bfx/0000001.png", 16)
    Image.fromarray((stored >> 3) | (stored << 13)).save(
        folder / "depth_bfx/0000001.png"
    )  # not rotated: 1/8 of the depth
    with pytest.raises(DataError, match="unit"):
        SUNRGBD(tmp_path, "train")[0]
    Image.fromarray(stored).save(folder / "depth_bfx/second.png")
    with pytest.raises(DataError, match="found 2 PNG"):
        SUNRGBD(tmp_path, "train")
    with pytest.raises(DataError, match="sunrgbd_testing_images.txt: no such file"):
        SUNRGBD(tmp_path, "test")


@needs_samples
def test_real_sunrgbd_depth() -> None:
    depth, valid = read_map(samples_dir() / "sun-rgbd/open3d_formats/SUN_depth.png", sunrgbd.DEPTH)
    low, high = np.percentile(depth[valid].numpy(), [1, 99])
    assert (round(low, 1), round(high, 1)) == (1.1, 8.8)


@needs_samples
@pytest.mark.parametrize("number", ["000001", "000002"])
def test_real_sunrgbd_points_fall_on_their_pixels(number: str) -> None:
    """Colours of the points equal those of the pixels they project to: tilt, axes, K and the count from 1 are all
    right.
    """
    folder = samples_dir() / "sun-rgbd/mmdet3d"
    with np.load(next((folder / "lidar").glob(f"{number}.npz"))) as arrays:
        cloud = torch.from_numpy(arrays[arrays.files[0]]).double()
    image = torch.from_numpy(np.array(Image.open(next(folder.rglob(f"{number}.jpg"))))).double() / 255
    tilt, K = read_numbers(folder / f"calib/{number}.txt", (2, 3, 3))  # a line each, column by column
    K = zero_based(K.T)
    x, y, z = (cloud[:, :3] @ torch.from_numpy(tilt).T).unbind(1)  # x right, y forward, z up
    points = torch.stack((x, -z, y), dim=1)
    assert points[:, 2].min() > 1.0 and points[:, 2].max() < 8.1
    pixels, _ = project(points.T[None], K[None].double())
    u, v = pixels[0].round().long()
    assert (pixels[0] - pixels[0].round()).abs().max() < 0.02
    assert (image[v, u] - cloud[:, 3:6]).abs().max() < 1e-6


@needs_samples
def test_real_lists() -> None:
    lists = samples_dir() / "splits"
    names = [read_lines(lists / f"sunrgbd_meta/{name}") for name in sunrgbd.LISTS.values()]
    assert [len(lines) for lines in names] == [5285, 5050]
    meta = lists / "diode/diode_meta.json"
    counts = {
        (split, kind): len(diode.listed(meta, split, (kind,))) for split in ("train", "val") for kind in diode.KINDS
    }
    assert counts == {
        ("train", "outdoor"): 16884,
        ("train", "indoors"): 8574,
        ("val", "outdoor"): 392,
        ("val", "indoors"): 220,
    }
