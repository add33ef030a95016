"""The answers to the claims that a lesson opens with, a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depthlib.report.reasons import percent

if TYPE_CHECKING:
    from depthlib.report.verdicts import Judged, Verdict


def announced_answers(judged: Judged) -> list[str]:
    """A sentence for each claim that the lesson opens with: the verdict, the effect, its interval, and print."""
    return [
        f"**{verdict.claim.says.rstrip('.')}**: {verdict.status}. {_effect(verdict)}."
        for verdict in judged.verdicts
        if verdict.claim.announced
    ]


def _effect(verdict: Verdict) -> str:
    one = verdict.deciding
    if one is None or one.relative is None:
        return verdict.why[:1].upper() + verdict.why[1:]
    mean, low, high = one.relative.mean, one.relative.low, one.relative.high
    word = "lower"
    if mean < 0:
        mean, low, high, word = -mean, -high, -low, "higher"
    size = f"error {word} by {percent(mean)}, between {percent(low)} and {percent(high)}"
    print_ = "print has no such comparison"
    if one.printed is not None:
        print_ = f"in print {percent(one.printed)} lower, so it is {one.against_print}"
    return f"{verdict.compared}: {size}, on {one.seeds} seeds and {one.images} frames; {print_}"
