"""Display of a batch: a line per finished job, and the state of the running ones.

Without a terminal the state is a line now and then. All of it fits 80 columns.
"""

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
from depthlib.course.batch.status import Status, news_file, read_status, status_file
from depthlib.runs.files import PROVENANCE

HEARTBEAT = 30.0  # seconds without a line, after which one says what is at work


class BatchProgress:
    """Polls the files of a batch and prints news. On a terminal each running job has a bar."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self.plan, self.console = plan, console
        self.missing = [*plan.missing_runs(), *plan.missing_notebooks()]
        self.total = len(self.missing)
        self.started = self.said = time.monotonic()
        self.news = _size(news_file(plan))
        self.live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        runs = plan.missing_runs()
        train = sum(not plan.runs[name].trained for name in runs)
        self._say(
            f"{len(plan.runs)} runs: {train} to train, {len(runs) - train} to score, {len(plan.runs) - len(runs)} in "
            f"the store; "
            f"{len(plan.notebooks)} notebooks, {len(plan.notebooks) - (self.total - len(runs))} current"
        )

    def start(self) -> None:
        if self.live:
            self.live.start()

    def look(self) -> None:
        """Print the jobs that finished since the last call, and warnings; without a terminal also a sign of life."""
        left = set(self.plan.missing_runs()) | set(self.plan.missing_notebooks())
        for name in [name for name in self.missing if name not in left]:
            self.missing.remove(name)
            place = self.total - len(self.missing)
            self._say(f"  {place:>{len(str(self.total))}}/{self.total}  {name}  {self._seconds(name)}")
        self._tell_news()
        if self.live:
            self.live.update(self._now())
        elif time.monotonic() - self.said > HEARTBEAT:
            for line in self.heartbeat():
                self._say(line)

    def heartbeat(self) -> list[str]:
        """The state of the batch and of each running job, a line each."""
        done = self.total - len(self.missing)
        lines = [f"  {time.strftime('%H:%M')}  {done} of {self.total} done{self._left()}; at work:"]
        for name, status in self._running():
            lines.append(f"    {_short(name, 30):30}  {_place(status)}, {status.note}"[:79])
        return lines

    def close(self) -> None:
        self.look()
        if self.live:
            self.live.stop()

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)
        self.said = time.monotonic()

    def _tell_news(self) -> None:
        """Print the warnings of the jobs since the last call."""
        file = news_file(self.plan)
        if (size := _size(file)) > self.news:
            with file.open("rb") as lines:
                lines.seek(self.news)
                for line in lines.read(size - self.news).decode(errors="replace").splitlines():
                    self._say(f"  {line}")
        self.news = size

    def _seconds(self, name: str) -> str:
        if name not in self.plan.runs:
            return "executed"
        if self.plan.runs[name].trained:
            return "scored"
        provenance = json.loads(Path(self.plan.store, name, PROVENANCE).read_text(encoding="utf-8"))
        return f"{provenance['seconds']:.0f} s"

    def _running(self) -> list[tuple[str, Status]]:
        found = [(name, read_status(status_file(self.plan, name))) for name in self.missing]
        return [(name, status) for name, status in found if status and status.state == "running"]

    def _now(self) -> Group:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=26)
        table.add_column(width=10)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for name, status in self._running():
            bar = ProgressBar(max(status.total, 1), status.done, width=10)
            table.add_row(Text(_short(name, 26)), bar, Text(f"{status.done}/{status.total}  {status.note}"))
        return Group(table, Text(f"{self.total - len(self.missing)} of {self.total} done{self._left()}"))

    def _left(self) -> str:
        """The remaining time and the expected end, estimated from the finished jobs."""
        done, passed = self.total - len(self.missing), time.monotonic() - self.started
        if done < 2:
            return ""
        left = passed / done * len(self.missing)
        return f", about {left / 60:.0f} min left, until {time.strftime('%H:%M', time.localtime(time.time() + left))}"


def _short(name: str, width: int) -> str:
    """The name of a job without the key of its run, at most `width` characters: the middle goes first."""
    name = name.rpartition("-")[0] or name
    return name if len(name) <= width else f"{name[: width - 8]}..{name[-6:]}"


def _place(status: Status) -> str:
    return f"{'step ' if status.note.startswith('loss') else ''}{status.done} of {status.total}"


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
