"""The main command: the whole course starting from an empty store, a single run, and a repetition for comparison."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from depthlib.base import paths
from depthlib.course.lessons import Lesson, pick_lessons
from depthlib.runs.compare import compare_records
from depthlib.runs.execute import ensure
from depthlib.runs.profiles import get_profile
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import CorruptRecord, RunRecord, Store, read_record


def reproduce(
    names: list[str], *, profile: str = "quick", device: str = "auto", jobs: int | None = None, max_minutes: float | None = None,
    options: Sequence[str] = (), dry_run: bool = False, console: Console | None = None,
) -> int:
    """Train and score what is missing, execute the notebooks, publish results.

    Args:
        names: lessons, see `pick_lessons`; all when empty.
        jobs: how many at once; see `default_jobs`.
        max_minutes, options, dry_run: see `run_batch`.

    Returns:
        0 on success, 1 if something failed, 2 if it could not begin, 3 if the time was up.
    """
    from depthlib.course.batch import engine
    from depthlib.course.batch.plan import make_plan

    console = console or Console(highlight=False)
    scale, started = get_profile(profile), time.monotonic()
    if scale.reduced:
        console.print(f"Profile [bold]{profile}[/]: a reduced run; it can support or contradict a claim, never reproduce a number.")
    try:
        _check_writable(Store().root, paths.results_dir(profile))
        gpus = engine.gpu_count(device)
        jobs = jobs or engine.default_jobs(gpus)
        status = engine.DONE
        groups = in_order(pick_lessons(names))
        for number, lessons in enumerate(groups, start=1):
            later = [lesson for group in groups[number:] for lesson in group]
            plan = make_plan(lessons, later=later, profile=profile, device=device, jobs=jobs, gpus=gpus)
            left = None if max_minutes is None else max_minutes - (time.monotonic() - started) / 60
            found = engine.run_batch(plan, jobs=jobs, console=console, max_minutes=left, options=options, dry_run=dry_run)
            status = max(status, found)
            if status == engine.OUT_OF_TIME:
                break
    except (CorruptRecord, engine.AnotherBatch, OSError) as error:
        console.print(f"[red]error[/] {error}", soft_wrap=True, highlight=False)
        return engine.REFUSED
    if not dry_run:
        minutes = (time.monotonic() - started) / 60
        console.print(f"{minutes:.1f} min; results in {paths.results_dir(profile)}", soft_wrap=True, highlight=False)
    return status


def in_order(lessons: list[Lesson]) -> list[list[Lesson]]:
    """Lessons that sum up come after all others, even if those failed."""
    groups = [[lesson for lesson in lessons if lesson.sums_up == last] for last in (False, True)]
    return [group for group in groups if group]


def _check_writable(*folders: Path) -> None:
    """Raises OSError that names the folder."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise OSError(
                f"{folder}: found a folder without write access ({error.strerror}), expected a writable one for results"
            ) from error


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
    """Train and score one run, and print its mean errors. `changes`: "field=number" of the profile, else ValueError."""
    # under torchrun one process prints
    console = console or Console(highlight=False, quiet=os.environ.get("RANK", "0") != "0")
    overrides = {}
    for change in changes:
        name, _, value = change.partition("=")
        try:
            overrides[name] = json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"--set: found {change!r}, expected field=number, for example steps=20") from error
    spec = RunSpec(paper, variant, data, profile, seed, overrides)
    with training_bar(f"{paper} {variant}, {data}, seed {seed}", spec.recipe.plan.steps, console) as on_step:
        record = ensure(spec, Store(), device=device, on_step=on_step)
    means = {test: record.means(test) for test in record.result["tests"]}
    table = Table("mean error", *means, title=spec.name)
    for metric in dict.fromkeys(name for errors in means.values() for name in errors):
        table.add_row(metric, *(f"{errors[metric]:.4f}" if metric in errors else "" for errors in means.values()))
    console.print(table)
    console.print(f"{record.folder}", soft_wrap=True)
    return record


def verify(
    names: list[str], *, profile: str = "quick", device: str = "auto", jobs: int | None = None, console: Console | None = None,
) -> int:
    """Train and execute everything again in an empty store and compare with the committed results.

    With the device, threads and torch version of a record the bits must agree. Otherwise rounding differs and grows
    with every step: the first five losses must agree to 1 %, and the mean of each metric to 25 % or 0.02. Returns 0 if
    all agree, else 1.
    """
    console = console or Console(highlight=False)
    references = {}
    for lesson in pick_lessons(names):
        for spec in lesson.runs(profile):
            folder = paths.reference_dir(profile) / "runs" / spec.name
            references[spec.name] = read_record(folder, key=spec.key) if (folder / "record.json").exists() else None
    with tempfile.TemporaryDirectory() as scratch:
        with environment(DEPTHLIB_STORE=f"{scratch}/runs", DEPTHLIB_OUT=f"{scratch}/results", DEPTHLIB_TRAIN=None):
            status = reproduce(names, profile=profile, device=device, jobs=jobs, console=console)
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
    """Set environment variables temporarily; None removes one."""
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
