"""Learning rates as functions of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence

SCHEDULES = ("constant", "poly", "step", "cosine")


def rate_factor(
    schedule: str,
    step: int,
    steps: int,
    *,
    power: float = 0.9,
    milestones: Sequence[float] = (),
    drop: float = 0.1,
    warmup: int = 0,
) -> float:
    """Factor on the initial learning rate at `step` of `steps`, evaluated at every step.

    The first `warmup` steps rise in equal parts, (step + 1)/(warmup + 1), so that step `warmup` is the first at the
    whole rate. There the schedule begins, over the rest: with s = step - warmup and S = steps - warmup

        "constant": 1.
        "poly": (1 - s/S)^power (ANUW, Sec. 4.1: power 1.5; DACNN, Sec. 4.2: 0.9).
        "step": `drop` to the power of the number of `milestones`, shares of S, that have been reached (dual networks,
            Look Deeper).
        "cosine": (1 + cos(pi s/S)) / 2, 0 at s = S (SGDR, Eq. 5, without restarts).

    Raises:
        ValueError: an unknown name; a negative warm-up, or one that is not shorter than all steps.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule: found {schedule!r}, expected one of {', '.join(SCHEDULES)}")
    if warmup and not 0 < warmup < steps:
        raise ValueError(f"warmup: found {warmup}, expected 0 to {steps - 1}, less than all steps")
    if step < warmup:
        return (step + 1) / (warmup + 1)
    step, steps = step - warmup, steps - warmup
    if schedule == "poly":
        return (1 - step / steps) ** power
    if schedule == "step":
        return drop ** sum(step >= share * steps for share in milestones)
    if schedule == "cosine":
        return (1 + math.cos(math.pi * step / steps)) / 2
    return 1.0
