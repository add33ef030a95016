"""Publishing from the store to `results/`: records and small weights of runs, and a lesson's executed notebook."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from depthlib.base import paths
from depthlib.course.lessons import COURSE, Lesson, pick_lessons
from depthlib.course.notebooks import execute, is_current
from depthlib.course.notebooks.execute import Progress
from depthlib.runs.execute import ensure
from depthlib.runs.files import runs_digest
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import Store, copy_run


def render(
    lesson_name: str,
    *,
    profile: str,
    device: str,
    store: str | os.PathLike[str],
    threads: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Publish a lesson's runs and execute its notebook, unless that is current. All runs must be in the store.

    A notebook that sums up is always executed.
    """
    (lesson,) = pick_lessons([lesson_name])
    source = paths.notebooks_dir() / f"{lesson.notebook}.ipynb"
    output = paths.results_dir(profile) / source.name
    parameters = {"profile": profile, "device": device}
    specs = lesson.runs(profile)
    own = Store(store, train=False, reference=[])
    runs = runs_digest(ensure(spec, own).folder for spec in specs)
    if lesson.sums_up or not is_current(source, output, parameters, runs=runs):
        execute(source, output, parameters, runs=runs, threads=threads, progress=progress)
    publish(specs, own)
    remove_unknown_runs(lesson, profile)
    return output


def publish(specs: Iterable[RunSpec], store: Store) -> None:
    """Copy these runs, which are in the store, with weights where the recipe ships them."""
    for spec in specs:
        target = paths.results_dir(spec.profile) / "runs" / spec.name
        copy_run(store.root / spec.name, target, weights=spec.recipe.ship_weights)


def remove_unknown_runs(lesson: Lesson, profile: str) -> None:
    """Remove published runs of this paper that no lesson has any longer."""
    known = {spec.name for one in COURSE for spec in one.runs(profile)}
    for folder in (paths.results_dir(profile) / "runs").glob(f"{lesson.paper}-*"):
        if folder.name not in known:
            shutil.rmtree(folder)
