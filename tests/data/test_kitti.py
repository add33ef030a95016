"""KITTI: files written from the scenes come back, damaged ones are refused, and the pieces agree with closed forms."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from depthlib.data.errors import DataError
from depthlib.data.kitti import (
    KittiDepth,
    KittiOdometry,
    KittiRaw,
    KittiStereo2015,
    RawFrame,
    check_submission,
    oxts_pose,
    parse_mapping,
    parse_raw,
    parse_static,
    project_scan,
    read_poses,
    read_projected,
    read_scan,
    read_submission,
    split_lines,
    without_static,
    write_submission,
)
from depthlib.data.kitti.depth import ANNOTATED
from depthlib.data.kitti.stereo2015 import DISPARITY
from depthlib.data.manifest import load_manifest
from depthlib.data.verify import verify
from depthlib.geometry import backproject, invert_pose, transform_points, warp
from depthlib.metrics.benchmark import disparity_outliers
from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes.writers.kitti import T_camera_velo, write_kitti_odometry, write_kitti_raw
from depthlib.scenes.writers.kitti_benchmarks import (
    CITYSCAPES_OF_STREETS,
    write_kitti_annotated,
    write_kitti_depth,
    write_kitti_stereo2015,
)

VIEWS = ("current", "right", "previous", "next")


@pytest.fixture(scope="module")
def scenes() -> SceneDataset:
    distribution = SceneDistribution("streets", height=48, width=96, antialias=1)
    return SceneDataset(distribution, "val", 2, views=VIEWS, extras=("disparity",), cache=False)


@pytest.fixture(scope="module")
def raw(scenes: SceneDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw data with a list and annotated depth beside it; the tests that damage something copy it first."""
    root = tmp_path_factory.mktemp("kitti")
    lines = write_kitti_raw(root, scenes)
    (root / "list.txt").write_text("\n".join(lines) + "\n")
    write_kitti_annotated(root / "annotated", scenes, parse_raw(lines, "lines"))
    return root


@pytest.fixture
def copy(raw: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(raw, tmp_path / "kitti"))


def drive(root: Path, number: int = 1) -> Path:
    return root / "2011_09_26" / f"2011_09_26_drive_{number:04d}_sync"


def image_bytes(image: torch.Tensor) -> torch.Tensor:
    return (image * 255).round().byte()


# Round trips -----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_raw_comes_back(raw: Path, scenes: SceneDataset) -> None:
    """Camera z at the nearest pixel is the scene's depth; a wrong transform (rectification, laser, order) misplaces it."""
    data = KittiRaw(raw, raw / "list.txt", along="z", pixels="nearest", views=VIEWS, poses=True)
    assert len(data) == len(scenes) and data.skipped == []
    for item, sample in zip(data, scenes, strict=True):
        assert {item[key].dtype for key in ("image", "depth", "K")} == {torch.float32} and item["valid"].dtype == torch.bool
        assert torch.equal(image_bytes(item["image"]), image_bytes(sample["image"]))
        assert torch.equal(image_bytes(item["right"]), image_bytes(sample["right"]))
        assert torch.equal(image_bytes(item["previous"]), image_bytes(sample["previous"]))
        assert torch.equal(item["valid"], sample["valid"])
        torch.testing.assert_close(item["depth"], sample["depth"], rtol=1e-5, atol=1e-4)    # float32 points
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


def test_odometry_comes_back(scenes: SceneDataset, tmp_path: Path) -> None:
    """The poses on file are of camera 0: a reader that takes them for camera 2's is off by the lever arm when the car turns."""
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


def test_depth_selection_and_stereo2015_come_back(scenes: SceneDataset, tmp_path: Path) -> None:
    write_kitti_depth(tmp_path / "selection", scenes)
    data = KittiDepth(tmp_path / "selection", "val")
    assert len(data) == 2 and len(data[0]["name"].split("_image_")) == 3
    assert float((data[1]["depth"] - scenes[1]["depth"]).abs().max()) <= 0.5 / 256 + 1e-6
    torch.testing.assert_close(data[0]["K"], scenes[0]["K"])
    write_kitti_depth(tmp_path / "selection", scenes, "test")
    assert set(KittiDepth(tmp_path / "selection", "test")[0]) == {"image", "K", "name"}

    write_kitti_stereo2015(tmp_path / "stereo", scenes)
    item, sample = KittiStereo2015(tmp_path / "stereo", semantics=True)[0], scenes[0]
    assert float((item["disparity"] - sample["disparity"]).abs().max()) <= 0.5 / 256 + 1e-5
    near = sample["valid"] & (sample["depth"] < 30)
    assert float((item["depth"] / sample["depth"] - 1).abs()[near].max()) < 0.01
    assert torch.equal(image_bytes(item["right"]), image_bytes(sample["right"]))
    inside = KittiStereo2015(tmp_path / "stereo", occluded=False)[0]["valid"]
    assert bool((inside <= item["valid"]).all()) and int(inside.sum()) < int(item["valid"].sum())
    # Writing went over label ids; reading gives training ids, which keep classes apart and put road first and sky eleventh.
    road, sky = (label == CITYSCAPES_OF_STREETS for label in (7, 23))
    assert torch.equal(item["semantics"] == 0, torch.from_numpy(road)[sample["semantics"]])
    assert torch.equal(item["semantics"] == 10, torch.from_numpy(sky)[sample["semantics"]])


