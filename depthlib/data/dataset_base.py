"""Base of the loaders of indoor and of relative data sets: a list of entries, their files, and checked items.

An item is the dictionary of `depthlib.scenes.SceneDataset`: image [3,H,W], depth [1,H,W], valid [1,H,W], K [3,3], name.
The meaning of the numbers of a file is an `Encoding`, from the data set's manifest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.data.encoding import decode
from depthlib.data.errors import DataError
from depthlib.data.files import checked_map, fingerprint, read_text
from depthlib.data.manifest import Encoding

Entry = TypeVar("Entry")
Camera = tuple[float, float, float, float]      # fx, fy, cx, cy in pixels, pixel centres at integers


class RealDataset(Dataset, Generic[Entry]):
    """A list of entries under a root; subclasses define the files of an entry and how they become an item."""

    def __init__(self, root: Path, split: str, entries: Sequence[Entry], source: str) -> None:
        """`source`: the origin of the entries in messages, a list or a pattern of names.

        Raises:
            DataError: no entry, or files of them that are missing (their count and the first one).
        """
        self.root, self.split, self.entries = root, split, list(entries)
        if not self.entries:
            raise DataError(f"{root}: found nothing for split {split!r} in {source}, expected at least one image")
        require_files((path for entry in self.entries for path in self.files(entry)), source)

    def files(self, entry: Entry) -> tuple[Path, ...]:
        """The files that an entry reads."""
        raise NotImplementedError

    def read(self, entry: Entry) -> dict[str, Any]:
        """The item of an entry."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, position: int) -> dict[str, Any]:
        return self.read(self.entries[range(len(self))[position]])  # negative numbers count from the end; IndexError beyond

    def fingerprint(self) -> str:
        """SHA-256 over the names and sizes of the files, in the order of the items. Contents are not read."""
        files = dict.fromkeys(path for entry in self.entries for path in self.files(entry))
        return fingerprint(self.root, files, note=f"{type(self).__name__} {self.split} {len(self)}\n")


def one_of(name: str, found: Any, allowed: Sequence[Any]) -> None:
    """Raise DataError unless an option has one of the allowed values."""
    if found not in allowed:
        raise DataError(f"{name}: found {found!r}, expected one of {', '.join(map(repr, allowed))}")


def read_lines(path: Path, fields: int | None = None) -> list[list[str]]:
    """The lines of a list, cut at white space, without blank ones and comments (#).

    Args:
        fields: number of fields that every line must have at least.

    Raises:
        DataError: missing, not text, no line, or a line with fewer fields.
    """
    lines = [line.split() for line in read_text(path).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise DataError(f"{path}: found no line, expected one for each image")
    if fields is not None and (short := [line for line in lines if len(line) < fields]):
        raise DataError(f"{path}: found the line {' '.join(short[0])!r}, expected {fields} fields")
    return lines


def read_numbers(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """float64 numbers of a small text file, such as a camera or a pose.

    Raises:
        DataError: missing, not numbers, another count, or not finite.
    """
    try:
        values = np.array(read_text(path).split(), dtype=np.float64)
    except ValueError as error:
        raise error if isinstance(error, DataError) else DataError(f"{path}: found text that is not numbers ({error})") from None
    if values.size != int(np.prod(shape)):
        raise DataError(f"{path}: found {values.size} numbers, expected {int(np.prod(shape))}")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: found numbers that are not finite, expected finite ones")
    return values.reshape(shape)


def require_files(paths: Iterable[Path], source: str) -> None:
    """Raise DataError with the count and the first one missing. Lists each folder once, for speed."""
    there: dict[Path, set[str]] = {}
    missing, total = [], 0
    for path in paths:
        if path.parent not in there:
            there[path.parent] = set(os.listdir(path.parent)) if path.parent.is_dir() else set()
        total += 1
        if path.name not in there[path.parent]:
            missing.append(path)
    if missing:
        raise DataError(f"{missing[0]}: no such file; {len(missing)} of the {total} files that {source} names are missing")


def decoded(path: Path, stored: np.ndarray, encoding: Encoding, mask: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
    """Stored numbers [H,W] as depth [1,H,W] float32, 0 where invalid, and valid [1,H,W] bool.

    Args:
        path: names the file in messages.
        encoding: with scale and range.
        mask: bool [H,W]; pixels outside it are invalid.

    Raises:
        DataError: another shape or type of number, no valid pixel, values that are not finite or not plausible.
    """
    expected = np.dtype(encoding.dtype)
    # single and double precision are both accepted
    right = stored.dtype == expected or expected.kind == stored.dtype.kind == "f"
    if not right or stored.ndim != 2:
        raise DataError(f"{path}: found depth {list(stored.shape)} of {stored.dtype}, expected [H, W] of {encoding.dtype}")
    if mask is not None and mask.shape != stored.shape:
        raise DataError(f"{path}: found depth {list(stored.shape)} and a mask {list(mask.shape)}, expected one size")
    values, valid = decode(stored, encoding)
    if mask is not None:
        valid &= mask
    if encoding.range is None:
        raise ValueError("encoding.range: found None, expected the plausible depths of this set")
    return checked_map(path, torch.from_numpy(values), torch.from_numpy(valid), encoding.range)


def pinhole(camera: Camera) -> Tensor:
    """K [3,3] float32."""
    fx, fy, cx, cy = camera
    return torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], dtype=torch.float32)


def check_camera(path: Path, K: Tensor, image: Tensor) -> None:
    """Raise DataError unless K fits the image: centre in the middle half, angle of view of 5 to 160 degrees."""
    height, width = image.shape[-2:]
    (fx, _, cx), (_, fy, cy), bottom = K.tolist()
    centred = 0.25 * width < cx < 0.75 * width and 0.25 * height < cy < 0.75 * height
    if not (centred and 0.09 * width < fx < 11.5 * width and 0.09 * height < fy < 11.5 * height and bottom == [0, 0, 1]):
        raise DataError(f"{path}: found {width} x {height} pixels and a camera with fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g}, "
                        "expected the camera of this image (was it resized or cropped?)")


def frame(path: Path, name: str, image: Tensor, depth: tuple[Tensor, Tensor], K: Tensor | None = None) -> dict[str, Any]:
    """An item with metric depth; without K where the camera is not known.

    Args:
        path: names the file in messages.
        depth: depth and validity, [1,H,W] each.

    Raises:
        DataError: image and depth differ in size, or K cannot be that of the image.
    """
    if depth[0].shape[-2:] != image.shape[-2:]:
        raise DataError(f"{path}: found depth of {list(depth[0].shape[-2:])} (height, width), expected {list(image.shape[-2:])} "
                        "as its image")
    item: dict[str, Any] = {"image": image, "depth": depth[0], "valid": depth[1], "name": name}
    if K is not None:
        check_camera(path, K, image)
        item["K"] = K.clone()
    return item
