"""Display of a batch: a line per finished job, and the state of the running ones."""

from __future__ import annotations

import json
import time
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from depthlib.course.batch.plan import Plan
from depthlib.course.batch.status import read_status, status_file
from depthlib.runs.store import PROVENANCE


class BatchProgress:
    """Polls the files of a batch and prints news. On a terminal each running job has a bar."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self.plan, self.console = plan, console
        self.missing = [*plan.missing_runs(), *plan.missing_notebooks()]
        self.total = len(self.missing)
        self.started = time.monotonic()
        self.live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        runs = plan.missing_runs()
        train = sum(not plan.runs[name].trained for name in runs)
        console.print(
            f"{len(plan.runs)} runs: {train} to train, {len(runs) - train} to score, {len(plan.runs) - len(runs)} in the store; "
            f"{len(plan.notebooks)} notebooks, {len(plan.notebooks) - (self.total - len(runs))} current", highlight=False,
        )

    def start(self) -> None:
        if self.live:
            self.live.start()

    def look(self) -> None:
        """Print the jobs that finished since the last call."""
        left = set(self.plan.missing_runs()) | set(self.plan.missing_notebooks())
        for name in [name for name in self.missing if name not in left]:
            self.missing.remove(name)
            place = self.total - len(self.missing)
            self.console.print(f"  {place:>{len(str(self.total))}}/{self.total}  {name}  {self._seconds(name)}".rstrip(), highlight=False)
        if self.live:
            self.live.update(self._now())

    def close(self) -> None:
        self.look()
        if self.live:
            self.live.stop()

    def _seconds(self, name: str) -> str:
        if name not in self.plan.runs:
            return "executed"
        if self.plan.runs[name].trained:
            return "scored"
        provenance = json.loads(Path(self.plan.store, name, PROVENANCE).read_text(encoding="utf-8"))
        return f"{provenance['seconds']:.0f} s"

    def _now(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for name in self.missing:
            status = read_status(status_file(self.plan, name))
            if status and status.state == "running":
                table.add_row(Text(name), ProgressBar(max(status.total, 1), status.done, width=24), Text(status.note))
        return Group(table, Text(f"{self.total - len(self.missing)} of {self.total} done{self._left()}"))

    def _left(self) -> str:
        """The remaining time, estimated from the finished jobs."""
        done, passed = self.total - len(self.missing), time.monotonic() - self.started
        return f", about {passed / done * len(self.missing) / 60:.0f} min left" if done > 1 else ""
