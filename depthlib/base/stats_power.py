"""What a comparison of two methods can find: its power, the smallest difference found, the design that would do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from depthlib.base.stats_paired import Paired, critical

POWER = 0.8  # of a difference that is called detectable
MOST_SEEDS, MOST_FRAMES = 48, 16  # of a design that is proposed; frames in multiples of those there are
TRAINING = 2000  # frames that could be scored in the time of one training, about


def freedom(found: Paired) -> Any:
    """Degrees of freedom of the standard error as a whole (Satterthwaite 1946)."""
    squares = found.seed_part**2 / (found.seeds - 1) + found.frame_part**2 / (found.frames - 1)
    return (found.seed_part + found.frame_part) ** 2 / squares


def power(found: Paired, effect: float, level: float) -> float:
    """Probability that the interval of a two-sided `level` leaves out 0 on the side of a true mean `effect`.

    By the non-central t distribution, with the variance parts taken for the true ones.
    """
    from scipy.stats import nct

    return float(nct.sf(critical(found, level), freedom(found), abs(effect) / found.error))


def detectable(found: Paired, level: float) -> float:
    """The smallest true mean that is found with probability `POWER`; infinite where nothing varies."""
    from scipy.optimize import brentq

    if not found.varies:
        return float("inf")
    far = 2 * float(critical(found, level)) + 40.0  # twice, for the tails of two seeds
    return float(brentq(lambda steps: power(found, steps * found.error, level) - POWER, 0.0, far) * found.error)


def redesigned(found: Paired, seeds: int, frames: int) -> Paired:
    """The same comparison with other numbers of seeds and frames."""
    of_seed = max(0.0, found.seed_part * found.seeds - found.rest / found.frames)
    of_frame = found.frame_part * found.frames
    seed_part = of_seed / seeds + found.rest / (seeds * frames)
    return replace(found, seed_part=seed_part, frame_part=of_frame / frames, seeds=seeds, frames=frames)


def enough(found: Paired, effect: float, level: float, least: int) -> tuple[int, int] | None:
    """The cheapest (seeds, frames) that find a true mean `effect` with probability `POWER`, or None within the limits.

    Seeds from `least` on, frames from those there are on, doubled; a training costs as much as `TRAINING` frames.
    """
    fits = []
    for doubled in range(int(np.log2(MOST_FRAMES)) + 1):
        frames, (low, high) = found.frames * 2**doubled, (least, MOST_SEEDS)
        if power(redesigned(found, high, frames), effect, level) < POWER:
            continue
        while low < high:  # power rises with the number of seeds
            middle = (low + high) // 2
            does = power(redesigned(found, middle, frames), effect, level) >= POWER
            low, high = (low, middle) if does else (middle + 1, high)
        fits.append((low * (TRAINING + frames), low, frames))
    return min(fits)[1:] if fits else None
