"""Why a claim got its verdict, in a sentence with the numbers that decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depthlib.base.stats_power import MOST_SEEDS, enough
from depthlib.report.decide import CONTRADICTED, NO_DIFFERENCE, SUPPORTED

if TYPE_CHECKING:
    from depthlib.report.comparison import Comparison
    from depthlib.report.verdicts import Verdict


def too_small(verdict: Verdict) -> bool:
    """Whether the table prints effects of the claim, and none is larger than what matters."""
    printed = [one.printed for one in verdict.comparisons if one.printed is not None]
    return bool(printed) and max(printed) <= verdict.claim.rule.margin


def judged_why(verdict: Verdict, status: str) -> str:
    """Of a claim that was decided: the effect on which it hangs, and how it stands against print."""
    one = verdict.deciding
    what = {
        SUPPORTED: "the whole interval is on the claimed side",
        CONTRADICTED: "the whole interval is on the other side",
        NO_DIFFERENCE: f"the whole interval is within {percent(verdict.claim.rule.margin)} of the rival's error",
    }[status]
    if status != NO_DIFFERENCE and abs(one.difference.mean) < one.margin:
        what += ", though by less than matters"
    parts = [f"{verdict.compared}: {what}", _effect(one), _unmeasured(verdict)]
    return "; ".join(part for part in parts if part)


def unresolved_why(verdict: Verdict) -> str:
    """Of a claim that was asked and not decided: where it stands, and what would decide it."""
    claim, comparisons = verdict.claim, [one for one in verdict.comparisons if one.measurable]
    if not comparisons:
        return "not measurable: no comparison shows any variation"
    if not verdict.level:
        return f"asked only where {claim.after} is supported"
    if too_small(verdict):
        printed = max(one.printed for one in verdict.comparisons if one.printed is not None)
        return f"too small to ask here: in print {percent(printed)}, where {percent(claim.rule.margin)} matters"
    above, below = (
        sum(sign * end > 0 for end in ends)
        for sign, ends in (
            (1, [one.difference.low for one in comparisons]),
            (-1, [one.difference.high for one in comparisons]),
        )
    )
    where = f"{above} of {len(comparisons)} comparisons on the claimed side, {below} on the other"
    return "; ".join(part for part in (where, _design(verdict), _unmeasured(verdict)) if part)


def _design(verdict: Verdict) -> str:
    """The seeds and frames that find what is in print, or where nothing is, what matters."""
    one = verdict.deciding
    effect = one.margin
    if one.relative is not None and one.printed is not None:
        effect = max(one.margin, one.printed * one.rival_error)
    if not effect > 0:
        return ""
    wanted = percent(effect / one.rival_error) if one.rival_error is not None else f"{effect:.3g}"
    found = enough(one.paired, effect, verdict.level, least=len(verdict.claim.seeds))
    if found is None:
        return f"a difference of {wanted} takes more than {MOST_SEEDS} seeds"
    seeds, frames = found
    if (seeds, frames) == (one.seeds, one.images):
        return f"a difference of {wanted} would have been found with 80 % probability"
    return f"a difference of {wanted} takes {seeds} seeds and {frames} frames"


def _effect(one: Comparison) -> str:
    if one.relative is None:
        return ""
    ends, word = (one.relative.mean, one.relative.low, one.relative.high), "lower"
    if one.relative.mean < 0:
        ends, word = (-ends[0], -ends[2], -ends[1]), "higher"
    mean, low, high = map(percent, ends)
    printed = f", in print {percent(one.printed)} lower: {one.against_print}" if one.printed is not None else ""
    return f"error {word} by {mean} ({low} to {high}){printed}"


def _unmeasured(verdict: Verdict) -> str:
    still = sum(not one.measurable for one in verdict.comparisons)
    return f"{still} of {len(verdict.comparisons)} not measurable: no variation" if still else ""


def percent(share: float) -> str:
    return f"{100 * share:.1f} %".replace("-", "−")
