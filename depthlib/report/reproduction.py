"""Was a printed number reproduced? Asked at the paper's own scale; a reduced run never answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from depthlib.base.stats import Interval, interval
from depthlib.report.matching import by_seed, here, one_profile
from depthlib.runs.profiles import get_profile

if TYPE_CHECKING:
    from depthlib.report.claims import PublishedPaper
    from depthlib.runs.store import RunRecord

REDUCED = "not comparable: reduced profile, other data"
MINIATURE = "not comparable: a miniature of this profile"
NOT_COMPUTABLE = "not computable: the protocol leaves it out"
NOT_RUN = "not run"


def reproduction_table(
    paper: PublishedPaper,
    table: str,
    records: Sequence[RunRecord | None],
    *,
    miniature: bool = False,
    trained_on: str | None = None,
) -> pd.DataFrame:
    """The printed numbers of a table beside ours, one row a cell.

    `verdict`: with the paper's own data at a profile that is not reduced, "reproduced" if the printed number lies in
    our interval widened by 3 % of it, "close" by 10 %, else "not reproduced". Reduced: "not comparable", whatever the
    numbers. A metric that the protocol of a test leaves out is "not computable".

    Args:
        trained_on: the training set behind this table, where it is not that of the paper's other tables.
        miniature: the runs are smaller than their profile says, as those with overrides are anyway.
    """
    records = [record for record in records if record is not None]
    profile = one_profile(records)
    reduced = profile is None or get_profile(profile).reduced
    small = miniature or any(record.result["spec"]["overrides"] for record in records)
    apart = REDUCED if reduced else MINIATURE if small else ""
    data = here(paper.stand_ins, trained_on or paper.trained_on, profile)
    rows = []
    for row in paper.table(table).rows:
        found = list(by_seed(records, row.variant, data).values())
        for column, printed in zip(paper.table(table).columns, row.values, strict=True):
            test = here(paper.stand_ins, column.data, profile)
            ours, verdict = Interval(np.nan, np.nan, np.nan), row.gap or NOT_RUN
            measured = [record.result["tests"].get(test) for record in found]
            if measured and None not in measured:
                scores = [one["metrics"].get(column.metric) for one in measured]
                computable = None not in scores
                ours = interval(np.array(scores)) if computable else ours
                verdict = (apart or band(printed, ours.low, ours.high)) if computable else NOT_COMPUTABLE
            rows.append(
                {
                    "method": row.label,
                    "data": column.data,
                    "metric": column.metric,
                    "printed": printed,
                    "measured on": test,
                    "ours": ours.mean,
                    "low": ours.low,
                    "high": ours.high,
                    "seeds": len(found),
                    "verdict": verdict,
                }
            )
    return pd.DataFrame(rows)


def band(printed: float | None, low: float, high: float) -> str:
    """How near a printed number is to our interval: see `reproduction_table`."""
    if printed is None:
        return "nothing printed"
    for word, share in (("reproduced", 0.03), ("close", 0.10)):
        if low - share * abs(printed) <= printed <= high + share * abs(printed):
            return word
    return "not reproduced"
