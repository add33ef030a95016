"""Real frames of KITTI: the geometry, the projections and the published figures of the loaders on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from real_pairs import grey
from samples import SAMPLES, real
from skimage.transform import resize

from depthlib.data.errors import DataError
from depthlib.data.kitti import (
    KittiFormatted,
    KittiRaw,
    drive_frames,
    parse_raw,
    parse_static,
    project_scan,
    raw_frames,
    read_annotated,
    read_disparity,
    read_poses,
    read_projected,
    read_raw_calibration,
    read_scan,
    read_sequence_calibration,
    split_lines,
    without_static,
)
from depthlib.data.kitti_drive import drive
from depthlib.geometry import backproject, invert_pose, transform_points, warp, warp_disparity
from depthlib.metrics.benchmark import disparity_outliers


@pytest.fixture(scope="module")
def drive_0023() -> Path:
    assert SAMPLES is not None
    return SAMPLES / "kitti" / "raw_drive_0023_packnet"


@pytest.mark.slow
@real
def test_real_stereo_warp(drive_0023: Path) -> None:
    """Frame 3: mean grey difference 11.9 of 255 at the laser's pixels after the warp, 49.3 before; to 0.1."""
    frames = drive_frames(drive_0023, "2011_09_26_drive_0023_sync")
    item = KittiRaw(drive_0023, frames[3:4], depth="projected", views=("current", "right"))[0]
    assert float(item["K"][0, 0]) == pytest.approx(721.5377) and float(item["baseline"]) == pytest.approx(
        0.5327, abs=5e-5
    )
    disparity = torch.where(item["valid"], item["K"][0, 0] * item["baseline"] / item["depth"].clamp(min=0.1), 0)
    warped, visible = warp_disparity(grey(item["right"])[None], disparity[None])
    seen = visible[0] & item["valid"]
    left = grey(item["image"])
    assert float((warped[0] - left).abs()[seen].mean()) == pytest.approx(11.9, abs=0.1)
    assert float((grey(item["right"]) - left).abs()[seen].mean()) == pytest.approx(49.3, abs=0.1)
    # The millimetres along y and z that the baseline alone leaves out bring it down a little.
    exact, visible = warp(item["right"][None], item["depth"][None], item["K"][None], item["T_right_current"][None])
    assert float((grey(exact[0]) - left).abs()[visible[0] & item["valid"]].mean()) < 11.6


@pytest.mark.slow
@real
@pytest.mark.parametrize("view", ["previous", "next"])
def test_real_pose_warp(drive_0023: Path, view: str) -> None:
    """Poses from oxts and calibration: 13 to 19 of 255 at frames 1 to 5, about 15 in the mean; 40 to 55 unwarped.

    A wrong sign gives 54 to 70.
    """
    frames = drive_frames(drive_0023, "2011_09_26_drive_0023_sync")
    after = []
    for item in KittiRaw(drive_0023, frames[1:6], depth="projected", views=("current", view), poses=True):
        T = item[f"T_{view}_current"]
        assert 0.8 < float(T[2, 3].abs()) < 1.1  # metres a frame, along z
        warped, visible = warp(item[view][None], item["depth"][None], item["K"][None], T[None])
        seen = visible[0] & item["valid"]
        after.append(float((grey(warped[0]) - grey(item["image"])).abs()[seen].mean()))
        assert float((grey(item[view]) - grey(item["image"])).abs()[seen].mean()) > 2.5 * after[-1]
    assert np.mean(after) == pytest.approx(15.3, abs=0.5) and max(after) < 20


