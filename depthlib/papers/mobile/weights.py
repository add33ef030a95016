"""The weights under loss rebalancing: the mobile paper's claim weights-move, judged by a separate rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from depthlib.report.verdicts import CONTRADICTED, NOT_RUN, SUPPORTED, UNRESOLVED
from depthlib.runs.profiles import get_profile

if TYPE_CHECKING:
    from depthlib.runs.store import RunRecord

# name -> curve of a record
CURVES = {"ranking": "weight_ranking", "pixelwise": "weight_rmse", "pairwise": "weight_pairwise"}
PRINTED = {"ranking": 0.9, "pixelwise": 0.285, "pairwise": 0.1}  # Sec. 4.3.1; all three begin at 0.33
START = 1 / 3
CLAIMED = {"ranking": "rises", "pairwise": "falls"}  # claim weights-move
OPPOSITE = {"rises": "falls", "falls": "rises"}


def last_weights(records: Sequence[RunRecord]) -> dict[str, list[float]]:
    """Weights at the last step of a training with rebalancing: name of the loss -> one number per seed."""
    return {name: [record.result["curve"][key][-1] for record in records] for name, key in CURVES.items()}


def direction(ends: Sequence[float], start: float = START) -> str:
    """Whether a weight "rises" or "falls": all seeds end on that side of the start; else "differs between seeds"."""
    return "rises" if min(ends) > start else "falls" if max(ends) < start else "differs between seeds"


def judge_course(ends: Mapping[str, Sequence[float]], profile: str, min_seeds: int = 2) -> tuple[str, str]:
    """Verdict on the claim weights-move and its reason.

    The rule was fixed with the claims: supported if in every seed the ranking weight ends above its initial third and
    the pairwise weight below; contradicted if one of the two ends on the other side in every seed.

    Args:
        ends: from `last_weights`. min_seeds: with fewer the claim is not resolved.
    """
    seeds = len(ends["ranking"])
    ways = {name: direction(ends[name]) for name in CLAIMED}
    why = (
        ", ".join(f"the {name} weight {way}" for name, way in ways.items())
        + f" ({seeds} seed{'s' if seeds > 1 else ''})"
    )
    if not get_profile(profile).meaningful:
        return NOT_RUN, f"profile {profile} only proves that the code runs"
    if not get_profile(profile).decides:
        return NOT_RUN, f"no verdict at profile {profile}; {why}"
    if seeds < min_seeds:
        return UNRESOLVED, f"{why}; the rule asks for {min_seeds}"
    if ways == CLAIMED:
        return SUPPORTED, why
    return (CONTRADICTED if any(ways[name] == OPPOSITE[way] for name, way in CLAIMED.items()) else UNRESOLVED), why
