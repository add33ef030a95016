"""Raw data of KITTI: written from scenes they come back, and damage is named."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from same_frames import image_bytes

from depthlib.data.errors import DataError
from depthlib.data.kitti import KittiRaw, RawFrame, parse_raw
from depthlib.data.manifest import load_manifest
from depthlib.data.verify import verify
from depthlib.geometry import backproject, invert_pose, transform_points, warp
from depthlib.scenes import SceneDataset
from depthlib.scenes.dataset import VIEWS
from depthlib.scenes.writers.kitti import T_camera_velo, write_kitti_odometry
from depthlib.scenes.writers.kitti_benchmarks import write_kitti_annotated, write_kitti_depth, write_kitti_stereo2015


def drive(root: Path, number: int = 1) -> Path:
    return root / "2011_09_26" / f"2011_09_26_drive_{number:04d}_sync"


@pytest.mark.slow
def test_raw_comes_back(raw: Path, scenes: SceneDataset) -> None:
    """Camera z at the nearest pixel is the scene's depth; a wrong transform (rectification, laser, order) misplaces
    it.
    """
    data = KittiRaw(raw, raw / "list.txt", along="z", pixels="nearest", views=VIEWS, poses=True)
    assert len(data) == len(scenes) and data.skipped == []
    for item, sample in zip(data, scenes, strict=True):
        assert {item[key].dtype for key in ("image", "depth", "K")} == {torch.float32} and item[
            "valid"
        ].dtype == torch.bool
        assert torch.equal(image_bytes(item["image"]), image_bytes(sample["image"]))
        assert torch.equal(image_bytes(item["right"]), image_bytes(sample["right"]))
        assert torch.equal(image_bytes(item["previous"]), image_bytes(sample["previous"]))
        assert torch.equal(item["valid"], sample["valid"])
        torch.testing.assert_close(item["depth"], sample["depth"], rtol=1e-5, atol=1e-4)  # float32 points
        torch.testing.assert_close(item["K"], sample["K"])
        torch.testing.assert_close(item["baseline"], sample["baseline"])
        for view in ("previous", "next"):
            torch.testing.assert_close(item[f"T_{view}_current"], sample[f"T_{view}_current"], rtol=1e-4, atol=2e-4)


def test_laser_x_and_matlab_pixels_are_the_default(raw: Path, scenes: SceneDataset) -> None:
    """The default places every point one pixel up and left of the nearest one and stores x of the laser, as by hand."""
    default = KittiRaw(raw, raw / "list.txt")[0]["depth"]
    sample = scenes[0]
    K = sample["K"].double()
    points = backproject(sample["depth"].double()[None], K[None])
    x = transform_points(points, invert_pose(T_camera_velo(K))[None])[:, :1]
    expected = torch.where(sample["valid"], x[0], 0).float()
    torch.testing.assert_close(default[:, :-1, :-1], expected[:, 1:, 1:], rtol=1e-5, atol=1e-4)
    assert not bool(default[:, -1].any()) and not bool(default[..., -1].any())


def test_annotated_depth_and_right_camera_frames(raw: Path, scenes: SceneDataset) -> None:
    data = KittiRaw(raw, raw / "list.txt", depth="annotated", annotated=raw / "annotated")
    assert float((data[1]["depth"] - scenes[1]["depth"]).abs().max()) <= 0.5 / 256 + 1e-6
    right = KittiRaw(raw, [RawFrame("2011_09_26_drive_0001_sync", 1, "r")], along="z", pixels="nearest")[0]
    assert torch.equal(image_bytes(right["image"]), image_bytes(scenes[0]["right"]))
    # What the right camera measures, warped to the left by the left one's depth, is that depth.
    sample, T = scenes[0], torch.eye(4)
    T[0, 3] = -sample["baseline"]
    seen, visible = warp(right["depth"][None], sample["depth"][None], sample["K"][None], T[None])
    ratio = (seen / sample["depth"])[visible & (seen > 0)]
    assert float(ratio.median()) == pytest.approx(1, abs=0.01)
    with pytest.raises(ValueError, match="sides='left'"):
        KittiRaw(raw, [RawFrame("2011_09_26_drive_0001_sync", 1, "r")], views=("current", "right"))


def test_loader_works_in_workers_and_fingerprint_sees_files(copy: Path) -> None:
    data = KittiRaw(copy, copy / "list.txt")
    again = pickle.loads(pickle.dumps(data))
    assert torch.equal(again[0]["depth"], data[0]["depth"]) and again.fingerprint() == data.fingerprint()
    before = data.fingerprint()
    scan = drive(copy) / "velodyne_points" / "data" / "0000000001.bin"
    scan.write_bytes(scan.read_bytes()[:-16])
    assert KittiRaw(copy, copy / "list.txt").fingerprint() != before
    assert KittiRaw(copy, copy / "list.txt", along="z").fingerprint() != KittiRaw(copy, copy / "list.txt").fingerprint()


def test_static_frames_and_sides(raw: Path, tmp_path: Path) -> None:
    static = tmp_path / "static.txt"
    static.write_text("2011_09_26 2011_09_26_drive_0002_sync 0000000001\n")
    data = KittiRaw(raw, raw / "list.txt", static=static)
    assert [frame.drive[-9:-5] for frame in data.frames] == ["0001"] and data.static_removed == 1
    with pytest.raises(DataError, match="found no frame"):
        KittiRaw(raw, raw / "list.txt", sides="right")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def swap_lines(path: Path, first: str, second: str) -> None:
    change(path, first, "?")
    change(path, second, first)
    change(path, "?", second)


DAMAGE = {
    "8-bit depth": (lambda r: store(annotated(r), np.full((48, 96), 9, np.uint8)), "found a PNG of 8 bits"),
    "16-bit colour depth": (lambda r: write_rgb16(annotated(r)), "16 bits with three channels"),
    "truncated depth": (lambda r: annotated(r).write_bytes(annotated(r).read_bytes()[:200]), "damaged or cut off"),
    "empty depth": (lambda r: store(annotated(r), np.zeros((48, 96), np.uint16)), "no valid pixel"),
    "depth of another size": (lambda r: store(annotated(r), np.full((40, 96), 999, np.uint16)), "found 96 x 40 pixels"),
    "depth times 1000": (lambda r: store(annotated(r), np.full((48, 96), 40000, np.uint16)), "is the unit another one"),
    "truncated image": (lambda r: image(r).write_bytes(image(r).read_bytes()[:300]), "damaged or cut off"),
    "resized image": (lambda r: Image.new("RGB", (64, 32)).save(image(r)), "found 64 x 32 pixels, expected 96 x 48"),
    "swapped cameras": (lambda r: swap_lines(calib(r), "P_rect_02", "P_rect_03"), "found a baseline of -0.540 m"),
    "missing camera": (lambda r: change(calib(r), "P_rect_03", "P_rect_x"), r"cameras \[0, 1, 2\]"),
    "text in calibration": (
        lambda r: change(calib(r), "R_rect_00: ", "R_rect_00: nonsense "),
        "R_rect_00: found 'nonsense",
    ),
    "no rotation": (lambda r: laser(r).write_text("R: 2 0 0 0 1 0 0 0 1\nT: 0 0 0\n"), "laser, expected a rotation"),
    "laser the wrong way": (lambda r: laser(r).write_text("R: 0 0 1 -1 0 0 0 -1 0\nT: 0 0 0\n"), "forward axis"),
}


def annotated(root: Path) -> Path:
    return (
        root / "annotated" / "train" / drive(root).name / "proj_depth" / "groundtruth" / "image_02" / "0000000001.png"
    )


def image(root: Path) -> Path:
    return drive(root) / "image_02" / "data" / "0000000001.png"


def calib(root: Path) -> Path:
    return root / "2011_09_26" / "calib_cam_to_cam.txt"


def laser(root: Path) -> Path:
    return root / "2011_09_26" / "calib_velo_to_cam.txt"


def store(path: Path, array: np.ndarray) -> None:
    Image.fromarray(array).save(path)


def write_rgb16(path: Path) -> None:
    """A PNG of 16 bits and three channels, as KITTI's flow maps are; written by hand, since Pillow cannot."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x12\x34" * 3 * 96 for _ in range(48))
    header = struct.pack(">IIBBBBB", 96, 48, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(copy: Path, name: str) -> None:
    spoil, message = DAMAGE[name]
    spoil(copy)
    data = KittiRaw(
        copy, copy / "list.txt", depth="annotated", annotated=copy / "annotated", views=("current", "right")
    )
    with pytest.raises(DataError, match=message) as caught:
        data[0]
    assert str(copy) in str(caught.value)  # the file is named


def test_missing_files_are_an_error_or_counted(copy: Path) -> None:
    (drive(copy, 2) / "velodyne_points" / "data" / "0000000001.bin").unlink()
    with pytest.raises(DataError, match="0000000001.bin: no such file.*drive_0002"):
        KittiRaw(copy, copy / "list.txt")
    data = KittiRaw(copy, copy / "list.txt", missing="skip")
    assert len(data) == 1 and data.skipped == ["2011_09_26_drive_0002_sync/0000000001/l"]
    with pytest.raises(DataError, match="eigen/nonsense"):
        KittiRaw(copy, "eigen/nonsense", lists=copy)
    with pytest.raises(DataError, match="lists: found None"):
        KittiRaw(copy, "eigen/test")
    with pytest.raises(DataError, match="no such list"):
        KittiRaw(copy, "eigen/test", lists=copy)


def test_written_files_are_what_the_manifests_say(raw: Path, scenes: SceneDataset, tmp_path: Path) -> None:
    """Every file is found under the manifest's templates and decodes as it says; the list's own entries are
    complete.
    """
    write_kitti_odometry(tmp_path / "odometry", scenes)
    write_kitti_stereo2015(tmp_path / "stereo", scenes)
    write_kitti_depth(tmp_path / "depth" / "depth_selection", scenes)
    write_kitti_depth(tmp_path / "depth" / "depth_selection", scenes, "test")
    frames = parse_raw((raw / "list.txt").read_text().splitlines(), "list")
    write_kitti_annotated(tmp_path / "depth" / "annotated", scenes, frames)
    for name, root, absent in (
        ("kitti", raw, ""),
        ("kitti-odometry", tmp_path / "odometry", "layout times"),
        ("kitti-stereo2015", tmp_path / "stereo", ""),
        ("kitti-depth", tmp_path / "depth", "layout val"),
    ):
        for finding in verify(load_manifest(name), root, full=True).findings:
            assert finding.damaged == 0, finding.offenders
            assert finding.found > 0 or finding.what == absent or finding.what.startswith("split"), finding.what
