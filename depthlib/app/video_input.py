"""Videos as frames one after the other: files through OpenCV, or numbered photographs, which need no extra package."""

from __future__ import annotations

import glob
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depthlib.app.photo_inputs import photographs
from depthlib.data.errors import DataError
from depthlib.data.images import read_resized, resize
from depthlib.protocols.photograph import AnyPath

ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
RATE = 25.0  # frames per second of a folder, and of a file that does not say it
MISSING = "found no OpenCV, expected the extra 'video': pip install 'depthlib[video]'; frames in a folder need no extra"
QUIET = {"OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_LOG_LEVEL": "SILENT"}  # its messages would break ours


@dataclass(frozen=True)
class Source:
    """What the user named. `name` is for the files that are written; `files` has one photograph a frame, none for a
    video file.
    """

    path: Path
    name: str
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Video:
    """Frames of one size, (height, width), at `rate` a second. `count` of them; a file may say a wrong number."""

    source: Source
    size: tuple[int, int]
    rate: float
    count: int

    def frames(self, size: tuple[int, int]) -> Iterator[Tensor]:
        """Each frame, [3, *size] RGB in [0, 1], resized as by `resize`. May be called again.

        Raises:
            DataError: a photograph that cannot be read, or has another size than the first.
        """
        if not self.source.files:
            return (resize(frame[None], size)[0] for frame in _decoded(self.source.path))
        return self._photographs(size)

    def _photographs(self, size: tuple[int, int]) -> Iterator[Tensor]:
        for file in self.source.files:
            frame, full = read_resized(file, lambda _: size)
            if full != self.size:
                found, expected = (f"{width} x {height} pixels" for height, width in (full, self.size))
                raise DataError(f"{file}: found {found}, expected {expected} as in {self.source.files[0].name}")
            yield frame

    def frame_name(self, index: int) -> str:
        """For a file of one frame: that of its photograph, or its number from 0."""
        return self.source.files[index].stem if self.source.files else f"{index:06d}"


def is_video(path: AnyPath) -> bool:
    """By its ending, of a pattern, too."""
    return Path(path).suffix.lower() in ENDINGS


def sources(given: Sequence[AnyPath], out: AnyPath) -> list[Source]:
    """Video files and patterns of them; each folder or pattern of photographs is a video, and so are single photographs
    together. Only names are looked at.

    Raises:
        ValueError: nothing found, or names of photographs that are no numbered sequence.
    """
    found, loose = [], []
    for path in map(Path, given):
        pattern = glob.has_magic(str(path)) and not path.exists()
        if is_video(path):
            files = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))] if pattern else [path]
            if not files:
                raise ValueError(f"{path}: found no file that matches this pattern")
            found += [Source(file, file.stem) for file in files]
        elif pattern or path.is_dir():
            found.append(_sequence(path, photographs([path], out)))
        else:
            loose.append(path)
    if loose:
        found.append(_sequence(loose[0].absolute().parent, loose))
    return found


def _sequence(path: Path, files: Sequence[Path]) -> Source:
    """In the order of the numbers in the names, which must differ in nothing else."""
    shapes = {re.sub(r"\d+", "#", file.name): file.name for file in files}
    if len(shapes) > 1:
        one, other = sorted(shapes.values())[:2]
        raise ValueError(
            f"{path}: found {one} and {other}, expected names that differ only in a number; a quoted pattern, such as "
            "'walk/*.jpg', chooses the frames"
        )
    ordered = sorted(files, key=lambda file: [int(number) for number in re.findall(r"\d+", file.name)])
    return Source(path, ordered[0].resolve().parent.name or "video", tuple(ordered))


def open_video(source: Source) -> Video:
    """Looks at the first frame.

    Raises:
        DataError: it cannot be read. ImportError: a video file without OpenCV.
    """
    if source.files:
        _, size = read_resized(source.files[0], lambda _: (8, 8))
        return Video(source, size, RATE, len(source.files))
    first = next(_decoded(source.path), None)
    if first is None:
        raise DataError(f"{source.path}: found no frame that can be decoded, expected a video such as .mp4 or .webm")
    cv2 = open_cv()
    capture = cv2.VideoCapture(str(source.path), cv2.CAP_FFMPEG)
    rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    size = (first.shape[1], first.shape[2])  # upright, which the numbers that the file states are not
    return Video(source, size, rate if 0 < rate <= 1000 else RATE, int(count) if 0 < count < math.inf else 1)


def _decoded(path: Path) -> Iterator[Tensor]:
    """The frames [3, H, W] of a file, upright; none where it is no video. Decoding ends where the file is damaged."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    cv2 = open_cv()
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        while capture.isOpened():
            whole, pixels = capture.read()
            if not whole:
                return
            yield torch.from_numpy(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)).permute(2, 0, 1).float() / 255
    finally:
        capture.release()


def open_cv() -> Any:
    """The module cv2, made silent. Raises ImportError, with what to install."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import cv2
    except ImportError as error:
        raise ImportError(f"video: {MISSING}") from error
    return cv2
