"""Leakage between splits: fingerprints of splits, and distances between the frames of one and those of another.

A frame is (sequence, number): a drive and a position in it, for example. Simultaneous images of two
cameras count as one frame, since they show the same scene. No files are read: lists come from
`depthlib.data.kitti.splits`, for example.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Frame = tuple[str, int]
FAR = np.iinfo(np.int64).max


def split_fingerprint(frames: Iterable[tuple[str | int, ...]]) -> str:
    """SHA-256 of a split as a set: neither the order nor repeats matter. An entry is a tuple, for example (drive,
    number, side).

    Two lists with one fingerprint name the same frames, however they are written.
    """
    lines = sorted({" ".join(map(str, frame)) for frame in frames})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def nearest_distance(frames: Sequence[Frame], others: Iterable[Frame]) -> np.ndarray:
    """Distance of each frame, in frames, to the nearest of `others` in its sequence, else `FAR`: [N] int64."""
    numbers: dict[str, list[int]] = {}
    for sequence, number in others:
        numbers.setdefault(sequence, []).append(number)
    there = {sequence: np.array(found) for sequence, found in numbers.items()}
    nearest = [np.abs(there[sequence] - number).min() if sequence in there else FAR for sequence, number in frames]
    return np.array(nearest, dtype=np.int64)


@dataclass(frozen=True)
class Leakage:
    """Overlap of a test split with a training split, in counts of moments.

    Attributes:
        moments: distinct frames of `test`. same: those that are also in `train`, of either camera.
        beside: those with a frame of `train` at most one away. near: at most `reach` away.
        sequence: those whose sequence has any frame in `train`.
        nearest: the smallest distance that occurs; None if no sequence is shared.
    """

    test: str
    train: str
    moments: int
    same: int
    beside: int
    near: int
    sequence: int
    nearest: int | None
    reach: int


def audit(
    test: Iterable[Frame], train: Iterable[Frame], *, names: tuple[str, str] = ("test", "train"), reach: int = 10
) -> Leakage:
    """Count how many frames of `test` have the same or a neighbouring frame in `train`.

    Args:
        test, train: (sequence, number) pairs; further fields of longer tuples (the camera) are ignored.
        reach: distance in frames that counts as near; KITTI has ten frames a second.

    Raises:
        ValueError: `test` or `train` is empty, or `reach` is negative.
    """
    moments = sorted({(frame[0], frame[1]) for frame in test})
    others = {(frame[0], frame[1]) for frame in train}
    if not moments or not others or reach < 0:
        raise ValueError(
            f"found {len(moments)} and {len(others)} frames, reach {reach}, expected some of both and a reach >= 0"
        )
    distance = nearest_distance(moments, others)
    shared = distance[distance < FAR]
    return Leakage(
        names[0],
        names[1],
        len(moments),
        int((distance == 0).sum()),
        int((distance <= 1).sum()),
        int((distance <= reach).sum()),
        len(shared),
        int(shared.min()) if len(shared) else None,
        reach,
    )


def audit_all(
    splits: Mapping[str, Sequence[Frame]], pairs: Iterable[tuple[str, str]], reach: int = 10
) -> list[Leakage]:
    """`audit` for pairs (test, train) of named splits."""
    return [audit(splits[test], splits[train], names=(test, train), reach=reach) for test, train in pairs]


def leakage_table(rows: Sequence[Leakage]) -> str:
    """The rows as a Markdown table with shares in percent.

    Raises:
        ValueError: rows of different reach, or none.
    """
    if len({row.reach for row in rows}) != 1:
        raise ValueError(f"rows: found reaches {sorted({row.reach for row in rows})}, expected rows of one reach")
    lines = [
        f"| measured on | trained on | moments | same | within 1 | within {rows[0].reach} | same sequence | nearest |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        shares = (
            f"{count} ({100 * count / row.moments:.1f} %)" for count in (row.same, row.beside, row.near, row.sequence)
        )
        nearest = "none" if row.nearest is None else str(row.nearest)
        lines.append(f"| {row.test} | {row.train} | {row.moments} | {' | '.join(shares)} | {nearest} |")
    return "\n".join(lines)
