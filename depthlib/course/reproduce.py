"""The main command: the whole course starting from an empty store, a single run, and a repetition for comparison."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from depthlib.base import paths
from depthlib.base.text import told
from depthlib.course import at_paper_scale
from depthlib.course.lessons import Lesson, pick_lessons
from depthlib.course.training_display import training_display
from depthlib.runs.compare import compare_records
from depthlib.runs.execute import ensure
from depthlib.runs.files import RECORD, CorruptRecord, damaged
from depthlib.runs.profiles import get_profile
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import RunRecord, Store, read_record

if TYPE_CHECKING:
    from depthlib.course.batch.plan import Plan


def reproduce(
    names: list[str],
    *,
    profile: str = "quick",
    device: str = "auto",
    jobs: int | None = None,
    max_minutes: float | None = None,
    options: Sequence[str] = (),
    console: Console | None = None,
) -> int:
    """Train and score what is missing, execute the notebooks, publish results.

    A run is published when it is finished. Where a profile has several seeds, all runs of one are made before those of
    the next, so that what is there after an interruption is of use; a cluster takes all at once.

    Args:
        names: lessons, see `pick_lessons`; all when empty.
        jobs: how many at once; see `default_jobs`.
        max_minutes, options: see `run_batch`.

    Returns:
        0 on success, 1 if something failed, 2 if it could not begin, 3 if the time was up.
    """
    from depthlib.course.batch import engine
    from depthlib.course.batch.plan import make_plan

    console = console or Console(highlight=False)
    scale, started, lessons = get_profile(profile), time.monotonic(), with_runs(pick_lessons(names), profile, console)

    def left() -> float | None:
        return None if max_minutes is None else max_minutes - (time.monotonic() - started) / 60

    try:
        gpus = engine.gpu_count(device)
        if profile == "paper" and not at_paper_scale.ready([lesson.runs(profile) for lesson in lessons], console):
            return engine.REFUSED
        check_writable(Store().root, paths.results_dir(profile))
        jobs = jobs or engine.default_jobs(gpus)
        if scale.reduced:
            limits = "a reduced run; it can support or contradict a claim, never reproduce a number."
            console.print(f"Profile [bold]{profile}[/]: {limits}")
        settings = {"profile": profile, "device": device, "jobs": jobs, "gpus": gpus}
        how = {"jobs": jobs, "console": console, "options": options}
        status = engine.DONE
        for seed in scale.seeds if len(scale.seeds) > 1 and not engine.elsewhere(options) else ():
            plan = make_plan([], later=lessons, seed=seed, **settings)
            if plan.missing_runs():
                console.print(f"Seed {seed}")
                status = max(status, engine.run_batch(plan, max_minutes=left(), **how))
            if status == engine.OUT_OF_TIME:
                break
        groups = in_order(lessons) if status != engine.OUT_OF_TIME else []
        for number, group in enumerate(groups, start=1):
            later = [lesson for group in groups[number:] for lesson in group]
            plan = make_plan(group, later=later, **settings)
            status = max(status, engine.run_batch(plan, max_minutes=left(), **how))
            if status == engine.OUT_OF_TIME:
                break
    except (CorruptRecord, engine.AnotherBatch, OSError) as error:
        console.print(f"[red]error[/] {escape(told(error))}", soft_wrap=True, highlight=False)
        return engine.REFUSED
    minutes = (time.monotonic() - started) / 60
    console.print(f"{minutes:.1f} min; results in {paths.results_dir(profile)}", soft_wrap=True, highlight=False)
    return status


def preview(
    names: list[str],
    *,
    profile: str = "quick",
    device: str = "auto",
    jobs: int | None = None,
    options: Sequence[str] = (),
    verbose: bool = False,
    console: Console | None = None,
) -> int:
    """Print what `reproduce` would do, a line a lesson; nothing is written. `verbose`: also every job of the workflow.

    Returns 0, or the exit status of the workflow.
    """
    from depthlib.course.batch import engine
    from depthlib.course.batch.plan import batch_folder, make_plan

    console, store = console or Console(highlight=False), Store()
    lessons = with_runs(pick_lessons(names), profile, console)
    jobs = jobs or engine.default_jobs(engine.gpu_count(device))
    with tempfile.TemporaryDirectory() as scratch:
        for stamp in batch_folder(store, profile).glob("*.done"):
            shutil.copy(stamp, scratch)
        plan = make_plan(lessons, profile=profile, device=device, jobs=jobs, store=store, folder=Path(scratch))
        due, told_already = set(plan.missing_runs()), set()
        for lesson in lessons:
            mine = {spec.name for spec in lesson.runs(profile)} - told_already
            told_already |= mine
            console.print(f"  {lesson.notebook:18} {_counts(plan, mine & due, mine)}")
            if profile == "paper":
                train = {name for name in mine & due if not plan.runs[name].trained}
                at_paper_scale.describe(lesson.runs(profile), train, device=device, store=store.root, console=console)
        rest = set(plan.runs) - told_already
        if rest:
            console.print(f"  {'needed by these':18} {_counts(plan, rest & due, rest)}")
        notebooks = f"{len(plan.missing_notebooks())} of {len(plan.notebooks)} notebooks"
        console.print(f"{len(due)} of {len(plan.runs)} runs and {notebooks} to make{_minutes(plan, due, jobs)}")
        return engine.dry_run(plan, jobs=jobs, options=options) if verbose else 0


def _counts(plan: Plan, due: set[str], runs: set[str]) -> str:
    train = sum(not plan.runs[name].trained for name in due)
    return f"{train:3} to train, {len(due) - train:3} to score, {len(runs) - len(due):3} in the store"


def _minutes(plan: Plan, due: set[str], jobs: int) -> str:
    """How long it takes, as far as other seeds tell; nothing where they tell nothing."""
    from depthlib.course.batch.duration import expected_seconds

    seconds, unknown = expected_seconds(plan, [name for name in due if not plan.runs[name].trained])
    if not seconds:
        return ""
    return f", about {seconds / 60 / jobs:.0f} min at {jobs} at once" + (
        f" and {unknown} runs of unknown length" if unknown else ""
    )


def with_runs(lessons: list[Lesson], profile: str, console: Console) -> list[Lesson]:
    """Those that have runs at this profile; the others are told."""
    there = [lesson for lesson in lessons if lesson.runs(profile)]
    for lesson in lessons:
        if lesson not in there:
            console.print(f"  {lesson.notebook:18} nothing at profile {profile} yet")
    return there


def in_order(lessons: list[Lesson]) -> list[list[Lesson]]:
    """Lessons that sum up come after all others, even if those failed."""
    groups = [[lesson for lesson in lessons if lesson.sums_up == last] for last in (False, True)]
    return [group for group in groups if group]


def check_writable(*folders: Path) -> None:
    """Raises OSError that names the folder, or the one above it that would hold it; makes none."""
    for folder in folders:
        there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        try:
            with tempfile.TemporaryFile(dir=there):
                pass
        except OSError as error:
            raise OSError(
                f"{folder}: found a folder without write access ({error.strerror}), expected a writable one for results"
            ) from error


def run_one(
    paper: str,
    variant: str,
    *,
    data: str,
    profile: str,
    seed: int,
    changes: list[str],
    device: str = "auto",
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
    title = f"{paper} {variant}, {data}, seed {seed}"
    with training_display(title, spec.recipe.plan.steps, console) as (on_step, on_image):
        record = ensure(spec, Store(), device=device, on_step=on_step, on_image=on_image)
    means = {test: record.means(test) for test in record.result["tests"]}
    table = Table("mean error", *means, title=spec.name)
    for metric in dict.fromkeys(name for errors in means.values() for name in errors):
        table.add_row(metric, *(f"{errors[metric]:.4f}" if metric in errors else "" for errors in means.values()))
    console.print(table)
    console.print(f"{record.folder}", soft_wrap=True)
    return record


def verify(
    names: list[str],
    *,
    profile: str = "quick",
    device: str = "auto",
    jobs: int | None = None,
    sample: int | None = None,
    console: Console | None = None,
) -> int:
    """Train and execute everything again in an empty store and compare with the committed results.

    With the device (on a CPU, its instruction set), threads and torch version of a record the bits must agree.
    Otherwise rounding differs and grows with every step: the first five losses must agree to 1 %, and the mean of each
    metric to 25 % or 0.02. Returns 0 if all agree, else 1.

    Args:
        sample: make only so many of the committed runs again, chosen at random, with what they need, and no notebook.
    """
    console = console or Console(highlight=False)
    references: dict[str, RunRecord | None] = {}
    specs: dict[str, RunSpec] = {}
    for lesson in pick_lessons(names):
        for spec in lesson.runs(profile):
            folder = paths.reference_dir(profile) / "runs" / spec.name
            for error in damaged(folder, spec.key):
                raise error
            references[spec.name] = read_record(folder, key=spec.key) if (folder / RECORD).exists() else None
            specs[spec.name] = spec
    if sample is not None:
        committed = [name for name, reference in references.items() if reference is not None]
        references = {name: references[name] for name in random.sample(committed, min(sample, len(committed)))}
        console.print(
            f"{len(references)} of {len(committed)} committed runs are made again; {len(specs) - len(committed)} "
            f"others "
            "are not committed"
        )
    with tempfile.TemporaryDirectory() as scratch:
        with environment(DEPTHLIB_STORE=f"{scratch}/runs", DEPTHLIB_OUT=f"{scratch}/results", DEPTHLIB_TRAIN=None):
            if sample is None:
                status = reproduce(names, profile=profile, device=device, jobs=jobs, console=console)
            else:
                status = int(not references)
                for name in references:
                    remake(specs[name], device, console)
        table = Table(
            "run", "bits", "first 5 losses", "metrics", "verdict", title="made again, against the committed results"
        )
        for name, reference in references.items():
            folder = Path(scratch, "runs", name)
            if reference is None or not (folder / RECORD).exists():
                table.add_row(name, "-", "-", "-", "[red]not committed[/]" if reference is None else "[red]not made[/]")
                status = 1
                continue
            difference = compare_records(reference, read_record(folder))
            status |= not difference.agrees
            table.add_row(
                name,
                "same" if difference.same_bits else "differ",
                f"{difference.first_losses:.1e}",
                f"{difference.metrics:.1e}",
                "[green]agrees[/]" if difference.agrees else "[red]differs[/]",
            )
    console.print(table)
    return status


def remake(spec: RunSpec, device: str, console: Console) -> None:
    """Make a run, and before it those it needs, with a display."""
    for needed in spec.recipe.needs().values():
        remake(needed, device, console)
    with training_display(spec.name, spec.recipe.plan.steps, console) as (on_step, on_image):
        ensure(spec, Store(), device=device, on_step=on_step, on_image=on_image)


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
