"""Display of a single run: on a terminal a bar, elsewhere a line now and then. Both fit 80 columns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

HEARTBEAT = 30.0  # seconds between two lines where there is no terminal
OnStep = Callable[[int, float, float], None]
OnImage = Callable[[int, int], None]


@contextmanager
def training_display(title: str, steps: int, console: Console) -> Iterator[tuple[OnStep, OnImage]]:
    """Show how far a run is; gives `on_step` and `on_image` of `depthlib.runs.execute.ensure`."""
    console.print(title, highlight=False)
    if not console.is_terminal:
        yield from _lines(steps, console)
        return
    columns = (
        TextColumn(" "),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=max(steps, 1), state="preparing the data")

        def on_step(step: int, loss: float, speed: float) -> None:
            progress.update(bar, completed=step, state=f"loss {loss:.4f}  {speed:.1f} images/s")

        def on_image(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total, state="images scored")

        yield on_step, on_image


def _lines(steps: int, console: Console) -> Iterator[tuple[OnStep, OnImage]]:
    """The same as lines, also while nothing is reported."""
    state, over, first = "preparing the data", threading.Event(), None

    def on_step(step: int, loss: float, speed: float) -> None:
        nonlocal state, first
        now = time.time()
        first = first or (step, now)
        left = (now - first[1]) / max(step - first[0], 1) * (steps - step)
        end = time.strftime("%H:%M", time.localtime(now + left))
        state = f"step {step} of {steps}, loss {loss:.4f}, {speed:.1f} images/s, trained at about {end}"

    def on_image(done: int, total: int) -> None:
        nonlocal state
        state = f"{done} of {total} images scored"

    def speak() -> None:
        while not over.wait(HEARTBEAT):
            console.print(f"  {state}", highlight=False)

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield on_step, on_image
    finally:
        over.set()
        speaker.join()