def test_submission_round_trip_and_checks(tmp_path: Path) -> None:
    depth = torch.linspace(2, 80, 12 * 16).reshape(1, 12, 16)
    depth[0, 0, 0] = 0
    for index in range(2):
        write_submission(tmp_path, index, depth)
    loaded, known = read_submission(tmp_path / "0000000001.png", (12, 16))
    assert float((loaded - depth).abs().max()) <= 0.5 / 256 + 1e-6 and int((~known).sum()) == 1
    report = check_submission(tmp_path, count=2, size=(12, 16))
    assert report.files == 2 and report.holes == pytest.approx(1 / 192) and report.farthest == 80
    with pytest.raises(DataError, match="found 2 of 3 predictions, 0000000002.png"):
        check_submission(tmp_path, count=3, size=(12, 16))
    with pytest.raises(DataError, match="expected 1216 x 352"):
        check_submission(tmp_path, count=2)
    Image.fromarray(np.full((12, 16), 200, np.uint8)).save(tmp_path / "0000000001.png")
    with pytest.raises(DataError, match="found a PNG of 8 bits.*expected 16 bits"):
        check_submission(tmp_path, count=2, size=(12, 16))
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match=r"found notes\.txt"):
        check_submission(tmp_path, count=2, size=(12, 16))


# Pieces against closed forms --------------------------------------------------------------------------------------------------


