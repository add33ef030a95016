"""Base of the loaders of indoor and of relative data sets: a list of entries, their files, and checked items.

An item is the dictionary of `depthlib.scenes.SceneDataset`: image [3,H,W], depth [1,H,W], valid [1,H,W], K [3,3], name.
The meaning of the numbers of a file is an `Encoding`, from the data set's manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.data.errors import DataError
from depthlib.data.files import fingerprint, require_files, require_size

Entry = TypeVar("Entry")
Camera = tuple[float, float, float, float]  # fx, fy, cx, cy in pixels, pixel centres at integers


class RealDataset(Dataset, Generic[Entry]):
    """A list of entries under a root; subclasses define how the files of an entry become an item."""

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
        """The files that an entry reads, if it is not their path, a tuple of paths or a dictionary of paths itself."""
        return (entry,) if isinstance(entry, Path) else tuple(entry.values() if isinstance(entry, dict) else entry)

    def read(self, entry: Entry) -> dict[str, Any]:
        """The item of an entry."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, position: int) -> dict[str, Any]:
        # negative numbers count from the end; IndexError beyond
        return self.read(self.entries[range(len(self))[position]])

    def fingerprint(self) -> str:
        """SHA-256 over the names and sizes of the files, in the order of the items. Contents are not read."""
        files = dict.fromkeys(path for entry in self.entries for path in self.files(entry))
        return fingerprint(self.root, files, note=f"{type(self).__name__} {self.split} {len(self)}\n")


def one_of(name: str, found: Any, allowed: Sequence[Any]) -> None:
    """Raise DataError unless an option has one of the allowed values."""
    if found not in allowed:
        raise DataError(f"{name}: found {found!r}, expected one of {', '.join(map(repr, allowed))}")


def check_views(views: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    """The views in the order of `allowed`. Raises DataError unless they are allowed names, "current" among them."""
    if isinstance(views, str) or "current" not in views or not set(views) <= set(allowed):
        raise DataError(f"views: found {views!r}, expected 'current' and any of {', '.join(allowed[1:])}")
    return tuple(view for view in allowed if view in views)


def pinhole(camera: Camera) -> Tensor:
    """K [3,3] float32."""
    fx, fy, cx, cy = camera
    return torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], dtype=torch.float32)


def check_camera(path: Path, K: Tensor, image: Tensor) -> None:
    """Raise DataError unless K fits the image: centre in the middle half, angle of view of 5 to 160 degrees."""
    height, width = image.shape[-2:]
    (fx, _, cx), (_, fy, cy), bottom = K.tolist()
    centred = 0.25 * width < cx < 0.75 * width and 0.25 * height < cy < 0.75 * height
    if not (
        centred and 0.09 * width < fx < 11.5 * width and 0.09 * height < fy < 11.5 * height and bottom == [0, 0, 1]
    ):
        found = f"{width} x {height} pixels and a camera with fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g}"
        raise DataError(f"{path}: found {found}, expected the camera of this image (was it resized or cropped?)")


def frame(
    path: Path, name: str, image: Tensor, depth: tuple[Tensor, Tensor], K: Tensor | None = None
) -> dict[str, Any]:
    """An item with metric depth; without K where the camera is not known.

    Args:
        path: names the file in messages.
        depth: depth and validity, [1,H,W] each.

    Raises:
        DataError: image and depth differ in size, or K cannot be that of the image.
    """
    require_size(path, depth[0].shape[-2:], image.shape[-2:])
    item: dict[str, Any] = {"image": image, "depth": depth[0], "valid": depth[1], "name": name}
    if K is not None:
        check_camera(path, K, image)
        item["K"] = K.clone()
    return item
