"""Poses of the car: GPS/IMU records of the raw data, and the odometry benchmark. float64 throughout."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from depthlib.data.errors import DataError
from depthlib.data.files import read_lines, read_numbers
from depthlib.geometry import make_pose

EARTH_RADIUS = 6378137.0  # metres, of the Mercator projection


def read_oxts(path: Path) -> Tensor:
    """The 30 numbers of a record (lat, lon [degrees], alt [m], roll, pitch, yaw [rad], ...), [30] float64.

    Raises:
        DataError: missing, another number of values, or angles out of range.
    """
    values = torch.from_numpy(read_numbers(path, (30,)))
    latitude, longitude = values[0].item(), values[1].item()
    if not (abs(latitude) < 85 and abs(longitude) <= 180 and float(values[3:6].abs().max()) <= 2 * math.pi):
        found = f"latitude {latitude:g}, longitude {longitude:g}, angles {values[3:6].tolist()}"
        raise DataError(f"{path}: found {found}, expected degrees and radians")
    return values


def oxts_pose(record: Tensor, latitude: float) -> Tensor:
    """T_world_imu [4, 4] of a record: Mercator projection scaled for `latitude` (degrees, the same for all poses of a
    drive), z up.

    East is x, north is y, altitude is z; the rotation is Rz(yaw) Ry(pitch) Rx(roll) (KITTI's raw data, Geiger et al.
    2013).
    """
    scale = math.cos(math.radians(latitude)) * EARTH_RADIUS
    lat, lon, altitude, roll, pitch, yaw = record[:6].tolist()
    position = [scale * math.radians(lon), scale * math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)), altitude]
    (cr, sr), (cp, sp), (cy, sy) = ((math.cos(angle), math.sin(angle)) for angle in (roll, pitch, yaw))
    rotation = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    return make_pose(torch.tensor(rotation, dtype=torch.float64), torch.tensor(position, dtype=torch.float64))


def read_poses(path: Path) -> Tensor:
    """Poses of an odometry sequence, [N, 4, 4]: T_first_i of the left *grey* camera (0), 12 numbers a line.

    Raises:
        DataError: missing, a line without 12 numbers, or a matrix that is no rigid motion.
    """
    lines = read_lines(path)
    if wrong := next((number for number, line in enumerate(lines, 1) if len(line) != 12), None):
        raise DataError(
            f"{path}, line {wrong}: found {len(lines[wrong - 1])} values, expected 12 (the rows of [R | t])"
        )
    rows = torch.from_numpy(read_numbers(path, (len(lines), 3, 4)))
    R = rows[:, :, :3]
    rigid = (R @ R.transpose(1, 2) - torch.eye(3, dtype=R.dtype)).abs().amax((1, 2)) < 1e-3
    rigid &= torch.linalg.det(R) > 0
    if not bool(rigid.all()):
        worst = int((~rigid).nonzero()[0]) + 1
        raise DataError(f"{path}, line {worst}: found a left 3 x 3 part that is no rotation, expected rows of [R | t]")
    return make_pose(R.contiguous(), rows[:, :, 3])
