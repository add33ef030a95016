"""`depthlib evaluate-trajectory`: errors of a camera path against a true one, from files in KITTI's or TUM's format."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from depthlib.base.paths import atomic_write
from depthlib.base.text import told

FORMATS = {8: "tum", 12: "kitti", 13: "kitti"}  # by the numbers in a line
ALIGNMENTS = {"none": "none", "rigid": "rigid", "scale": "scale", "sim3": "similarity"}


@dataclass(frozen=True)
class Path3D:
    """Camera-to-world poses [N,4,4] of a file, with times in seconds or frame numbers, [N] each, where it has them."""

    file: Path
    poses: np.ndarray
    times: np.ndarray | None = None
    frames: np.ndarray | None = None


@dataclass(frozen=True)
class Errors:
    """`rows`: (metric, unit, value; NaN where there is none). `notes`: what else is to be known, one sentence each."""

    about: dict[str, Any]
    rows: list[tuple[str, str, float]]
    notes: list[str]

    def as_json(self) -> str:
        metrics = {f"{metric} [{unit}]": None if math.isnan(value) else value for metric, unit, value in self.rows}
        return json.dumps({**self.about, "metrics": metrics, "notes": self.notes}, indent=2)

    def write_csv(self, path: Path) -> None:
        with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["metric", "unit", "value"])
            writer.writerows(
                (metric, unit, "" if math.isnan(value) else repr(value)) for metric, unit, value in self.rows
            )


def read_path(file: Path, format: str | None = None) -> Path3D:
    """A path in the format "kitti" or "tum"; None tells them apart by the numbers in the first line.

    Raises:
        ValueError: neither format, NaN, or matrices that are no rotations. OSError: no such file.
    """
    from depthlib.metrics.kitti_odometry import read_kitti_poses, read_tum_trajectory

    with file.open(encoding="utf-8", errors="replace") as lines:
        first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    count = len(first.split())
    if count not in FORMATS or format not in (None, FORMATS[count]):
        raise ValueError(
            f"{file}: found {count} numbers in the first line, expected 8 (TUM: seconds x y z qx qy qz qw), "
            "or 12 (KITTI), or 13 (KITTI after a frame number)"
        )
    if FORMATS[count] == "tum":
        times, poses = read_tum_trajectory(file)
        return Path3D(file, poses, times=times)
    frames, poses = read_kitti_poses(file)
    return Path3D(file, poses, frames=frames if count == 13 else None)


def pair(estimate: Path3D, truth: Path3D, pairing: str, tolerance: float, reuse: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both paths that belong together, [M] each, those of the truth ascending.

    Args:
        pairing: "time" (`tolerance` in seconds; with `reuse` a true pose may serve several estimates), or "index":
            frame numbers, and line numbers where a file has none.

    Raises:
        ValueError: no times or nothing in common.
    """
    from depthlib.metrics.trajectory import associate

    if pairing == "time":
        for path in (estimate, truth):
            if path.times is None:
                raise ValueError(f"{path.file}: found no times, expected the TUM format for pairing by time")
        order = np.argsort(truth.times, kind="stable")
        pairs = associate(estimate.times, truth.times[order], tolerance, one_to_one=not reuse)
        pairs = pairs[np.argsort(estimate.times[pairs[:, 0]], kind="stable")]
        return pairs[:, 0], order[pairs[:, 1]]
    numbers = [np.arange(len(path.poses)) if path.frames is None else path.frames for path in (estimate, truth)]
    if estimate.frames is None and truth.frames is None and len(numbers[0]) != len(numbers[1]):
        raise ValueError(
            f"{estimate.file}: found {len(numbers[0])} poses for {len(numbers[1])} of {truth.file.name}, "
            "expected as many, or pairing by time"
        )
    common, rows, true_rows = np.intersect1d(*numbers, return_indices=True)
    if len(common) < 2:
        raise ValueError(
            f"{estimate.file}: found {len(common)} frames in common with {truth.file.name}, expected at least 2"
        )
    return rows, true_rows


