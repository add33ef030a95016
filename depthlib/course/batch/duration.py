"""How long missing runs will take, from the seconds that the same rows took with other seeds."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from statistics import median

from depthlib.base import paths
from depthlib.course.batch.plan import Plan
from depthlib.runs.files import PROVENANCE, CorruptRecord, read_part


def expected_seconds(plan: Plan, names: Collection[str]) -> tuple[float, int]:
    """Seconds of the runs with these names, one after the other, and how many of them are of unknown length.

    A row that was never made, with any seed, is of unknown length.
    """
    known: dict[str, list[float]] = {}
    for name in plan.runs:
        if (seconds := _seconds(plan, name)) is not None:
            known.setdefault(_row(plan, name), []).append(seconds)
    found = [known.get(_row(plan, name)) for name in names]
    return sum(median(one) for one in found if one), sum(not one for one in found)


def _row(plan: Plan, name: str) -> str:
    return json.dumps({key: value for key, value in plan.runs[name].spec.items() if key != "seed"}, sort_keys=True)


def _seconds(plan: Plan, name: str) -> float | None:
    """What a finished run took, here or among the committed ones."""
    for folder in (Path(plan.store), paths.reference_dir(plan.profile) / "runs"):
        file = folder / name / PROVENANCE
        if file.exists():
            try:
                return float(read_part(file)["seconds"])
            except (CorruptRecord, KeyError):
                return None
    return None
