"""The camera of a folder: a small text file beside the pictures, the user's word, EXIF, or a guess."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from depthlib.app.own_data.frame import Size
from depthlib.app.photo_camera import Lens
from depthlib.data.dataset_base import check_camera, pinhole
from depthlib.data.errors import DataError
from depthlib.data.files import read_numbers, read_text
from depthlib.geometry.focal import centred_intrinsics

FILES = ("intrinsics.txt", "K.txt", "cam.txt", "camera-intrinsics.txt")


@dataclass(frozen=True)
class FolderCamera:
    """Intrinsics [3,3] float32 in pixels of the pictures; `source` in words; `known`: not a guess."""

    K: Tensor
    source: str
    known: bool


def folder_camera(folders: list[Path], lens: Lens, picture: Path, size: Size) -> FolderCamera:
    """The camera of `picture`, whose `size` is (height, width): as given, else the first file of `FILES`, else `Lens`.

    A file holds fx fy cx cy, or the nine numbers of K, for the pictures as they are.

    Raises:
        DataError: a file with other numbers, or with a camera that cannot be that of the picture.
    """
    said = lens.focal is not None or lens.view is not None
    file = next((folder / name for folder in folders for name in FILES if (folder / name).is_file()), None)
    if file is not None and not said:
        K = _read(file)
        check_camera(file, K, torch.empty(3, *size, device="meta"))
        return FolderCamera(K, f"focal length {K[0, 0]:.1f} pixels ({file.name})", True)
    camera = lens.camera(picture, size)
    K = centred_intrinsics(camera.focal, *size).float()
    check_camera(picture, K, torch.empty(3, *size, device="meta"))
    known = not camera.source.startswith("a guess")
    return FolderCamera(K, f"focal length {camera.focal:.1f} pixels ({camera.source})", known)


def _read(file: Path) -> Tensor:
    count = len(read_text(file).split())
    if count == 4:
        return pinhole(tuple(read_numbers(file, (4,)).tolist()))
    if count == 9:
        return torch.from_numpy(read_numbers(file, (3, 3))).float()
    raise DataError(f"{file}: found {count} numbers, expected fx fy cx cy, or the nine of a 3 x 3 matrix")