def evaluate(
    estimate: Path3D,
    truth: Path3D,
    *,
    alignment: str = "rigid",
    pairing: str | None = None,
    tolerance: float = 0.02,
    reuse: bool = False,
) -> Errors:
    """All errors of `estimate`; the alignment is fitted to the paired positions.

    ATE: distances of the aligned positions. RPE: motion from each paired pose to the next. t_err, r_err: drift over 100
    to 800 m as in KITTI's benchmark, whose stretches start at every 10th pose of the truth.

    Raises:
        ValueError: see `pair` and `depthlib.metrics.trajectory.align`.
    """
    from depthlib.metrics.kitti_odometry import segment_errors
    from depthlib.metrics.trajectory import align, path_length, relative_errors, statistics

    pairing = pairing or ("index" if estimate.times is None or truth.times is None else "time")
    rows, true_rows = pair(estimate, truth, pairing, tolerance, reuse)
    true = truth.poses[true_rows]
    aligned = align(estimate.poses[rows], true, ALIGNMENTS[alignment])
    ate = statistics(np.linalg.norm(aligned[:, :3, 3] - true[:, :3, 3], axis=1))
    # with frame numbers, or lines that are frames, a gap in the estimate is no motion from one frame to the next
    steps = np.flatnonzero(np.diff(true_rows) == 1) if pairing == "index" else np.arange(len(rows) - 1)
    if not len(steps):
        raise ValueError(f"{estimate.file}: found no two frames that follow each other, expected some")
    metres, radians = relative_errors(aligned, true, np.stack((steps, steps + 1), axis=1))
    whole, places = (truth.poses, true_rows) if pairing == "index" else (true, None)
    segments = segment_errors(aligned, whole, places)
    drift = [float(part.mean()) if len(part) else math.nan for part in (segments.translation, segments.rotation)]
    turned, moved = statistics(np.degrees(radians)), statistics(metres)
    table = [
        *(("ATE " + name, "m", getattr(ate, name)) for name in ("rmse", "mean", "median", "std", "max")),
        ("RPE rmse", "m", moved.rmse),
        ("RPE mean", "m", moved.mean),
        ("RPE rmse", "deg", turned.rmse),
        ("RPE mean", "deg", turned.mean),
        ("t_err", "%", 100 * drift[0]),
        ("r_err", "deg/100 m", 100 * math.degrees(drift[1])),
    ]
    about = {
        "estimate": str(estimate.file),
        "truth": str(truth.file),
        "alignment": alignment,
        "pairing": pairing,
        "poses": len(rows),
        "of_estimate": len(estimate.poses),
        "of_truth": len(truth.poses),
        "segments": len(segments.first),
    }
    notes = [f"{len(estimate.poses) - len(rows)} poses of the estimate have no partner and were left out"]
    notes = notes if len(rows) < len(estimate.poses) else []
    if not len(segments.first):
        length = float(path_length(true)[-1])
        notes.append(f"no t_err and r_err: the path is {length:.1f} m long, and the first stretch takes 100 m")
    return Errors(about, table, notes)


def evaluate_trajectory(
    estimate: Annotated[Path, typer.Argument(help="poses, camera to world: 12 numbers a line (KITTI), or 8 (TUM)")],
    truth: Annotated[Path, typer.Argument(help="the true poses, in either format")],
    alignment: Annotated[
        Literal["none", "rigid", "scale", "sim3"],
        typer.Option(
            help="what is forgiven: nothing, the world frame, the scale (first poses made equal), frame and scale"
        ),
    ] = "rigid",
    pairing: Annotated[
        Literal["index", "time"] | None,
        typer.Option(help="which poses belong together; by time where both files have times"),
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="seconds between two poses that are paired by time")] = 0.02,
    reuse: Annotated[bool, typer.Option("--reuse", help="by time: a true pose may serve several estimates")] = False,
    format: Annotated[
        Literal["kitti", "tum"] | None, typer.Option(help="of both files; told from the first line by default")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    csv: Annotated[Path | None, typer.Option(help="also write the table to this file")] = None,
) -> None:
    """Score a camera path. ATE, RPE, and KITTI's t_err and r_err."""
    from rich.console import Console
    from rich.table import Table

    try:
        paths = [read_path(file, format) for file in (estimate, truth)]
        errors = evaluate(*paths, alignment=alignment, pairing=pairing, tolerance=tolerance, reuse=reuse)
        if csv is not None:
            errors.write_csv(csv)
    except (ValueError, OSError) as error:
        typer.echo(f"error: {told(error)}", err=True)
        raise typer.Exit(2) from error
    if json:
        typer.echo(errors.as_json())
        return
    about = errors.about
    title = f"{about['poses']} poses paired by {about['pairing']}, alignment {alignment}, {about['segments']} segments"
    table = Table("metric", "unit", "value", title=title)
    for metric, unit, value in errors.rows:
        table.add_row(metric, unit, "none" if math.isnan(value) else f"{value:.6f}")
    Console().print(table)
    for note in errors.notes:
        typer.echo(note, err=True)
