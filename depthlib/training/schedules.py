"""Learning rates as functions of the step."""

from __future__ import annotations

from collections.abc import Sequence

SCHEDULES = ("constant", "poly", "step")


def rate_factor(
    schedule: str, step: int, steps: int, *, power: float = 0.9, milestones: Sequence[float] = (), drop: float = 0.1
) -> float:
    """Factor on the initial learning rate at `step` of `steps`.

    "constant": 1. "poly": (1 - step/steps)^power, evaluated at every step (ANUW, Sec. 4.1: power 1.5; DACNN, Sec. 4.2:
    0.9). "step": `drop` to the power of the number of `milestones`, shares of all steps, that have been reached (dual
    networks, Look Deeper). Raises ValueError for an unknown name.
    """
    if schedule == "constant":
        return 1.0
    if schedule == "poly":
        return (1 - step / steps) ** power
    if schedule == "step":
        return drop ** sum(step >= share * steps for share in milestones)
    raise ValueError(f"schedule: found {schedule!r}, expected one of {', '.join(SCHEDULES)}")
