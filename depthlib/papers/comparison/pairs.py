"""Every method against every other, by the rules of the verdicts.

Whoever compares the lowest row of a table with the rest has chosen it by the numbers that shall prove it lowest. So
all pairs are asked, with Holm's correction over all of them, and no network enters that has not learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from depthlib.base.stats import Interval
from depthlib.base.stats_holm import holm
from depthlib.base.stats_paired import interval_of
from depthlib.base.stats_power import enough
from depthlib.papers.comparison.rows import FLOORS, METHODS, VARIANTS
from depthlib.report.comparison import Comparison, compare, errors
from depthlib.report.decide import NO_DIFFERENCE, SUPPORTED, answer, ways
from depthlib.report.learned import floor_of, learned
from depthlib.report.results import runs_of

if TYPE_CHECKING:
    import pandas as pd

    from depthlib.runs.store import RunRecord

TEST, METRIC = "median", "abs_rel"
LEVEL, MARGIN = 0.05, 0.02  # of any false answer; share of the higher error below which nothing matters
LEARNED, LEARNED_FROM_VIDEO = 0.85, 0.9  # error of a network that has learned, at most, in errors of the floor
BETTER, UNRESOLVED, UNMEASURABLE = "better", "not resolved", "not measurable"


@dataclass(frozen=True)
class Pair:
    """Two methods, the one with the lower mean error first.

    Attributes:
        answer: "better", "no difference that matters", "not resolved", or "not measurable" where nothing varies.
        level: at which the pair was asked in the end; interval: of the difference at that level, above 0 where `lower`
            is better.
        needs: the cheapest (seeds, frames) that find a difference of `MARGIN` at that level; None where more than
            `depthlib.base.stats_power` proposes would be needed, or the pair is decided.
    """

    lower: str
    higher: str
    comparison: Comparison
    answer: str
    p_adjusted: float
    level: float
    interval: Interval
    needs: tuple[int, int] | None = None


def has_learned(runs: Sequence[RunRecord], floors: Sequence[RunRecord]) -> bool:
    """Whether a method is far enough below the stronger floor; a single training, which has no interval, by its
    mean.
    """
    floor = floor_of(floors, "streets", TEST, METRIC)
    share = LEARNED_FROM_VIDEO if METHODS[runs[0].result["spec"]["variant"]].from_video else LEARNED
    if len(runs) > 1:
        return learned(runs, floor, TEST, METRIC, share)
    return bool(errors(runs, TEST, METRIC).mean() <= share * errors([floor], TEST, METRIC).mean())


def errors_of(records: Sequence[RunRecord]) -> dict[str, np.ndarray]:
    """Errors [seeds, frames] of every method and floor that has records."""
    return {key: errors(runs, TEST, METRIC) for key in VARIANTS if (runs := runs_of(records, key))}


def learned_first(records: Sequence[RunRecord]) -> tuple[list[str], list[str]]:
    """The methods that have learned, and those that have not, both by their mean error."""
    floors = [record for key in FLOORS for record in runs_of(records, key)]
    found = errors_of(records)
    order = sorted((key for key in found if key not in FLOORS), key=lambda key: found[key].mean())
    able = [key for key in order if has_learned(runs_of(records, key), floors)]
    return able, [key for key in order if key not in able]


def shares_of_the_map(records: Sequence[RunRecord], metrics: Sequence[str]) -> pd.DataFrame:
    """Mean error of every method and metric of the test, in per cent of that of the fixed map."""
    import pandas as pd

    means = {
        key: [errors(runs, TEST, metric).mean() for metric in metrics]
        for key in (*METHODS, "floor-map")
        if (runs := runs_of(records, key))
    }
    table = pd.DataFrame.from_dict(means, orient="index", columns=list(metrics))
    return 100 * (table / table.loc["floor-map"]).drop("floor-map")


def judge_pairs(found: Mapping[str, np.ndarray]) -> list[Pair]:
    """All pairs of methods, those with the lowest errors first.

    Args:
        found: errors [seeds, frames] of the methods that have learned, on the same seeds and frames.

    Raises:
        ValueError: fewer than two seeds or frames, or tables of different shape.
    """
    order = sorted(found, key=lambda name: found[name].mean())
    names = list(combinations(order, 2))
    asked = [compare(found[a], found[b], level=LEVEL, margin=MARGIN * float(found[b].mean())) for a, b in names]
    each = [ways([one]) for one in asked]
    adjusted = holm([min(p for p, _ in levels.values()) for levels in each], level=LEVEL)
    pairs = []
    for (lower, higher), one, levels, after in zip(names, asked, each, adjusted, strict=True):
        level = LEVEL * after.share
        said = answer(levels, level) if after.p <= LEVEL else None
        words = {SUPPORTED: BETTER, NO_DIFFERENCE: NO_DIFFERENCE, None: UNRESOLVED if one.measurable else UNMEASURABLE}
        open_ = said is None and one.measurable
        needs = enough(one.paired, one.margin, level, least=one.seeds) if open_ else None
        interval = interval_of(one.paired, level)
        pairs.append(Pair(lower, higher, one, words[said], after.p, level, interval, needs))
    return pairs


def matrix(pairs: Sequence[Pair], names: Mapping[str, str]) -> pd.DataFrame:
    """The answers as a square, methods in the order of their errors: how the row stands against the column."""
    import pandas as pd

    order = list(dict.fromkeys(name for pair in pairs for name in (pair.lower, pair.higher)))
    table = pd.DataFrame("", index=[names[name] for name in order], columns=[names[name] for name in order])
    for pair in pairs:
        lower, higher = names[pair.lower], names[pair.higher]
        table.loc[lower, higher] = pair.answer
        table.loc[higher, lower] = "worse" if pair.answer == BETTER else pair.answer
    return table


def pair_table(pairs: Sequence[Pair], names: Mapping[str, str]) -> pd.DataFrame:
    """One row a pair: the difference as a share of the higher error, in per cent, its interval, and the answer."""
    import pandas as pd

    rows = []
    for pair in pairs:
        ends = (pair.interval.mean, pair.interval.low, pair.interval.high)
        percents = [100 * end / pair.comparison.rival_error for end in ends]
        rows.append([names[pair.lower], names[pair.higher], *percents, pair.p_adjusted, pair.answer, _wanted(pair)])
    heads = ["lower", "higher", "by %", "low", "high", "p (Holm)", "answer", f"to find {100 * MARGIN:g} %"]
    return pd.DataFrame(rows, columns=heads).set_index("lower")


def _wanted(pair: Pair) -> str:
    if pair.answer != UNRESOLVED:
        return ""
    if pair.needs is None:
        return "more than is proposed"
    seeds, frames = pair.needs
    there = (seeds, frames) == (pair.comparison.seeds, pair.comparison.images)
    return "these would do, four times of five" if there else f"{seeds} seeds, {frames} frames"