def test_projection_by_hand() -> None:
    """Two points in one pixel: the nearer stays; points behind, outside and with negative x are dropped; no row wraps over."""
    K = torch.tensor([[100.0, 0, 5], [0, 100, 4], [0, 0, 1]], dtype=torch.float64)
    T = torch.eye(4, dtype=torch.float64)
    T[:3, :3] = torch.tensor([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    T[2, 3] = -0.3
    points = torch.tensor([[10.3, 0, 0], [20.3, 0, 0], [-5.0, 0, 0], [10.3, -9, 0], [10.3, 0.5, 0], [0.2, 0, 0]])
    depth = project_scan(points, T, K, 10, 12, along="z", pixels="nearest")
    assert depth[0, 4, 5] == pytest.approx(10) and depth[0, 4, 0] == pytest.approx(10) and int((depth > 0).sum()) == 2
    forward = project_scan(points, T, K, 10, 12)
    assert forward[0, 3, 4] == pytest.approx(10.3) and int((forward > 0).sum()) == 1        # u = 0 leaves the image at -1
    T[2, 3] = 0.3           # a camera behind the laser sees points with negative x; they do not count
    assert not bool(project_scan(torch.tensor([[-0.1, 0.0, 0.0]]), T, K, 10, 12, along="z", pixels="nearest").any())
    with pytest.raises(ValueError, match="along"):
        project_scan(points, T, K, 10, 12, along="y")       # type: ignore[arg-type]


def test_oxts_pose_moves_as_the_earth_is_large() -> None:
    """One arc second to the north is 30.9 m, to the east that times the cosine of the latitude; yaw turns x towards north."""
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
    base[5], base[4] = 0, 0.1           # nose down
    assert oxts_pose(base, 49.0)[2, 0].item() == pytest.approx(-math.sin(0.1))
    base[4], base[3] = 0, 0.1           # left side up: y points up
    assert oxts_pose(base, 49.0)[2, 1].item() == pytest.approx(math.sin(0.1))


def test_lists_are_understood_in_every_spelling() -> None:
    frame = RawFrame("2011_09_26_drive_0002_sync", 69, "l")
    lines = ["2011_09_26/2011_09_26_drive_0002_sync 69 l", "2011_09_26/2011_09_26_drive_0002_sync 0000000069 l",
             "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png",
             "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.jpg "
             "2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png 721.5377"]
    assert parse_raw(lines, "lines") == [frame] * 4
    assert parse_raw(["2011_09_26/2011_09_26_drive_0002_sync/image_03/data/0000000001.png"], "x")[0].side == "r"
    for wrong in ("2011_09_26/2011_09_26_drive_0002_sync 69", "2011_09_26_drive_0002_sync 69 m", "0 69 l"):
        with pytest.raises(DataError, match="list.txt, line 2"):
            parse_raw([lines[0], wrong], "list.txt")
    static = parse_static(["2011_09_26 2011_09_26_drive_0002_sync 0000000069"], "static")
    assert without_static([frame, frame._replace(side="r"), frame._replace(number=70)], static) == [frame._replace(number=70)]
    assert parse_mapping("2011_09_26 2011_09_26_drive_0002_sync 69\n\n", "m") == [frame, None]


def test_d1_counts_errors_that_are_large_in_both_ways() -> None:
    truth = torch.tensor([10.0, 10, 100, 100, 10])
    estimate = torch.tensor([12.9, 13.1, 104.9, 105.1, 99])
    valid = torch.tensor([True, True, True, True, False])
    assert disparity_outliers(*(x.view(1, 1, 1, -1) for x in (estimate, truth, valid))).item() == 0.5


# Damage ----------------------------------------------------------------------------------------------------------------------


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
    "text in calibration": (lambda r: change(calib(r), "R_rect_00: ", "R_rect_00: nonsense "), "R_rect_00: found 'nonsense"),
    "no rotation": (lambda r: laser(r).write_text("R: 2 0 0 0 1 0 0 0 1\nT: 0 0 0\n"), "laser, expected a rotation"),
    "laser the wrong way": (lambda r: laser(r).write_text("R: 0 0 1 -1 0 0 0 -1 0\nT: 0 0 0\n"), "forward axis"),
}


def annotated(root: Path) -> Path:
    return root / "annotated" / "train" / drive(root).name / "proj_depth" / "groundtruth" / "image_02" / "0000000001.png"


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
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(copy: Path, name: str) -> None:
    spoil, message = DAMAGE[name]
    spoil(copy)
    data = KittiRaw(copy, copy / "list.txt", depth="annotated", annotated=copy / "annotated", views=("current", "right"))
    with pytest.raises(DataError, match=message) as caught:
        data[0]
    assert str(copy) in str(caught.value)       # the file is named


def test_damaged_scans_are_named(tmp_path: Path) -> None:
    path = tmp_path / "0.bin"
    points = np.random.default_rng(0).uniform(-30, 30, (50, 4)).astype("<f4")
    for data, message in ((points.tobytes()[:-3], "multiple of 16"), (b"", "is empty"),
                          ((points * 1000).tobytes(), "expected float32 metres"),
                          (np.where(points > 29, np.nan, points).astype("<f4").tobytes(), "not finite"),
                          (points.astype("<f8").tobytes(), "not finite|expected float32")):
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


def test_edited_list_is_refused(tmp_path: Path) -> None:
    entry = load_manifest("kitti").splits["eigen/test"]
    path = tmp_path / entry.list
    path.parent.mkdir(parents=True)
    path.write_text("2011_09_26/2011_09_26_drive_0002_sync 0000000069 l\n" * entry.lines)
    with pytest.raises(DataError, match="sha256"):
        split_lines("kitti", "eigen/test", tmp_path)


def test_wrong_poses_are_named(tmp_path: Path) -> None:
    path = tmp_path / "09.txt"
    path.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 0 0 0 1\n")
    with pytest.raises(DataError, match="line 2: found 11 values"):
        read_poses(path)
    path.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n2 0 0 0 0 1 0 0 0 0 1 0\n")
    with pytest.raises(DataError, match="line 2: .*no rotation"):
        read_poses(path)


def test_written_files_are_what_the_manifests_say(raw: Path, scenes: SceneDataset, tmp_path: Path) -> None:
    """Every file is found under the manifest's templates and decodes as it says; the list's own entries are complete."""
    write_kitti_odometry(tmp_path / "odometry", scenes)
    write_kitti_stereo2015(tmp_path / "stereo", scenes)
    write_kitti_depth(tmp_path / "depth" / "depth_selection", scenes)
    write_kitti_depth(tmp_path / "depth" / "depth_selection", scenes, "test")
    frames = parse_raw((raw / "list.txt").read_text().splitlines(), "list")
    write_kitti_annotated(tmp_path / "depth" / "annotated", scenes, frames)
    for name, root, absent in (("kitti", raw, ""), ("kitti-odometry", tmp_path / "odometry", "layout times"),
                               ("kitti-stereo2015", tmp_path / "stereo", ""), ("kitti-depth", tmp_path / "depth", "layout val")):
        for finding in verify(load_manifest(name), root, full=True).findings:
            assert finding.damaged == 0, finding.offenders
            assert finding.found > 0 or finding.what == absent or finding.what.startswith("split"), finding.what


def test_loaders_and_manifests_say_the_same() -> None:
    depth, stereo = load_manifest("kitti-depth"), load_manifest("kitti-stereo2015")
    for stated, used in ((depth.encodings["annotated"], ANNOTATED), (stereo.encodings["disparity"], DISPARITY)):
        assert (stated.dtype, stated.scale, stated.offset, stated.invalid, stated.range) == (
            used.dtype, used.scale, used.offset, used.invalid, used.range)
