"""A table of a paper as it is printed, and under it what was run here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from depthlib.metrics.benchmark import HIGHER_IS_BETTER
from depthlib.report.results import metric_table

if TYPE_CHECKING:
    from depthlib.report.claims import PublishedPaper
    from depthlib.runs.store import RunRecord


def quoted_table(
    paper: PublishedPaper, key: str, ours: Mapping[str, tuple[Sequence[RunRecord], str]], *, digits: int = 3
) -> pd.DataFrame:
    """The rows of a printed table, then rows of ours: name -> (records, test). The column `whose` tells them apart.

    Numbers of print and ours stand in one column because they are the same measure; that they are of other images is
    what `whose` says. The metrics of the table must be those of the test. Prints of several data sets are not for one
    table.

    Raises ValueError for a table with more than one data set.
    """
    table = paper.table(key)
    if len({column.data for column in table.columns}) != 1:
        raise ValueError(f"table {key}: found several data sets, expected one")
    metrics = [column.metric for column in table.columns]
    rows = {}
    for row in table.rows:
        numbers = ("–" if value is None else f"{value:.{digits}f}" for value in row.values)
        whose = "in print, quoted" if row.variant is None else "in print"
        rows[row.label] = {"whose": whose, **dict(zip(metrics, numbers, strict=True))}
    measured = metric_table(ours, metrics)
    measured.columns = [column.split(" ")[0] for column in measured.columns]
    for name, cells in measured.iterrows():
        seeds = cells.pop("seeds")
        rows[name] = {"whose": f"here, {seeds} seed" + ("" if seeds == "1" else "s"), **cells}
    frame = pd.DataFrame(rows).T.rename(columns={m: f"{m} {'↑' if m in HIGHER_IS_BETTER else '↓'}" for m in metrics})
    frame.index.name = "method"
    return frame