@pytest.mark.slow
@real
def test_real_projections_of_both_cameras_agree(drive_0023: Path) -> None:
    """Points lifted from the stored map of camera 2 and projected by us into camera 3 are those stored there.

    Their camera z differs between the two by P_rect's z offsets, 16 micrometres, and must agree to 2e-5 m; the pixel
    may be off by one, since the stored one is rounded.
    """
    calibration = read_raw_calibration(drive_0023 / "2011_09_26")
    folder = drive_0023 / "2011_09_26" / "2011_09_26_drive_0023_sync" / "proj_depth" / "velodyne"
    left, right = (read_projected(folder / f"image_0{camera}" / "0000000003.npz") for camera in (2, 3))
    height, width = left.shape[-2:]
    K = calibration.K(2)
    shifted = torch.zeros_like(left)
    shifted[:, 1:, 1:] = left[:, :-1, :-1]  # round(u) - 1 was stored
    points = backproject(shifted.double()[None], K[None])
    laser = (
        transform_points(points, invert_pose(calibration.T_camera_velo(2))[None])[0].flatten(1).T[shifted.flatten() > 0]
    )
    again = project_scan(laser, calibration.T_camera_velo(2), K, height, width, along="z")
    torch.testing.assert_close(again[:, :-1, :-1], left[:, :-1, :-1], rtol=0, atol=1e-5)
    other = project_scan(laser, calibration.T_camera_velo(3), calibration.K(3), height, width, along="z")[0]
    around = torch.nn.functional.unfold(right[None], 3, padding=1).reshape(9, height, width)
    agree = ((around - other).abs() < 2e-5).any(0)[other > 0]
    assert len(agree) > 18000 and float(agree.double().mean()) > 0.995
    forward = project_scan(laser, calibration.T_camera_velo(2), K, height, width)
    both = (forward > 0) & (again > 0)
    assert (
        0.25 < float((forward - again)[both].median()) < 0.31
    )  # the laser's x is some 0.27 m more than the camera's z


@real
def test_real_scans_meet_the_object_labels() -> None:
    """Depth inside a labelled 2-D box is the labelled z, within the size of the object; the whole scan spans 4.2 to 79
    m.
    """
    assert SAMPLES is not None
    folder = SAMPLES / "kitti" / "object" / "training"
    calibration = read_sequence_calibration(folder / "calib" / "000002.txt")
    with Image.open(folder / "image_2" / "000002.png") as picture:
        width, height = picture.size
    scan = read_scan(folder / "velodyne" / "000002.bin")
    depth = project_scan(scan, calibration.T_camera_velo(2), calibration.K(2), height, width, along="z")
    assert 4.2 < float(depth[depth > 0].min()) < 5 and 78 < float(depth.max()) < 80
    for line in (folder / "label_2" / "000002.txt").read_text().splitlines():
        fields = line.split()
        x0, y0, x1, y1 = (int(float(text)) for text in fields[4:8])
        box = depth[0, y0:y1, x0:x1]
        assert float(box[box > 0].median()) == pytest.approx(
            float(fields[13]), abs=max(float(fields[9]), float(fields[10])) / 2
        )


@pytest.mark.slow
@real
def test_real_annotated_depth_and_formatted_frames() -> None:
    assert SAMPLES is not None
    for number in (5, 50):
        depth, valid = read_annotated(SAMPLES / "kitti" / "depth_annotated_drive_0001" / "depth" / f"{number:010d}.png")
        assert 0.17 < float(valid.float().mean()) < 0.22 and 50 < float(depth.max()) < 86
    root = SAMPLES / "kitti" / "sfmlearner_format"
    drive_0016 = "2011_09_28_drive_0016_sync_02"
    stored = KittiFormatted(root / "formed-kitti", [drive_0016], depth="stored")
    assert len(stored) == 6
    for item in stored:
        assert item["image"].shape[-2:] == (128, 416) and 0.28 < float(item["valid"].float().mean()) < 0.33
        assert float(item["depth"].max()) < 79
    triplets = KittiFormatted(root / "test", ["2011_09_26_drive_0001_sync_02"], views=("current", "previous", "next"))
    assert len(triplets) == 106 and triplets[0]["name"].endswith("0000000001")
    # The intrinsics are those of the day, scaled to 416 x 128 (to 2 %).
    K = triplets[0]["K"]
    assert float(K[0, 0]) == pytest.approx(721.5377 * 416 / 1242, rel=0.02)
    assert float(K[1, 1]) == pytest.approx(721.5377 * 128 / 375, rel=0.02)
    static = parse_static((SAMPLES / "splits" / "sfmlearner" / "static_frames.txt").read_text().splitlines(), "static")
    assert sum(name == drive_0016[:-3] for name, _ in static) == 185


