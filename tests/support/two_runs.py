"""Two runs at the smallest scale, planned and carried out by a batch."""

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from depthlib.course.batch import engine
from depthlib.course.batch.plan import add_run, make_plan
from depthlib.runs.store import RunSpec

SPECS = [RunSpec("start", variant, "rooms", "smoke") for variant in ("unet", "floor-constant")]
RUNS = len(SPECS)


def planned(store, lessons=()):
    """A plan of the two runs, and of lessons."""
    plan = make_plan(lessons, profile="smoke", device="cpu", jobs=2, store=store)
    for spec in SPECS:
        add_run(spec, plan.runs, store, Path(plan.folder))
    return replace(plan, threads=1)


def batch(store, **options):
    """Plan and carry out the two runs: status, text, plan."""
    plan = planned(store)
    console = Console(record=True, width=200, file=io.StringIO())
    return engine.run_batch(plan, jobs=2, console=console, **options), console.export_text(), plan
