"""Verdicts as a table, one row a claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from depthlib.report.verdicts import Judged

FLOATS = ("advantage", "low", "high", "relative", "p (Holm)", "detectable")


def verdict_table(judged: Judged) -> pd.DataFrame:
    """One row a claim.

    `advantage` is how much lower the error of the claimed side is in the deciding comparison, in units of the metric;
    `relative`: as a share of the rival's.
    """
    rows = []
    for verdict in judged.verdicts:
        claim, c = verdict.claim, verdict.deciding
        rows.append(
            {
                "claim": claim.key,
                "says": claim.says,
                "where": claim.where,
                "whose": claim.whose,
                "kind": claim.kind,
                "in print": "; ".join(f"{better:g} against {rival:g}" for better, rival in judged.paper.printed(claim)),
                "verdict": verdict.status,
                "why": verdict.why,
                "decided by": verdict.compared,
                "advantage": c and c.difference.mean,
                "low": c and c.difference.low,
                "high": c and c.difference.high,
                "relative": c and c.relative and c.relative.mean,
                "against print": c and c.against_print,
                "p (Holm)": verdict.p_adjusted,
                "detectable": c and c.detectable,
                "seeds": c and c.seeds,
                "images": c and c.images,
                "announced": claim.announced,
                "profile": verdict.profile,
                "remark": claim.remark,
                "rule": claim.digest,
            }
        )
    return pd.DataFrame(rows).astype(dict.fromkeys(FLOATS, float) | {"seeds": "Int64", "images": "Int64"})
