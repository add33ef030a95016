"""What a training says while it runs, in a notebook. (The command line has a bar of its own.)"""

from __future__ import annotations

from collections.abc import Callable


def every(steps: int) -> Callable[[int, float, float], None]:
    """A callback for `fit` that prints one line each `steps` steps; lines, not a bar, since a stored bar is a frozen bar."""

    def on_step(step: int, loss: float, images_per_second: float) -> None:
        if step % steps == 0:
            print(f"step {step:5d}  loss {loss:.4f}  {images_per_second:.0f} images/s", flush=True)

    return on_step