@real
def test_real_disparity_error() -> None:
    """The devkit's estimate against its truth: D1 13.623 % of 111,326 pixels, 14.945 % beyond 3 px, 2.370 px in the
    mean.
    """
    assert SAMPLES is not None
    folder = SAMPLES / "kitti" / "stereo2015_devkit"
    truth, known = read_disparity(folder / "matlab" / "data" / "disp_gt.png")
    estimate, _ = read_disparity(folder / "matlab" / "data" / "disp_est.png")
    valid = known  # the devkit counts holes of the estimate as disparity 0
    error = (estimate - truth).abs()[valid]
    assert int(valid.sum()) == 111326
    assert 100 * disparity_outliers(estimate[None], truth[None], valid[None]).item() == pytest.approx(13.623, abs=5e-4)
    assert 100 * (error > 3).double().mean().item() == pytest.approx(14.945, abs=5e-4)
    assert error.double().mean().item() == pytest.approx(2.370, abs=5e-4)
    frames = raw_frames(folder / "mapping" / "train_mapping.txt")
    assert len(frames) == 200 and sum(frame is not None for frame in frames.values()) == 142


@pytest.mark.slow
@real
def test_real_drives_are_cut_alike_and_test_frames_are_kept_out(drive_0023: Path) -> None:
    train, test, other = (drive(part) for part in ("train", "test", "other"))
    assert len(test) == 2 and len(other) == 7
    stems = {train.frames.entries[row]["current"].stem for row in train.rows}
    assert len(stems) == len(train) > 100 and not stems & {"0000000005", "0000000050"}
    assert (
        train[0]["image"].shape
        == train[0]["next"].shape
        == test[0]["image"].shape
        == other[0]["image"].shape
        == (3, 128, 384)
    )
    whole = KittiRaw(drive_0023, drive_frames(drive_0023, "2011_09_26_drive_0023_sync"), depth="projected")[2]
    small = resize(whole["image"].permute(1, 2, 0).numpy(), (128, 416), order=1, anti_aliasing=True)[:, 16:-16]
    found = other[2]
    assert np.abs(found["image"].permute(1, 2, 0).numpy() - small).mean() < 0.01  # another filter, and no other place:
    assert np.abs(found["image"].permute(1, 2, 0).numpy()[:, :-4] - small[:, 4:]).mean() > 0.03
    lost = round(16 / 416 * whole["depth"].shape[-1])
    assert torch.equal(found["depth"], whole["depth"][..., lost:-lost]) and torch.equal(
        found["valid"], found["depth"] > 0
    )


def test_the_drives_refuse_another_part_and_a_machine_without_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="part: found 'val', expected one of train, test, other"):
        drive("val")
    monkeypatch.delenv("DEPTHLIB_SAMPLES", raising=False)
    with pytest.raises(DataError, match="DEPTHLIB_SAMPLES: found no folder"):
        drive("train")


@real
def test_real_odometry_poses() -> None:
    assert SAMPLES is not None
    for sequence, count in (("00", 4541), ("09", 1591), ("10", 1201)):
        poses = read_poses(SAMPLES / "kitti" / "odometry_poses" / f"{sequence}.txt")
        assert poses.shape == (count, 4, 4)
        torch.testing.assert_close(poses[0], torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-6)
        forward = (torch.linalg.inv(poses[:-1]) @ poses[1:])[:, 2, 3]
        assert float(forward.min()) > -0.1 and float(forward.median()) > 0.5  # the car drives along +z


@pytest.mark.slow
@real
def test_real_lists_match_the_manifests() -> None:
    assert SAMPLES is not None
    counts = {
        "eigen/test": 697,
        "eigen_benchmark/test": 652,
        "eigen_zhou/train": 39810,
        "eigen_zhou/val": 4424,
        "eigen_full/train": 45200,
        "eigen_full/val": 1776,
        "benchmark/val": 6060,
    }
    frames = {name: parse_raw(split_lines("kitti", name, SAMPLES / "splits"), name) for name in counts}
    assert {name: len(lines) for name, lines in frames.items()} == counts
    static = parse_static(split_lines("kitti", "static", SAMPLES / "splits"), "static")
    assert without_static(frames["eigen_zhou/train"], static) == frames["eigen_zhou/train"]
    assert len(without_static(frames["eigen_full/train"], static)) < counts["eigen_full/train"]
