"""Tables of paired differences drawn with the spreads of the stored scores, and whether the rules decide them."""

from __future__ import annotations

from functools import cache

import numpy as np
from stored_scores import records

from depthlib.base.stats_paired import critical, paired
from depthlib.report.claims import load_paper
from depthlib.report.comparison import errors
from depthlib.report.matching import by_seed, here

PAPERS = ("anuw", "dacnn", "mobile", "dual", "synergy")


@cache
def stored_pairs() -> list[tuple[str, np.ndarray]]:
    """(key of the claim, differences [seeds, frames] as a share of the rival's error) of every comparison of methods
    that has two seeds or more in the stored scores."""
    found = []
    for key in PAPERS:
        paper, runs = load_paper(key), [r for r in records() if r.result["spec"]["paper"] == key]
        for claim in paper.claims:
            for rival, test, metric in claim.comparisons() if claim.is_estimated and not claim.learned_by else ():
                if not isinstance(rival, str):
                    continue
                data, place = (here(paper.stand_ins, name, "quick") for name in (claim.data, test))
                sides = [by_seed(runs, variant, data) for variant in (claim.better, rival)]
                seeds = sorted(set(sides[0]) & set(sides[1]))
                if len(seeds) < 2 or any(place not in side[seeds[0]].result["tests"] for side in sides):
                    continue  # asked since, or of other data
                ours, theirs = (errors([side[seed] for seed in seeds], place, metric) for side in sides)
                found.append((claim.key, (theirs - ours) / theirs.mean()))
    return found


def spreads() -> np.ndarray:
    """Standard deviations [pairs, 3] of the effects of seed, frame and of the rest, as shares of the rival's error."""
    found = []
    for _, table in stored_pairs():
        one = paired(table)
        seed = one.seed_part * one.seeds - one.rest / one.frames
        found.append((max(0.0, seed) ** 0.5, (one.frame_part * one.frames) ** 0.5, one.rest**0.5))
    return np.array(found)


def drawn(spread: np.ndarray, seeds: int, frames: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` tables [count, seeds, frames] with mean 0; normal effects."""
    seed, frame, rest = spread
    return (
        rng.normal(0, seed, (count, seeds, 1))
        + rng.normal(0, frame, (count, 1, frames))
        + rng.normal(0, rest, (count, seeds, frames))
    )


def decided(tables: np.ndarray, level: float, margin: float) -> dict[str, np.ndarray]:
    """Which of many tables [..., seeds, frames] are decided at `level`, in each of the three ways."""
    found = paired(tables)
    reach = critical(found, level) * found.error
    return {
        "supported": found.mean > reach,
        "contradicted": found.mean < -reach,
        "no difference that matters": np.abs(found.mean) + reach < margin,
    }
