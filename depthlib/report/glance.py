"""What a profile without verdicts of its own can say of a claim: is the effect there that the stored verdict measured?

One training a method has no interval; where its effect lies in the stored one is a sign of life, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from depthlib.report.comparison import errors
from depthlib.report.error_scale import as_error
from depthlib.report.matching import here, same_test
from depthlib.report.reasons import percent

if TYPE_CHECKING:
    from depthlib.report.claims import Claim
    from depthlib.report.verdicts import Verdict
    from depthlib.runs.store import RunRecord


def glance(
    claim: Claim,
    runs: Mapping[str, Sequence[RunRecord]],
    floors: Mapping[tuple[str, str], RunRecord],
    profile: str,
    stored: Verdict | None,
) -> str:
    """In a sentence: which networks are no better than a floor, the effect, and where it lies.

    Args:
        runs: of each method, with the same seeds. floors: (test, metric) on which the networks must have learned -> the
            floor there. stored: the verdict on this claim that is kept with the source.
    """
    there = stored is not None and stored.deciding is not None
    rival, test, metric = claim.comparisons()[stored.decides if there else 0]
    place = here(claim.stand_ins, test, profile)
    sides = [claim.better, *([rival] if isinstance(rival, str) else [])]
    same_test([record for side in sides for record in runs[side]], place)
    ours = float(errors(runs[claim.better], place, metric).mean())
    theirs = float(errors(runs[rival], place, metric).mean()) if isinstance(rival, str) else as_error(metric, rival)
    relative = claim.margin_of is None and theirs > 0
    effect = (theirs - ours) / (theirs if relative else 1)
    size = percent(abs(effect)) if relative else f"{abs(effect):.3g}"
    said = (
        f"{claim.better} against {rival}, {metric} on {place}: error {'lower' if effect >= 0 else 'higher'} by {size}"
    )
    failed = _failed(claim, runs, floors, profile)
    parts = [f"{' and '.join(failed)} not far enough below the floor"] if failed else []
    return "; ".join([*parts, said, _where(effect, relative, stored) if there else "no stored interval yet"])


def _failed(
    claim: Claim, runs: Mapping[str, Sequence[RunRecord]], floors: Mapping[tuple[str, str], RunRecord], profile: str
) -> list[str]:
    """The methods that miss the floor somewhere; without an interval only their mean can be asked for."""
    must = [claim.better] if claim.rival_may_fail else list(runs)
    return [
        side
        for side in must
        if any(
            errors(runs[side], place, metric).mean() > claim.rule.learned * errors([floor], place, metric).mean()
            for (test, metric), floor in floors.items()
            for place in [here(claim.stand_ins, test, profile)]
        )
    ]


def _where(effect: float, relative: bool, stored: Verdict) -> str:
    kept = stored.deciding.relative if relative and stored.deciding.relative is not None else stored.deciding.difference
    low, high = (percent(end) if relative else f"{end:.3g}" for end in (kept.low, kept.high))
    return f"{'inside' if kept.low <= effect <= kept.high else 'outside'} the stored interval, {low} to {high}"
