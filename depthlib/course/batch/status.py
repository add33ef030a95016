"""The state of a job, as a small file for the progress display."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depthlib.base import paths

if TYPE_CHECKING:
    from depthlib.course.batch.plan import Plan


@dataclass
class Status:
    """The state of a job.

    Attributes:
        state: "running" or "failed". pid: of its process.
        done, total: steps of a training, images of an evaluation, cells of a notebook. note: loss and speed, or the
            cell that runs.
        error: of a failed job, one line.
    """

    state: str = "running"
    pid: int = 0
    done: int = 0
    total: int = 0
    note: str = "starting"
    error: str = ""

    def write(self, path: Path) -> None:
        with paths.atomic_write(path) as temporary:
            temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")


def status_file(plan: Plan, name: str) -> Path:
    """The file of a job: of a run in its folder, of a notebook in the batch's."""
    return Path(plan.store, name, "status.json") if name in plan.runs else Path(plan.folder, name, "status.json")


def news_file(plan: Plan) -> Path:
    """Warnings of all jobs, a line each, such as that a damaged file was set aside; the display shows them."""
    return Path(plan.folder, "news.log")


def read_status(path: Path) -> Status | None:
    try:
        return Status(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
