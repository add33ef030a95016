"""Publishing from the store to `results/`: a lesson's executed notebook, and its records and small weights."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from depthlib.base import paths
from depthlib.course.lessons import Lesson, pick_lessons
from depthlib.course.notebooks import execute, is_current
from depthlib.course.notebooks.execute import Progress
from depthlib.runs.execute import ensure
from depthlib.runs.files import RECORD, SCORES
from depthlib.runs.store import RunRecord, Store, copy_run


def render(
    lesson_name: str, *, profile: str, device: str, store: str | os.PathLike[str], threads: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Execute a lesson's notebook, unless its result is current, and publish its runs. All of them must be in the
    store.

    A notebook is current if it was executed with the runs published beside it. So new runs are published after the
    notebook: a batch that is interrupted in between executes it again. One that sums up is always executed.
    """
    (lesson,) = pick_lessons([lesson_name])
    source = paths.notebooks_dir() / f"{lesson.notebook}.ipynb"
    output, target = paths.results_dir(profile) / source.name, paths.results_dir(profile) / "runs"
    parameters = {"profile": profile, "device": device}
    specs = lesson.runs(profile)
    records = [ensure(spec, Store(store, train=False, reference=[])) for spec in specs]
    if lesson.sums_up or not (all(same_record(record, target) for record in records) and is_current(source, output, parameters)):
        execute(source, output, parameters, threads=threads, progress=progress)
    for spec, record in zip(specs, records, strict=True):
        copy_run(record.folder, target / spec.name, weights=spec.recipe.ship_weights)
    remove_unknown_runs(lesson, profile, target)
    return output


def same_record(record: RunRecord, published: Path) -> bool:
    """Whether this record is already published with the same scores."""
    ours = [record.folder / RECORD, *sorted((record.folder / SCORES).glob("*.json"))]
    pairs = [(path, published / path.relative_to(record.folder.parent)) for path in ours]
    return all(copy.exists() and copy.read_bytes() == path.read_bytes() for path, copy in pairs)


def remove_unknown_runs(lesson: Lesson, profile: str, target: Path) -> None:
    """Remove published runs of this paper that the lesson no longer has."""
    known = {spec.name for spec in lesson.runs(profile)}
    for folder in target.glob(f"{lesson.paper}-*"):
        if folder.name not in known:
            shutil.rmtree(folder)
