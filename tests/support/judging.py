"""A paper and invented records of its runs, the verdict on one claim, and the paper with a claim changed."""

from __future__ import annotations

from dataclasses import replace

from invented_runs import runs

from depthlib.report.claims import load_paper
from depthlib.report.verdicts import judge_all

_ANUW = load_paper("anuw")
# All claims on the data of the invented records.
PAPER = replace(_ANUW, claims=tuple(replace(claim, stand_ins=_ANUW.stand_ins) for claim in _ANUW.claims))
RECORDS = runs({"a": 0.5, "d": 0.3, "e": 0.51})


def judged(key, records, paper=PAPER):
    """The verdict on a claim that stands alone in its paper."""
    (verdict,) = judge_all(replace(paper, claims=(paper.claim(key),)), records).verdicts
    return verdict


def with_claim(key, **changes):
    """The paper with that claim changed."""
    return replace(PAPER, claims=tuple(replace(c, **changes) if c.key == key else c for c in PAPER.claims))
