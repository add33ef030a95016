"""The whole course from nothing: the runs behind each notebook, then the notebook, then what is published of both."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from depthlib import paths
from depthlib.papers import paper_module
from depthlib.papers.spec import RunSpec
from depthlib.profiles import get_profile
from depthlib.runs import RECORD, RunRecord, Store, publish, read_record


@dataclass(frozen=True)
class Lesson:
    """A notebook and the paper whose runs it shows."""

    notebook: str
    paper: str

    def runs(self, profile: str) -> list[RunSpec]:
        return paper_module(self.paper).runs(profile)


COURSE = (Lesson("00_start_here", "start"), Lesson("01_anuw", "anuw"), Lesson("07_real_data", "start"))


def pick_lessons(names: list[str]) -> list[Lesson]:
    """Lessons by notebook name, number or paper key; all of them when `names` is empty. Raises ValueError for another name."""
    if not names:
        return list(COURSE)
    chosen = []
    for name in names:
        found = [lesson for lesson in COURSE if name in (lesson.notebook, lesson.notebook[:2], lesson.paper)]
        if not found:
            raise ValueError(f"unknown lesson {name!r}: expected one of {', '.join(lesson.notebook for lesson in COURSE)}")
        chosen += found
    return chosen


def reproduce(names: list[str], *, profile: str = "quick", device: str = "auto", console: Console | None = None) -> int:
    """Train what is missing, execute the notebooks, publish results. Returns 0 when everything worked, else 1."""
    console = console or Console(highlight=False)
    lessons, scale, store, started, failures = pick_lessons(names), get_profile(profile), Store(), time.monotonic(), 0
    if scale.reduced:
        console.print(f"Profile [bold]{profile}[/]: a reduced run; it can support or contradict a claim, never reproduce a number.")
    for lesson in lessons:
        try:
            records = make_runs(lesson, profile, store, device, console)
            target = paths.results_dir(profile) / "runs"
            # A notebook is current if it was executed with the runs that are published beside it. So what is new is published
            # after the notebook, and a batch that is killed in between executes it again.
            fresh = any(not same_record(record, target) for record in records)
            executed = execute_lesson(lesson, profile, device, console, force=fresh)
            for record in records:
                publish(record, target, weights=record.result["recipe"]["ship_weights"])
            remove_unknown_runs(lesson, profile, target)
            console.print(f"[green]done[/]  {executed}")
        except Exception as error:      # one lesson's failure must not cost the others their night
            failures += 1
            console.print(f"[red]failed[/] {lesson.notebook}: {type(error).__name__}: {error}", markup=True, soft_wrap=True)
    minutes = (time.monotonic() - started) / 60
    console.print(f"{len(lessons) - failures} of {len(lessons)} lessons in {minutes:.1f} min; results in {paths.results_dir(profile)}")
    return 1 if failures else 0


def same_record(record: RunRecord, published: Path) -> bool:
    """Whether this very record is published already."""
    copy = published / record.folder.name / RECORD
    return copy.exists() and copy.read_bytes() == (record.folder / RECORD).read_bytes()


def make_runs(lesson: Lesson, profile: str, store: Store, device: str, console: Console) -> list[RunRecord]:
    """Train the runs of a lesson that the store lacks; returns the records of all of them."""
    specs = lesson.runs(profile)
    missing = [spec for spec in specs if store.get(spec) is None]
    console.print(f"[bold]{lesson.notebook}[/]: {len(specs)} runs, {len(specs) - len(missing)} in the store")
    for number, spec in enumerate(missing, 1):
        title = f"{number}/{len(missing)} {spec.variant}, {spec.data}, seed {spec.seed}"
        with training_bar(title, spec.recipe.plan.steps, console) as on_step:
            record = store.ensure(spec, device=device, on_step=on_step)
        console.print(f"  {spec.name}  {record.provenance['seconds']:.0f} s")
    return [store.ensure(spec, device=device) for spec in specs]


@contextmanager
def training_bar(title: str, steps: int, console: Console) -> Iterator[Any]:
    """A bar with loss and images per second; gives the callback that `fit` calls after each step."""
    columns = (
        TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(title, total=max(steps, 1), state="preparing")
        yield lambda step, loss, speed: progress.update(bar, completed=step, state=f"loss {loss:.4f}  {speed:5.1f} images/s")


def run_one(
    paper: str, variant: str, *, data: str, profile: str, seed: int, changes: list[str], device: str = "auto",
    console: Console | None = None,
) -> RunRecord:
    """Make one run and print its mean errors. `changes` are "field=number" of the profile; raises ValueError for what is not one."""
    console = console or Console(highlight=False)
    overrides = {}
    for change in changes:
        name, _, value = change.partition("=")
        try:
            overrides[name] = json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"--set {change!r}: expected field=number, for example steps=20") from error
    spec = RunSpec(paper, variant, data, profile, seed, overrides)
    with training_bar(f"{paper} {variant}, {data}, seed {seed}", spec.recipe.plan.steps, console) as on_step:
        record = Store().ensure(spec, device=device, on_step=on_step)
    table = Table("test", *next(iter(record.result["tests"].values()))["metrics"], title=spec.name)
    for test in record.result["tests"]:
        table.add_row(test, *(f"{value:.4f}" for value in record.means(test).values()))
    console.print(table)
    console.print(f"{record.folder}", soft_wrap=True)
    return record


def execute_lesson(lesson: Lesson, profile: str, device: str, console: Console, *, force: bool) -> Path:
    """Run the notebook through papermill into the results; nothing to do if it is current and no run was made."""
    from depthlib import notebooks

    source = paths.notebooks_dir() / f"{lesson.notebook}.ipynb"
    output = paths.results_dir(profile) / source.name
    parameters = {"profile": profile, "device": device}
    if not force and notebooks.is_current(source, output, parameters):
        return output
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("notebook")
        notebooks.execute(
            source, output, parameters,
            progress=lambda done, total, cell: progress.update(bar, completed=done, total=total, description=f"notebook, cell {cell}"),
        )
    return output


def remove_unknown_runs(lesson: Lesson, profile: str, target: Path) -> None:
    """Published runs of this paper that the lesson no longer has: results of code that is gone."""
    known = {spec.name for spec in lesson.runs(profile)}
    for folder in target.glob(f"{lesson.paper}-*"):
        if folder.name not in known:
            shutil.rmtree(folder)


def verify(names: list[str], *, profile: str = "quick", device: str = "auto", console: Console | None = None) -> int:
    """Train and execute everything again in an empty place and compare with the committed results.

    On the device, threads and torch that a record came from the bits must agree. Elsewhere rounding differs and grows with
    every step: the first five losses must agree to 1 %, and the mean of each metric to 25 % or 0.02.
    Returns 0 if all agree, else 1.
    """
    console = console or Console(highlight=False)
    references = {}
    for lesson in pick_lessons(names):
        for spec in lesson.runs(profile):
            folder = paths.reference_dir(profile) / "runs" / spec.name
            references[spec.name] = read_record(folder, key=spec.key) if (folder / "record.json").exists() else None
    with tempfile.TemporaryDirectory() as scratch:
        with environment(DEPTHLIB_STORE=f"{scratch}/runs", DEPTHLIB_OUT=f"{scratch}/results", DEPTHLIB_TRAIN=None):
            status = reproduce(names, profile=profile, device=device, console=console)
        table = Table("run", "bits", "first 5 losses", "metrics", "verdict", title="made again, against the committed results")
        for name, reference in references.items():
            folder = Path(scratch, "runs", name)
            if reference is None or not (folder / "record.json").exists():
                table.add_row(name, "-", "-", "-", "[red]not committed[/]" if reference is None else "[red]not made[/]")
                status = 1
                continue
            difference = compare_records(reference, read_record(folder))
            status |= not difference.agrees
            table.add_row(
                name, "same" if difference.same_bits else "differ", f"{difference.first_losses:.1e}", f"{difference.metrics:.1e}",
                "[green]agrees[/]" if difference.agrees else "[red]differs[/]",
            )
    console.print(table)
    return status


@contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """Environment variables for a while; None takes one out."""
    before = {name: os.environ.get(name) for name in values}
    try:
        _set_environment(values)
        yield
    finally:
        _set_environment(before)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@dataclass(frozen=True)
class RecordDifference:
    """How far two records of one run are apart.

    Attributes:
        same_bits: everything that was measured is equal. same_machine: it should be, for device, threads and torch are.
        first_losses: largest relative difference of the first five losses.
        metrics: largest difference of a mean metric, relative, or 12.5 times the absolute one where that is less (0.02 -> 0.25).
    """

    same_bits: bool
    same_machine: bool
    first_losses: float
    metrics: float

    @property
    def agrees(self) -> bool:
        return self.same_bits or (not self.same_machine and self.first_losses <= 1e-2 and self.metrics <= 0.25)


def compare_records(a: RunRecord, b: RunRecord) -> RecordDifference:
    """Compare what two records of the same run measured."""

    def relative(x: float, y: float) -> float:
        return abs(x - y) / max(abs(x), abs(y), 1e-12)

    first = [record.result["curve"].get("loss", [])[:5] for record in (a, b)]
    losses = [relative(x, y) for x, y in zip(*first, strict=True)]
    pairs = [(a.means(test)[name], b.means(test)[name]) for test in a.result["tests"] for name in a.means(test)]
    metrics = [min(relative(x, y), 12.5 * abs(x - y)) for x, y in pairs]
    same = json.dumps(a.result, sort_keys=True) == json.dumps(b.result, sort_keys=True)
    machine = all(a.provenance.get(key) == b.provenance.get(key) for key in ("device", "threads", "torch"))
    return RecordDifference(same, machine, float(np.max(losses, initial=0.0)), float(np.max(metrics, initial=0.0)))      # NaN stays NaN
