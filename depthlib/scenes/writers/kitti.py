"""Frames of the scenes benchmark as KITTI's raw data and as odometry sequences.

Every sample becomes a separate drive (or sequence): frame 1 is the sample, frames 0 and 2 its previous and next view,
if any. The car's calibration is invented but complete: rectification, laser and IMU are all rotated and shifted, so
that a reader that ignores one of them fails. A laser scan is the depth map, one point per pixel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depthlib.data.kitti.poses import EARTH_RADIUS
from depthlib.geometry import backproject, invert_pose, pose_from_euler, transform_points
from depthlib.scenes.writers.pictures import numbers, save_array, save_lines, save_picture
from depthlib.scenes.writers.samples import Folder, Samples, each

LATITUDE, LONGITUDE = 49.0, 8.4
COLOUR_SHIFT = 0.06  # metres from camera 0 to camera 2
STEPS = {"previous": -1, "next": 1}
MIDDLE = 1  # number of the sample's own frame in its drive


def _pose(angles: Sequence[float], translation: Sequence[float]) -> Tensor:
    """[4, 4] float64 of Euler angles in radians and metres."""
    return pose_from_euler(torch.tensor([*translation, *angles], dtype=torch.float64))


# Forward, left and up of the laser become right, down and forward of the camera.
_FORWARD = torch.tensor([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)
RECTIFICATION = _pose((0.004, -0.007, 0.01), (0.0, 0.0, 0.0))
T_CAM0_VELO = _pose((0.006, 0.014, -0.008), (-0.004, -0.076, -0.272)) @ _FORWARD
T_VELO_IMU = _pose((0.014, -0.002, 0.0008), (-0.81, 0.32, -0.80))


def write_kitti_raw(root: Folder, samples: Samples, *, date: str = "2011_09_26") -> list[str]:
    """Write samples as raw drives: images of both colour cameras, scans, oxts records and the three calibration files.

    Args:
        samples: items with image, depth, K and, as far as they have them, right and baseline, previous and next with
            their poses. They share K and, because the calibration belongs to the day, the baseline: those without the
            first one's baseline (to 1e-6 m) need a day of their own.

    Returns:
        the lines of a list in the form "date/drive number side": the frames of the left camera.

    Raises:
        ValueError: no sample, or samples that do not share K, size and baseline.
    """
    items = list(each(samples))
    K, baseline, size = _shared(items)
    day = Path(root) / date
    lines = []
    for number, sample in enumerate(items, start=1):
        drive = day / f"{date}_drive_{number:04d}_sync"
        for step, view in ((0, "image"), (0, "right"), (-1, "previous"), (1, "next")):
            if view in sample:
                folder = "image_03" if view == "right" else "image_02"
                save_picture(drive / folder / "data" / f"{MIDDLE + step:010d}.png", sample[view])
        write_scan(
            drive / "velodyne_points" / "data" / f"{MIDDLE:010d}.bin", scan_points(sample["depth"], K, T_camera_velo(K))
        )
        T_imu_camera = invert_pose(T_camera_velo(K) @ T_VELO_IMU)
        for view in (None, *STEPS):
            if view is None or f"T_{view}_current" in sample:
                T = (
                    torch.eye(4, dtype=torch.float64)
                    if view is None
                    else invert_pose(sample[f"T_{view}_current"].double())
                )
                record = _oxts_record(T_imu_camera @ T @ invert_pose(T_imu_camera))
                save_lines(drive / "oxts" / "data" / f"{MIDDLE + STEPS.get(view or '', 0):010d}.txt", [record])
        lines.append(f"{date}/{drive.name} {MIDDLE} l")
    write_cameras(day / "calib_cam_to_cam.txt", K, baseline, size)
    write_entries(day / "calib_velo_to_cam.txt", {"R": T_CAM0_VELO[:3, :3], "T": T_CAM0_VELO[:3, 3]})
    write_entries(day / "calib_imu_to_velo.txt", {"R": T_VELO_IMU[:3, :3], "T": T_VELO_IMU[:3, 3]})
    return lines


def write_kitti_odometry(root: Folder, samples: Samples) -> list[str]:
    """Write samples as odometry sequences of up to three frames, with scans, calib.txt and the poses of camera 0.

    Args:
        samples: items with image, depth, K and, as far as they have them, right and baseline; previous and next with
            their poses.

    Returns:
        the names of the sequences.

    Raises:
        ValueError: no sample, or samples that do not share K and size.
    """
    names = []
    for number, sample in enumerate(each(samples)):
        K, baseline, _ = _shared([sample])
        name = f"{number:02d}"
        folder = Path(root) / "sequences" / name
        views = [view for view in ("previous", "image", "next") if view in sample]
        poses = {view: invert_pose(sample[f"T_{view}_current"].double()) for view in views if view != "image"}
        poses["image"] = torch.eye(4, dtype=torch.float64)
        T_cam2_cam0 = _shift(COLOUR_SHIFT)
        rows = []
        for position, view in enumerate(views):
            save_picture(folder / "image_2" / f"{position:06d}.png", sample[view])
            pose = invert_pose(T_cam2_cam0) @ invert_pose(poses[views[0]]) @ poses[view] @ T_cam2_cam0
            rows.append(numbers(pose[:3], 13))
        middle = views.index("image")
        if "right" in sample:
            save_picture(folder / "image_3" / f"{middle:06d}.png", sample["right"])
        # Tr of the odometry files leads into rectified camera 0.
        T_rect0_velo = RECTIFICATION @ T_CAM0_VELO
        write_scan(
            folder / "velodyne" / f"{middle:06d}.bin", scan_points(sample["depth"], K, T_cam2_cam0 @ T_rect0_velo)
        )
        cameras = {f"P{camera}": P for camera, P in enumerate(projections(K, baseline))}
        write_entries(folder / "calib.txt", cameras | {"Tr": T_rect0_velo[:3]})
        save_lines(Path(root) / "poses" / f"{name}.txt", rows)
        names.append(name)
    return names


def projections(K: Tensor, baseline: float) -> list[Tensor]:
    """P_rect of cameras 0 to 3, [3, 4] float64: K [I | t]."""
    shifts = (0.0, -baseline, COLOUR_SHIFT, COLOUR_SHIFT - baseline)
    return [torch.cat((K, K @ torch.tensor([[shift], [0.0], [0.0]], dtype=torch.float64)), dim=1) for shift in shifts]


def T_camera_velo(K: Tensor) -> Tensor:
    """Laser to the left colour camera of the invented car, [4, 4] float64."""
    return _shift(COLOUR_SHIFT) @ RECTIFICATION @ T_CAM0_VELO


def scan_points(depth: Tensor, K: Tensor, T_camera_velo: Tensor) -> Tensor:
    """Every valid pixel of [1, H, W] depth as a point in the laser's frame, [N, 4] float32 with reflectance 0."""
    points = transform_points(backproject(depth.double()[None], K[None]), invert_pose(T_camera_velo)[None])
    xyz = points[0].flatten(1).T[depth.flatten() > 0]
    return torch.cat((xyz, torch.zeros_like(xyz[:, :1])), dim=1).float()


