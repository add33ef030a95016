"""Progress output. It has no influence on results, so it does not enter the keys of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def bar(items: Iterable[Item], *, total: int, title: str, unit: str) -> Iterable[Item]:
    """`items` with a progress bar, which appears after two seconds."""
    from tqdm import tqdm

    return tqdm(items, total=total, desc=title, unit=unit, delay=2, leave=False)


def every(steps: int) -> Callable[[int, float, float], None]:
    """A callback for `fit` that prints one line every `steps` steps, for notebooks, which store their output."""

    def on_step(step: int, loss: float, images_per_second: float) -> None:
        if step % steps == 0:
            print(f"step {step:5d}  loss {loss:.4f}  {images_per_second:.0f} images/s", flush=True)

    return on_step
