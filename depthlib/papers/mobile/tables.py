"""The tables of the mobile paper: printed values beside those of the runs here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from depthlib.papers.mobile.sizes import counted
from depthlib.report.results import HIGHER_IS_BETTER, runs_of, seed_means

if TYPE_CHECKING:
    from depthlib.report.claims import PublishedPaper
    from depthlib.report.published_tables import Column
    from depthlib.runs.store import RunRecord

NOTHING = "–"
FLOOR = "floor: higher up is farther"


def printed_and_ours(
    paper: PublishedPaper,
    key: str,
    records: Sequence[RunRecord],
    more: Mapping[str, str] | None = None,
    floor: bool = True,
) -> pd.DataFrame:
    """One row per method; for each column of the table, two: in print, and here, "mean ± standard deviation over
    seeds".

    Args:
        records: of all variants and seeds; rows without one were not run.
        more: label -> variant of rows that the paper does not have.
        floor: add a row with the score of a map that does not depend on the image ("_ramp" of each metric, if
            measured).
    """
    table = paper.table(key)
    decimals = [max(_decimals(row.values[place]) for row in table.rows) for place in range(len(table.columns))]
    rows = {}
    printed = {row.label: (row.variant, row.values) for row in table.rows}
    printed |= {label: (variant, (None,) * len(table.columns)) for label, variant in (more or {}).items()}
    for label, (variant, values) in printed.items():
        found = runs_of(records, variant) if variant else []
        rows[label] = {"seeds here": str(len(found))}
        for column, value, digits in zip(table.columns, values, decimals, strict=True):
            rows[label][f"{_title(column)}, print"] = NOTHING if value is None else f"{value:.{digits}f}"
            rows[label][f"{_title(column)}, here"] = _cell(paper, column, found)
    some = next((record for row in table.rows if row.variant for record in runs_of(records, row.variant)), None)
    if floor and some is not None:
        rows[FLOOR] = {"seeds here": NOTHING}
        for column in table.columns:
            test, ramp = paper.stand_ins.get(column.data), f"{column.metric}_ramp"
            known = test in some.result["tests"] and ramp in some.result["tests"][test]["metrics"]
            rows[FLOOR] |= {
                f"{_title(column)}, print": NOTHING,
                f"{_title(column)}, here": f"{some.means(test)[ramp]:.3f}" if known else NOTHING,
            }
    frame = pd.DataFrame(rows).T
    frame.index.name = "method"
    return frame


def parameters_of(record: RunRecord) -> int:
    """Parameters for inference, without heads for intermediate predictions."""
    if "size" in record.result["tests"]:  # of a pruned network: measured
        return round(record.means("size")["parameters"])
    recipe = record.result["recipe"]
    return counted(
        recipe["model"], **{key: value for key, value in recipe["model_options"].items() if key != "intermediate"}
    )


def _decimals(value: float | None) -> int:
    """Number of decimals of a printed number, without trailing zeros."""
    return 0 if value is None else len(f"{value:g}".partition(".")[2])


def _title(column: Column) -> str:
    return column.metric + (" ↑" if column.metric in HIGHER_IS_BETTER else "" if column.metric == "params" else " ↓")


def _cell(paper: PublishedPaper, column: Column, records: Sequence[RunRecord]) -> str:
    if not records:
        return NOTHING
    if column.metric == "params":
        return f"{parameters_of(records[0]) / 1e6:.2f}"
    values = seed_means(records, paper.stand_ins[column.data], column.metric)
    return f"{values.mean():.3f}" + (f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else "")
