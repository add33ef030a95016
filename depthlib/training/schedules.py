"""Learning rates as functions of the step."""

from __future__ import annotations


def learning_rate(schedule: str, lr: float, step: int, steps: int, power: float) -> float:
    """The rate at `step` of `steps`.

    "poly": lr (1 - step/steps)^power, evaluated at every iteration (ANUW 4.1: power 1.5; DACNN: 0.9; spec anuw_dacnn, section 3).
    "constant": lr. Raises ValueError for another name.
    """
    if schedule == "constant":
        return lr
    if schedule == "poly":
        return lr * (1 - step / steps) ** power
    raise ValueError(f"unknown schedule {schedule!r}: expected 'constant' or 'poly'")
