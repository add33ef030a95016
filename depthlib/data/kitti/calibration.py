"""KITTI's calibration files: from a laser or IMU point to a pixel of one of the four rectified cameras.

    pixel = P_rect_i * R_rect_00 * Tr_velo_cam * point                       (Geiger et al. 2013)

Camera 0 is the left grey one, 1 the right grey one, 2 the left and 3 the right colour camera. P_rect_i = K [I | t_i]:
the fourth column holds K t_i, the offset of camera i from camera 0; camera 2 is not camera 0. All tensors are float64.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from depthlib.data.errors import DataError
from depthlib.data.files import read_text
from depthlib.geometry import make_pose

BASELINE_RANGE = (0.05, 2.0)


@dataclass(frozen=True)
class Calibration:
    """One day, sequence or frame of KITTI.

    Attributes:
        source: the file with the cameras, for messages.
        projections: camera -> P_rect, [3, 4].
        rectification: R_rect_00 as [4, 4].
        T_cam0_velo: laser to unrectified camera 0, [4, 4], or None if no file has it.
        T_velo_imu: IMU to laser, [4, 4], or None.
        sizes: camera -> (height, width) of the rectified images; empty if the file does not have it.
    """

    source: Path
    projections: dict[int, Tensor]
    rectification: Tensor
    T_cam0_velo: Tensor | None
    T_velo_imu: Tensor | None
    sizes: dict[int, tuple[int, int]]

    def _projection(self, camera: int) -> Tensor:
        if camera not in self.projections:
            raise DataError(f"{self.source}: found cameras {sorted(self.projections)}, expected camera {camera}")
        return self.projections[camera]

    def K(self, camera: int) -> Tensor:
        """[3, 3] pixels."""
        return self._projection(camera)[:, :3]

    def T_camera_rect0(self, camera: int) -> Tensor:
        """Rectified camera 0 to `camera`, [4, 4]: t = K^-1 P[:, 3]."""
        projection = self._projection(camera)
        shift = torch.linalg.solve(projection[:, :3], projection[:, 3])
        return make_pose(torch.eye(3, dtype=shift.dtype), shift)

    def T_camera_velo(self, camera: int) -> Tensor:
        """Laser to `camera`, [4, 4].

        Raises:
            DataError: no calibration of the laser.
        """
        if self.T_cam0_velo is None:
            raise DataError(f"{self.source}: found no laser, expected calib_velo_to_cam.txt beside it, or Tr")
        return self.T_camera_rect0(camera) @ self.rectification @ self.T_cam0_velo

    def T_camera_imu(self, camera: int) -> Tensor:
        """IMU to `camera`, [4, 4].

        Raises:
            DataError: no calibration of the laser or of the IMU.
        """
        if self.T_velo_imu is None:
            raise DataError(f"{self.source}: found no IMU, expected calib_imu_to_velo.txt beside it")
        return self.T_camera_velo(camera) @ self.T_velo_imu

    def T_right_left(self) -> Tensor:
        """Camera 2 to camera 3, [4, 4]; nearly a pure shift along x."""
        return self.T_camera_rect0(3) @ torch.linalg.inv(self.T_camera_rect0(2))

    def baseline(self) -> float:
        """Distance of the colour cameras along x, metres (0.5327 on 2011_09_26).

        Raises:
            DataError: it is not plausible; a negative one means that the cameras are swapped.
        """
        metres = -float(self.T_right_left()[0, 3])
        if not BASELINE_RANGE[0] < metres < BASELINE_RANGE[1]:
            wanted = "about 0.53 m: P_rect_02 and P_rect_03 are wrong"
            raise DataError(f"{self.source}: found a baseline of {metres:.3f} m, expected {wanted}")
        return metres

    def check_size(self, camera: int, height: int, width: int, image: Path) -> None:
        """Rectified sizes differ between days, so an image of another size has another calibration (or was resized).

        Raises:
            DataError: the image's size is not that of the calibration.
        """
        expected = self.sizes.get(camera)
        if expected is not None and expected != (height, width):
            wanted = f"{expected[1]} x {expected[0]} as {self.source} says: resized, or the calibration of another day"
            raise DataError(f"{image}: found {width} x {height} pixels, expected {wanted}")


def read_raw_calibration(folder: Path) -> Calibration:
    """The three files of one day of the raw data; those of laser and IMU may be absent.

    Raises:
        DataError: a file cannot be read, lacks an entry, or holds implausible values.
    """
    cameras = folder / "calib_cam_to_cam.txt"
    return _camera_file(cameras, _rigid(folder / "calib_velo_to_cam.txt"), _rigid(folder / "calib_imu_to_velo.txt"))


def read_camera_calibration(path: Path) -> Calibration:
    """A file with P_rect_00 to P_rect_03 alone, as the stereo 2015 benchmark has one for each frame.

    Raises:
        DataError: see `read_raw_calibration`.
    """
    return _camera_file(path, None, None)


def _camera_file(cameras: Path, velo: Tensor | None, imu: Tensor | None) -> Calibration:
    entries = _entries(cameras)
    present = [camera for camera in range(4) if f"P_rect_{camera:02d}" in entries]
    projections = {camera: _matrix(cameras, entries, f"P_rect_{camera:02d}", 3, 4) for camera in present}
    sizes = {}
    for camera in present:
        if (key := f"S_rect_{camera:02d}") in entries:
            width, height = _matrix(cameras, entries, key, 1, 2)[0].tolist()
            sizes[camera] = (round(height), round(width))
    rotation = _matrix(cameras, entries, "R_rect_00", 3, 3)
    return _checked(Calibration(cameras, projections, make_pose(rotation, rotation.new_zeros(3)), velo, imu, sizes))


def read_sequence_calibration(path: Path) -> Calibration:
    """`calib.txt` of an odometry sequence (P0 to P3, Tr) or a file of the object benchmark (and R0_rect,
    Tr_velo_to_cam).

    In odometry files Tr already maps to rectified camera 0, so there the rectification is the identity.

    Raises:
        DataError: see `read_raw_calibration`.
    """
    entries = _entries(path)
    projections = {camera: _matrix(path, entries, f"P{camera}", 3, 4) for camera in range(4) if f"P{camera}" in entries}
    rectification = torch.eye(4, dtype=torch.float64)
    for name in entries.keys() & {"R0_rect", "R_rect"}:
        rectification[:3, :3] = _matrix(path, entries, name, 3, 3)
    transforms: list[Tensor | None] = []
    for keys in (("Tr", "Tr_velo_to_cam", "Tr_velo_cam"), ("Tr_imu_to_velo", "Tr_imu_velo")):
        found = [_matrix(path, entries, key, 3, 4) for key in keys if key in entries]
        transforms.append(make_pose(found[0][:, :3].contiguous(), found[0][:, 3]) if found else None)
    return _checked(Calibration(path, projections, rectification, *transforms, {}))


def _entries(path: Path) -> dict[str, list[str]]:
    lines = (re.split(r"[:\s]\s*", line.strip(), maxsplit=1) for line in read_text(path).splitlines() if line.strip())
    return {parts[0]: parts[1].split() if len(parts) > 1 else [] for parts in lines}


def _matrix(path: Path, entries: dict[str, list[str]], key: str, rows: int, columns: int) -> Tensor:
    if key not in entries:
        raise DataError(f"{path}: found the entries {', '.join(list(entries)[:8])}, expected {key}")
    try:
        values = torch.tensor([float(text) for text in entries[key]], dtype=torch.float64)
    except ValueError:
        raise DataError(
            f"{path}: {key}: found {' '.join(entries[key])[:60]!r}, expected {rows * columns} numbers"
        ) from None
    if values.numel() != rows * columns or not bool(torch.isfinite(values).all()):
        raise DataError(f"{path}: {key}: found {values.numel()} numbers, expected {rows * columns} finite ones")
    return values.reshape(rows, columns)


def _rigid(path: Path) -> Tensor | None:
    if not path.is_file():
        return None
    entries = _entries(path)
    return make_pose(_matrix(path, entries, "R", 3, 3), _matrix(path, entries, "T", 1, 3)[0])


def _checked(calibration: Calibration) -> Calibration:
    """Rotations are rotations, cameras look forward, the laser's x axis is the cameras' z axis."""
    source = calibration.source
    if not {2, 3} <= set(calibration.projections):
        raise DataError(
            f"{source}: found projections of cameras {sorted(calibration.projections)}, expected 2 and 3 among them"
        )
    for camera, P in calibration.projections.items():
        if not (
            float(P[0, 0]) > 0 and float(P[1, 1]) > 0 and P[2, :3].tolist() == [0, 0, 1] and abs(float(P[1, 0])) < 1e-9
        ):
            found = f"the projection {P[:, :3].tolist()} of camera {camera}"
            raise DataError(f"{source}: found {found}, expected [fx 0 cx; 0 fy cy; 0 0 1]")
    poses = {
        "rectification": calibration.rectification,
        "laser": calibration.T_cam0_velo,
        "IMU": calibration.T_velo_imu,
    }
    for name, pose in poses.items():
        if pose is None:
            continue
        R = pose[:3, :3]
        if not (torch.allclose(R @ R.T, torch.eye(3, dtype=R.dtype), atol=1e-3) and float(torch.linalg.det(R)) > 0):
            raise DataError(f"{source}: found R R^T = {(R @ R.T).tolist()} of the {name}, expected a rotation")
    if calibration.T_cam0_velo is not None and not (cosine := float(calibration.T_camera_velo(2)[2, 0])) > 0.9:
        found = f"a laser axis other than the cameras' forward axis (cosine {cosine:.2f})"
        raise DataError(f"{source}: found {found}, expected the transform from laser to camera, not its inverse")
    calibration.baseline()
    return calibration
