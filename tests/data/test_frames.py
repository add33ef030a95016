"""Frames that a manifest alone describes: values, cameras and poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from own_frames import frames_manifest, make_frames, write_manifest
from PIL import Image

from depthlib.data.errors import DataError
from depthlib.data.frames import ManifestFrames
from depthlib.data.manifest import load_manifest
from depthlib.data.real_sets import open_dataset


def test_frames_that_need_no_code(tmp_path: Path) -> None:
    """A manifest alone makes frames of one's own readable; every fault of a file is named."""
    manifest = load_manifest(write_manifest(tmp_path, None))
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (9, 13, 3), dtype=np.uint8)
    stored = rng.integers(500, 20000, (9, 13)).astype(np.uint16)
    stored[0, :3], stored[1, :2] = 0, 65535
    for folder in ("rgb", "depth"):
        (tmp_path / folder).mkdir()
    with pytest.raises(DataError, match="found 0 images and 0 depths and no pair"):
        open_dataset(manifest, str(tmp_path), None, {})
    for frame in ("a", "b"):
        Image.fromarray(colour).save(tmp_path / f"rgb/{frame}.png")
        Image.fromarray(stored).save(tmp_path / f"depth/{frame}.png")
    Image.fromarray(colour).save(tmp_path / "rgb/alone.png")
    dataset = open_dataset(manifest, str(tmp_path), None, {})
    item, before = dataset[1], dataset.fingerprint()
    assert len(dataset) == 2 and item["name"] == "rgb/b" and item["depth"].dtype == torch.float32
    np.testing.assert_array_equal(item["image"].permute(1, 2, 0).numpy(), (colour / 255).astype(np.float32))
    known = (stored > 0) & (stored < 65535)
    np.testing.assert_array_equal(item["valid"][0].numpy(), known)
    np.testing.assert_allclose(item["depth"][0].numpy(), np.where(known, stored / 1000, 0), rtol=1e-6)
    assert item["K"].tolist() == [[50, 0, 6], [0, 51, 4], [0, 0, 1]]
    Image.fromarray(stored[:8]).save(tmp_path / "depth/a.png")
    Image.fromarray(stored * 0).save(tmp_path / "depth/b.png")
    with pytest.raises(DataError, match="a.png: found 13 x 8 pixels, expected 13 x 9"):
        dataset[0]
    with pytest.raises(DataError, match="b.png: found no valid depth"):
        dataset[1]
    assert dataset.fingerprint() != before
    with pytest.raises(DataError, match="expected no split"):
        open_dataset(manifest, str(tmp_path), "val", {})


def test_poses_of_a_manifest(tmp_path: Path) -> None:
    layout = {"pose": {"paths": ["pose/{name}.txt"], "what": "Camera to world."}}
    manifest, root = frames_manifest(tmp_path, layout=layout), make_frames(tmp_path / "own")
    with pytest.raises(DataError, match=r"found no pose for rgb/0.png \(3 images\), expected pose/\{name\}.txt"):
        ManifestFrames(root, manifest)
    turned = np.array([[0.0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]])
    (root / "pose").mkdir()
    for number, pose in enumerate((turned, turned[:3], np.diag([1.0, 1, 2, 1]))):
        np.savetxt(root / f"pose/{number}.txt", pose)
    frames = ManifestFrames(root, manifest)
    for position in (0, 1):
        np.testing.assert_array_equal(frames[position]["T_world_camera"].numpy(), turned.astype(np.float32))
    with pytest.raises(DataError, match=r"2.txt: found a pose whose rotation is off by 3 .*expected a rotation"):
        frames[2]
    (root / "pose/0.txt").write_text("1 2 three")
    with pytest.raises(DataError, match="0.txt"):
        frames[0]


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        ({"fx": 0, "fy": 50, "cx": 40, "cy": 30}, "found fx 0, fy 50, expected focal lengths in pixels > 0"),
        ({"fx": 50, "fy": -50, "cx": 40, "cy": 30}, "expected focal lengths in pixels > 0"),
        (
            {"fx": 50, "fy": 50, "cx": 400, "cy": 30, "width": 80, "height": 60},
            "principal point at 400 for a width of 80",
        ),
        (
            {"fx": 50, "fy": 50, "cx": 40, "cy": -40, "width": 80, "height": 60},
            "principal point at -40 for a height of 60",
        ),
        (
            {"fx": 4.2, "fy": 4.2, "cx": 40, "cy": 30, "width": 80, "height": 60},
            "an angle of view of 168.0 degrees.*not millimetres",
        ),
        ({"fx": 5000, "fy": 5000, "cx": 40, "cy": 30, "width": 80, "height": 60}, "an angle of view of 0.9 degrees"),
    ],
)
def test_impossible_cameras(tmp_path: Path, camera: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=r"intrinsics\[0\]: .*" + message):
        frames_manifest(tmp_path, intrinsics=[{"what": "c", **camera}])


def test_the_camera_of_other_images(tmp_path: Path) -> None:
    """Right for frames of 640 x 480, of which these are thumbnails."""
    root, camera = make_frames(tmp_path / "own"), {"what": "c", "fx": 520, "fy": 520, "cx": 320, "cy": 240}
    with pytest.raises(DataError, match="found 80 x 60 pixels, expected 640 x 480"):
        ManifestFrames(root, frames_manifest(tmp_path, intrinsics=[{**camera, "width": 640, "height": 480}]))[0]
    with pytest.raises(DataError, match="expected the camera of this image"):
        ManifestFrames(root, frames_manifest(tmp_path, intrinsics=[camera]))[0]
    fitting = frames_manifest(tmp_path, intrinsics=[{"what": "c", "fx": 65, "fy": 65, "cx": 40, "cy": 30}])
    assert ManifestFrames(root, fitting)[0]["K"][0].tolist() == [65, 0, 40]