def write_scan(path: Path, points: Tensor) -> None:
    save_array(path, Path.write_bytes, points.numpy().astype("<f4").tobytes())


def write_cameras(path: Path, K: Tensor, baseline: float, size: tuple[int, int]) -> None:
    """A calib_cam_to_cam.txt with the four rectified cameras; `size` is (height, width)."""
    entries: dict[str, Any] = {}
    for camera, projection in enumerate(projections(K, baseline)):
        entries |= {
            f"S_rect_{camera:02d}": [size[1], size[0]],
            f"R_rect_{camera:02d}": RECTIFICATION[:3, :3],
            f"P_rect_{camera:02d}": projection,
        }
    write_entries(path, entries)


def write_entries(path: Path, entries: Mapping[str, Any]) -> None:
    """A calibration file, "key: numbers" a line."""
    save_lines(path, (f"{key}: {numbers(values, 13)}" for key, values in entries.items()))


def _shift(x: float) -> Tensor:
    return _pose((0.0, 0.0, 0.0), (x, 0.0, 0.0))


def _shared(samples: Sequence[Mapping[str, Any]]) -> tuple[Tensor, float, tuple[int, int]]:
    """K float64, baseline in metres (0.54 where the samples have none), (height, width)."""
    cameras = {
        (
            tuple(sample["K"].flatten().tolist()),
            tuple(sample["image"].shape[-2:]),
            round(float(sample.get("baseline", 0.54)), 6),
        )
        for sample in samples
    }
    if len(cameras) > 1:
        raise ValueError(f"samples: found {len(cameras)} combinations of K, size and baseline, expected one for all")
    K, first = samples[0]["K"].double(), samples[0]
    return K, float(first.get("baseline", 0.54)), (first["image"].shape[-2], first["image"].shape[-1])


def _oxts_record(T_first_imu: Tensor) -> str:
    """The 30 numbers of a record with pose `T_first_imu` relative to one at (LATITUDE, LONGITUDE) that looks east."""
    scale = math.cos(math.radians(LATITUDE)) * EARTH_RADIUS
    x, y, z = T_first_imu[:3, 3].tolist()
    north = math.log(math.tan(math.pi / 4 + math.radians(LATITUDE) / 2)) + y / scale
    latitude = math.degrees(2 * math.atan(math.exp(north)) - math.pi / 2)
    R = T_first_imu[:3, :3]
    roll, yaw = math.atan2(float(R[2, 1]), float(R[2, 2])), math.atan2(float(R[1, 0]), float(R[0, 0]))
    pitch = math.asin(max(-1.0, min(1.0, -float(R[2, 0]))))
    values = [latitude, LONGITUDE + math.degrees(x / scale), 112.0 + z, roll, pitch, yaw] + [0.0] * 24
    return " ".join(f"{value:.17g}" for value in values)
