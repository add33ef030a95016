"""Folders without labels: the frames of a video, or pairs of a stereo camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from depthlib.app.own_data.camera import folder_camera
from depthlib.app.own_data.frame import Size, framed_camera, framed_photo, picture_size, pictures, require_some
from depthlib.app.photo_camera import Lens
from depthlib.data.errors import DataError

FRAMES = ("frames", "images", "rgb", "color", "colour")


@dataclass(frozen=True)
class Triplet:
    """Frames of one sequence, `spacing` apart."""

    name: str
    sequence: str
    previous: Path
    current: Path
    next: Path


class Video:
    """Triplets of frames. `read` gives image, previous and next [3, *frame] in [0, 1], K and name."""

    kind = "video"

    def __init__(self, root: Path, sequences: dict[str, list[Path]], spacing: int, lens: Lens) -> None:
        if spacing < 1:
            raise DataError(f"spacing: found {spacing}, expected at least 1 frame")
        usable = {name: frames for name, frames in sequences.items() if len(frames) > 2 * spacing}
        count = sum(map(len, sequences.values()))
        if not usable:
            raise DataError(
                f"{root}: found {count} {'frame' if count == 1 else 'frames'}, expected at least {2 * spacing + 1} "
                "of a video: each is learned from its neighbours"
            )
        self.triplets = [
            Triplet(f"{name}/{frames[n].stem}".lstrip("/"), name, frames[n - spacing], frames[n], frames[n + spacing])
            for name, frames in usable.items()
            for n in range(spacing, len(frames) - spacing)
        ]
        self.names = [triplet.name for triplet in self.triplets]
        first = self.triplets[0].current
        self.full = picture_size(first)
        camera = folder_camera([first.parent, root], lens, first, self.full)
        self.camera, self.known = camera.K, camera.known
        many = f" of {len(usable)} sequences" if len(usable) > 1 else ""
        self.words = f"{count} frames of video{many}, without labels: depth is learned from neighbouring frames"
        self.notes = [camera.source]

    def keep(self, kept: list[bool]) -> None:
        """Drop triplets."""
        self.triplets = [triplet for triplet, keep in zip(self.triplets, kept, strict=True) if keep]
        self.names = [triplet.name for triplet in self.triplets]

    def sizes(self) -> list[Size]:
        return [self.full]

    def files(self) -> list[Path]:
        return list(dict.fromkeys(path for t in self.triplets for path in (t.previous, t.current, t.next)))

    def read(self, position: int, frame: Size) -> dict[str, Any]:
        """Raises DataError, which names the file."""
        triplet, views = self.triplets[position], {}
        for view, path in (("image", triplet.current), ("previous", triplet.previous), ("next", triplet.next)):
            views[view], full = framed_photo(path, frame)
            _same_size(path, full, self.full)
        return views | {"K": framed_camera(self.camera, self.full, frame), "name": triplet.name}


class Stereo:
    """Rectified pairs. `read` gives image (left) and right [3, *frame] in [0, 1], K, name and T_right_current.

    The camera stands `baseline` metres right of the left one. Only baseline times focal length matters, so the focal
    length is a guess where it is not known.

    Args:
        product: baseline times focal length in pixels of the pictures, m; None: depth is learned up to a scale, and the
            caller sets `baseline`.
    """

    kind = "stereo"

    def __init__(self, root: Path, pairs: dict[str, tuple[Path, Path]], product: float | None, lens: Lens) -> None:
        if product is not None and not 0 < product < float("inf"):
            raise DataError(f"baseline-focal: found {product:g}, expected metres times pixels above 0")
        self.pairs, self.names = list(pairs.values()), list(pairs)
        first = self.pairs[0][0]
        self.full = picture_size(first)
        camera = folder_camera([first.parent, root], lens, first, self.full)
        self.camera, self.known = camera.K, camera.known
        self.metric = product is not None
        self.baseline = product / float(camera.K[0, 0]) if product is not None else 1.0
        self.words = (
            f"{len(pairs)} stereo pairs, left/ and right/, without labels: depth is learned from the other view"
        )
        scale = f"baseline times focal length {product:g} m" if product else "no --baseline-focal: depth up to a scale"
        self.notes = [camera.source, scale]

    def range(self) -> tuple[float, float]:
        """Metres between which a pair shows depth: disparities of a third and of a 400th of the picture's width."""
        product = self.baseline * float(self.camera[0, 0])
        return 3 * product / self.full[1], 400 * product / self.full[1]

    def sizes(self) -> list[Size]:
        return [self.full]

    def files(self) -> list[Path]:
        return [path for pair in self.pairs for path in pair]

    def read(self, position: int, frame: Size) -> dict[str, Any]:
        """Raises DataError, which names the file."""
        views = {}
        for view, path in zip(("image", "right"), self.pairs[position], strict=True):
            views[view], full = framed_photo(path, frame)
            _same_size(path, full, self.full)
        pose = torch.eye(4)
        pose[0, 3] = -self.baseline
        K = framed_camera(self.camera, self.full, frame)
        return views | {"K": K, "T_right_current": pose, "name": self.names[position]}


def video(root: Path, spacing: int, lens: Lens) -> Video | None:
    """Frames in a folder of `FRAMES`, in `root` itself, or in folders one below; None where there is no picture.

    Raises:
        DataError: fewer frames than a triplet needs, a camera that does not fit.
    """
    base = next((root / name for name in FRAMES if (root / name).is_dir()), root)
    sequences = {"": pictures(base)} if pictures(base) else {}
    if not sequences:
        inner = sorted(path for path in base.iterdir() if path.is_dir())
        sequences = {path.name: found for path in inner if (found := pictures(path))}
    return Video(root, sequences, spacing, lens) if sequences else None


def stereo(root: Path, product: float | None, lens: Lens) -> Stereo | None:
    """`left/` and `right/` with pictures of the same names; None where one of the two is not there.

    Raises:
        DataError: an empty folder, a left picture without a right one, a camera that does not fit.
    """
    folders = [root / "left", root / "right"]
    if not all(folder.is_dir() for folder in folders):
        return None
    left, right = ({path.stem: path for path in pictures(folder)} for folder in folders)
    for found, folder in ((left, folders[0]), (right, folders[1])):
        require_some(list(found.values()), folder, "picture")
    for here, there, folder in ((left, right, folders[1]), (right, left, folders[0])):
        if alone := [name for name in here if name not in there]:
            raise DataError(
                f"{folder}: found no picture named {alone[0]} ({len(alone)} of {len(here)} are missing), "
                "expected the same names in left/ and right/"
            )
    return Stereo(root, {name: (left[name], right[name]) for name in left}, product, lens)


def _same_size(path: Path, full: Size, expected: Size) -> None:
    if full != expected:
        raise DataError(
            f"{path}: found {full[1]} x {full[0]} pixels, expected {expected[1]} x {expected[0]}, as of the first one"
        )
