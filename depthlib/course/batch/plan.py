"""The plan of a batch: a JSON file that the workflow and its jobs read, so that only one process computes it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from depthlib.base import paths
from depthlib.course.lessons import COURSE, Lesson
from depthlib.runs.files import RECORD, damaged, mend, runs_digest
from depthlib.runs.keys import score_key
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import Store, copy_run


@dataclass(frozen=True)
class RunJob:
    """A run: its spec as plain values, the runs it depends on, and the steps of its training.

    `stamp`: the file that marks it as trained, and scored by the current measures. `trained`: only scores may be
    missing.
    """

    spec: dict[str, Any]
    needs: list[str]
    steps: int
    stamp: str
    trained: bool


@dataclass(frozen=True)
class NotebookJob:
    """A notebook with the runs it shows. `stamp`: the file that marks it as executed with these runs and this code."""

    runs: list[str]
    stamp: str


@dataclass(frozen=True)
class Plan:
    """A batch.

    Attributes:
        python: the interpreter of the jobs.
        store, folder: the run store, and the batch's own files in it.
        threads: of a job. gpus: how many jobs may use a GPU at once; 0 for the CPU.
        runs, notebooks: by name, including finished ones.
        checkpoint_seconds: time between checkpoints, the most that an interruption loses.
    """

    python: str
    profile: str
    device: str
    store: str
    folder: str
    threads: int
    gpus: int
    runs: dict[str, RunJob]
    notebooks: dict[str, NotebookJob]
    checkpoint_seconds: float = 20.0

    def missing_runs(self) -> list[str]:
        return [name for name, job in self.runs.items() if not Path(job.stamp).exists()]

    def missing_notebooks(self) -> list[str]:
        return [name for name, job in self.notebooks.items() if not Path(job.stamp).exists()]

    def last_of_longest_chain(self) -> str | None:
        """The last run of the longest chain of missing runs: started late, it would delay the end of a batch."""
        length: dict[str, int] = {}
        for name in self.missing_runs():  # a run comes after its dependencies
            length[name] = 1 + max((length.get(need, 0) for need in self.runs[name].needs), default=0)
        return max(length, key=length.__getitem__, default=None)

    def write(self) -> Path:
        path = Path(self.folder, "plan.json")
        with paths.atomic_write(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        return path


def read_plan(path: str | os.PathLike[str]) -> Plan:
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    content["runs"] = {name: RunJob(**job) for name, job in content["runs"].items()}
    content["notebooks"] = {name: NotebookJob(**job) for name, job in content["notebooks"].items()}
    return Plan(**content)


def make_plan(
    lessons: Sequence[Lesson],
    *,
    profile: str,
    device: str,
    jobs: int,
    later: Sequence[Lesson] = (),
    seed: int | None = None,
    gpus: int = 0,
    store: Store | None = None,
    folder: Path | None = None,
) -> Plan:
    """The plan for these lessons. One that has no runs at this profile has no part in it.

    Args:
        later: lessons whose runs belong to this batch and whose notebooks do not, so that no core idles between two
            batches.
        seed: of their runs only those with this seed.
        jobs: how many run at once; they share the cores. gpus: how many they share.
        folder: the batch's own files; by default in the store. With another one the store is only looked at.

    Raises:
        ValueError: an unknown profile.
        OSError: a damaged file cannot be set aside, or a notebook is missing; the message names it.
    """
    store = store or Store()
    own = batch_folder(store, profile)
    folder = folder or own
    touch = folder == own
    runs: dict[str, RunJob] = {}
    notebooks = {}
    for lesson in lessons:
        specs = lesson.runs(profile)
        if not specs:
            continue
        for spec in specs:
            add_run(spec, runs, store, folder, touch=touch)
        shown = [runs[spec.name].stamp for spec in specs]
        stamp = _notebook_stamp(lesson, specs, shown, profile, device, store, folder)
        notebooks[lesson.notebook] = NotebookJob([spec.name for spec in specs], str(stamp))
    for spec in (spec for lesson in later for spec in lesson.runs(profile)):
        if seed in (None, spec.seed):
            add_run(spec, runs, store, folder, touch=touch)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Plan(
        python=sys.executable,
        profile=profile,
        device=device,
        store=str(store.root),
        folder=str(folder),
        threads=max(1, cores // jobs),
        gpus=gpus,
        runs=runs,
        notebooks=notebooks,
    )


def batch_folder(store: Store, profile: str) -> Path:
    """Where a batch keeps its own files."""
    return store.root / ".batch" / profile


def add_run(spec: RunSpec, runs: dict[str, RunJob], store: Store, folder: Path, *, touch: bool = True) -> None:
    """Add the run to `runs` and, before it, its dependencies. Errors as `make_plan`.

    Damaged files are set aside, or with `touch` False taken for missing.
    """
    if spec.name in runs:
        return
    place = store.root / spec.name
    wrong = mend(place, spec.key) if touch else bool(damaged(place, spec.key))
    sound = touch or not wrong
    record = store.get(spec) if sound else None
    if touch and record is not None and record.folder != place:
        copy_run(record.folder, place)  # a committed run: the jobs of a batch look in one place
    whole = record is not None
    needs = list(spec.recipe.needs().values())
    for needed in needs:
        add_run(needed, runs, store, folder, touch=touch)
    stamp = _run_stamp(spec, folder)
    if whole and not stamp.exists():  # made outside a batch
        with paths.atomic_write(stamp) as temporary:
            temporary.write_text(spec.name, encoding="utf-8")
    if not whole:
        stamp.unlink(missing_ok=True)
    trained = sound and store.trained(spec) is not None
    runs[spec.name] = RunJob(
        asdict(spec), [needed.name for needed in needs], spec.recipe.plan.steps, str(stamp), trained
    )


def _run_stamp(spec: RunSpec, folder: Path) -> Path:
    """Its name changes with the scores that the run must have."""
    content = json.dumps([score_key(spec, test) for test in spec.recipe.tests])
    return folder / "runs" / f"{spec.name}.{hashlib.sha256(content.encode()).hexdigest()[:12]}.done"


def _notebook_stamp(
    lesson: Lesson, specs: list[RunSpec], shown: list[str], profile: str, device: str, store: Store, folder: Path
) -> Path:
    """Its name changes with everything the executed notebook depends on; it is removed if that notebook no longer
    exists.

    `shown` are the stamps of the runs, whose names change with what was trained and scored.
    """
    from depthlib.course import notebooks
    from depthlib.course.notebooks.cells import read_notebook

    source = paths.notebooks_dir() / f"{lesson.notebook}.ipynb"
    output = paths.results_dir(profile) / source.name
    parameters = {"profile": profile, "device": device}
    key = notebooks.notebook_key(read_notebook(source), parameters).digest
    if lesson.sums_up:
        others = [spec for other in COURSE for spec in other.runs(profile)]
        made = [spec for spec in others if (store.root / spec.name / RECORD).exists()]
        shown = [*shown, *(str(_run_stamp(spec, folder)) for spec in made)]
        verdicts = sorted((paths.results_dir(profile) / "verdicts").glob("*.json"))
        shown = [*shown, *(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in verdicts)]
    content = json.dumps([key, sorted({Path(stamp).name for stamp in shown}), str(output)])
    stamp = folder / f"{lesson.notebook}.{hashlib.sha256(content.encode()).hexdigest()[:12]}.done"
    copies = [paths.results_dir(profile) / "runs" / spec.name for spec in specs]
    published = all((copy / RECORD).exists() and not damaged(copy) for copy in copies)
    if stamp.exists() and not (
        published and notebooks.is_current(source, output, parameters, runs=runs_digest(copies))
    ):
        stamp.unlink()
    return stamp
