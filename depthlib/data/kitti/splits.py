"""KITTI's lists of frames in their different formats, and the frames in which the car stands still."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from depthlib.data.errors import DataError
from depthlib.data.files import read_text
from depthlib.data.lists import read_list
from depthlib.data.manifest import Manifest, load_manifest

SIDE_OF_FOLDER = {"image_02": "l", "image_03": "r"}
_DRIVE = re.compile(r"(\d{4}_\d{2}_\d{2})_drive_\d{4}_sync")
_PATH = re.compile(r"(?:.*/)?(\d{4}_\d{2}_\d{2}_drive_\d{4}_sync)/(image_0[23])/data/(\d+)\.(?:png|jpg)")


class RawFrame(NamedTuple):
    """A raw-data frame: drive "2011_09_26_drive_0002_sync", its number, side "l" (image_02) or "r" (image_03)."""

    drive: str
    number: int
    side: str

    @property
    def date(self) -> str:
        return self.drive[:10]

    @property
    def camera(self) -> int:
        return 2 if self.side == "l" else 3

    @property
    def name(self) -> str:
        return f"{self.drive}/{self.number:010d}/{self.side}"


class SequenceFrame(NamedTuple):
    """A frame of an odometry sequence: sequence "09", its number, side "l" (image_2) or "r" (image_3)."""

    sequence: str
    number: int
    side: str

    @property
    def camera(self) -> int:
        return 2 if self.side == "l" else 3

    @property
    def name(self) -> str:
        return f"{self.sequence}/{self.number:06d}/{self.side}"


def split_lines(dataset: str, split: str, lists: str | os.PathLike[str]) -> list[str]:
    """Lines of the list `split` of the manifest of `dataset`, read below the folder `lists`, count and sha256 checked.

    Raises:
        DataError: no such split, no such file, or another list than the one the manifest knows.
    """
    manifest = load_manifest(dataset)
    if not isinstance(manifest, Manifest) or split not in manifest.splits:
        known = ", ".join(manifest.splits) if isinstance(manifest, Manifest) else ""
        raise DataError(f"split: found {split!r}, expected one of {known}, or the path of a list (.txt)")
    entry = manifest.splits[split]
    return read_list(Path(lists) / entry.list, entry)


def chosen_lines(
    dataset: str, split: str | os.PathLike[str], lists: str | os.PathLike[str] | None
) -> tuple[list[str], str]:
    """Lines of a split and their origin: a file (.txt) is read directly, a name is looked up in the manifest.

    Raises:
        DataError: see `split_lines`; a name without a folder of lists.
    """
    if str(split).endswith(".txt"):
        return [line for line in read_text(Path(split)).splitlines() if line.strip()], str(split)
    if lists is None:
        raise DataError(f"lists: found None, expected the folder of lists in which split {str(split)!r} is looked up")
    return split_lines(dataset, str(split), lists), f"{lists}: {split}"


def parse_raw(lines: Iterable[str], source: str) -> list[RawFrame]:
    """Frames of a list of the raw data, one a line, in their order.

    Two formats are supported: "date/drive number side" (monodepth2), and lines that begin with an image's path,
    "date/drive/image_02/data/0000000069.png ..." (Eigen's list; followed by a stereo partner or a ground truth:
    monodepth, BTS).

    Raises:
        DataError: a line in neither format; the message has its number.
    """
    frames = []
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        path = _PATH.fullmatch(fields[0]) if fields else None
        if path:
            frames.append(RawFrame(path[1], int(path[3]), SIDE_OF_FOLDER[path[2]]))
            continue
        drive = fields[0].rsplit("/", 1)[-1] if fields else ""
        if len(fields) != 3 or not _DRIVE.fullmatch(drive) or not fields[1].isdigit() or fields[2] not in ("l", "r"):
            raise DataError(
                f"{source}, line {number}: found {line!r}, expected 'date/drive number l|r' or the path of an image"
            )
        frames.append(RawFrame(drive, int(fields[1]), fields[2]))
    return frames


def parse_sequences(lines: Iterable[str], source: str) -> list[SequenceFrame]:
    """Frames of an odometry list, "9 123 l" a line.

    Raises:
        DataError: a line in another format; the message has its number.
    """
    frames = []
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if len(fields) != 3 or not fields[0].isdigit() or not fields[1].isdigit() or fields[2] not in ("l", "r"):
            raise DataError(f"{source}, line {number}: found {line!r}, expected 'sequence number l|r'")
        frames.append(SequenceFrame(f"{int(fields[0]):02d}", int(fields[1]), fields[2]))
    return frames


def parse_static(lines: Iterable[str], source: str) -> frozenset[tuple[str, int]]:
    """(drive, number) of the frames in which the car hardly moves, from lines "date drive number" (SfMLearner).

    Raises:
        DataError: a line in another format; the message has its number.
    """
    return frozenset(frame[:2] for frame in parse_mapping("\n".join(lines), source) if frame is not None)


def without_static(frames: Sequence[RawFrame], static: frozenset[tuple[str, int]]) -> list[RawFrame]:
    """The frames whose (drive, number) is not among the static ones, for both cameras."""
    return [frame for frame in frames if (frame.drive, frame.number) not in static]


def parse_mapping(text: str, source: str) -> list[RawFrame | None]:
    """The raw frame of each stereo-2015 frame, or None where the devkit names none (an empty line); left camera.

    Raises:
        DataError: a line that is neither empty nor "date drive number".
    """
    frames: list[RawFrame | None] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if fields and (len(fields) != 3 or not _DRIVE.fullmatch(fields[1]) or not fields[2].isdigit()):
            raise DataError(f"{source}, line {number}: found {line!r}, expected 'date drive number' or nothing")
        frames.append(RawFrame(fields[1], int(fields[2]), "l") if fields else None)
    return frames
