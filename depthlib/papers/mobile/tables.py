"""The tables of the mobile paper: printed values beside those of the runs here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from depthlib.papers.mobile.sizes import counted
from depthlib.report.learned import floor_of
from depthlib.report.reproduction import reproduction_table
from depthlib.report.results import HIGHER_IS_BETTER, runs_of, seed_means

if TYPE_CHECKING:
    from depthlib.report.claims import PublishedPaper
    from depthlib.report.published_tables import Column
    from depthlib.runs.store import RunRecord

NOTHING = "–"
FIXED, CONSTANT = "floor: a fixed map", "floor: the same everywhere"
# Column of the tables -> tests here and what they are called. SI-RMSE has two readings, see `ScaleInvariant`.
READINGS = {"mc": {"mc": "here, z = log depth", "mc-aligned": "here, z to metres"}}


def printed_and_ours(
    paper: PublishedPaper, key: str, records: Sequence[RunRecord], more: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """One row per method; for each column of the table what is printed, and what is found here, "mean ± standard
    deviation over seeds". Below them what predictions get that never look at an image.

    A network that was trained in metres is not aligned to them: its RMSE is that of its metres, as the tables print it.

    Args:
        records: of all variants and seeds; rows without one were not run.
        more: label -> variant of rows that the paper does not have.
    """
    table = paper.table(key)
    decimals = [max(_decimals(row.values[place]) for row in table.rows) for place in range(len(table.columns))]
    rows: dict[str, dict[str, str]] = {}
    printed: dict[str, tuple[str | None, Sequence[float | None]]] = {
        row.label: (row.variant, row.values) for row in table.rows
    }
    printed |= {label: (variant, (None,) * len(table.columns)) for label, variant in (more or {}).items()}
    for label, (variant, values) in printed.items():
        found = runs_of(records, variant) if variant else []
        rows[label] = {"seeds here": str(len(found))}
        for column, value, digits in zip(table.columns, values, decimals, strict=True):
            rows[label][f"{_title(column)}, print"] = NOTHING if value is None else f"{value:.{digits}f}"
            rows[label] |= {
                f"{_title(column)}, {where}": _cell(column, found, test) for test, where in _tests(paper, column)
            }
    rows |= {
        name: {"seeds here": NOTHING}
        | {f"{_title(column)}, print": NOTHING for column in table.columns}
        | {
            f"{_title(column)}, {where}": _floor(name, records, column, test)
            for column in table.columns
            for test, where in _tests(paper, column)
        }
        for name in (FIXED, CONSTANT)
    }
    frame = pd.DataFrame(rows).T
    frame.index.name = "method"
    return frame


def _tests(paper: PublishedPaper, column: Column) -> list[tuple[str, str]]:
    return list(READINGS.get(column.data, {paper.stand_ins[column.data]: "here"}).items())


def _floor(name: str, records: Sequence[RunRecord], column: Column, test: str) -> str:
    """The strongest fixed map, or the same depth everywhere, where the test has it."""
    if column.metric == "params":
        return NOTHING
    data = "rooms" if column.data == "nyu" else "diw"
    if name == FIXED:
        kept = floor_of(records, data, test, column.metric)
        return NOTHING if kept is None else f"{kept.means(test)[column.metric]:.3f}"
    if column.data == "nyu":  # metres, which a constant may have
        found = runs_of(records, "floor-constant")
        return f"{found[0].means(test)[column.metric]:.3f}" if found else NOTHING
    metric = f"{column.metric}_constant"
    some = next(
        (record for record in records if metric in record.result["tests"].get(test, {}).get("metrics", {})), None
    )
    return NOTHING if some is None else f"{some.means(test)[metric]:.3f}"


def reproduced(
    paper: PublishedPaper, key: str, records: Sequence[RunRecord], trained_on: Mapping[str, str], *, miniature: bool
) -> pd.DataFrame:
    """`reproduction_table` of a table whose rows are trained on different sets, without its counts of parameters.

    Args:
        trained_on: variant -> the data of its run.
    """
    table = paper.table(key)
    kept = [place for place, column in enumerate(table.columns) if column.metric != "params"]
    columns, parts = tuple(table.columns[place] for place in kept), []
    for row in table.rows:
        values, bold = (tuple(of[place] for place in kept) for of in (row.values, row.bold))
        one = replace(table, columns=columns, rows=(replace(row, values=values, bold=bold),))
        own, data = replace(paper, tables=(one,)), trained_on.get(row.variant or "")
        parts.append(reproduction_table(own, key, records, miniature=miniature, trained_on=data))
    return pd.concat(parts, ignore_index=True)


def lowest(paper: PublishedPaper, key: str, records: Sequence[RunRecord], metric: str = "whdr") -> str:
    """A sentence about one metric of a table: who has the lowest error in print and here, and who has not learned.

    A row has learned if its mean error is at most the share of the fixed map's that the paper's rule names.
    """
    table, share = paper.table(key), paper.claims[0].rule.learned
    column = next(column for column in table.columns if column.metric == metric)
    test = paper.stand_ins[column.data]
    place = table.columns.index(column)
    printed = {row.label: row.values[place] for row in table.rows if row.values[place] is not None}
    best = min(printed, key=lambda label: float(printed[label] or 0))
    said = f"In print the lowest {metric} of the table is that of {best} ({printed[best]:g})."
    here = {
        row.label: float(seed_means(found, test, metric).mean())
        for row in table.rows
        if row.variant and (found := runs_of(records, row.variant)) and test in found[0].result["tests"]
    }
    if not here:
        return f"{said} No row of it is run at this profile."
    ours = min(here, key=lambda label: here[label])
    said += f" Of the {len(here)} rows that are run here it is that of {ours} ({here[ours]:.3f})."
    floor = floor_of(records, "rooms" if column.data == "nyu" else "diw", test, metric)
    if floor is None:
        return said
    most = share * floor.means(test)[metric]
    unlearned = [label for label, error in here.items() if error > most]
    return f"{said} Above {share:g} of the fixed map's, {most:.3f}: {'; '.join(unlearned) or 'none'}."


def parameters_of(record: RunRecord) -> int:
    """Parameters for inference, without heads for intermediate predictions."""
    if "size" in record.result["tests"]:  # of a pruned network: measured
        return round(record.means("size")["parameters"])
    recipe = record.result["recipe"]
    left_out = ("intermediate", "pretrained")
    return counted(
        recipe["model"], **{key: value for key, value in recipe["model_options"].items() if key not in left_out}
    )


def _decimals(value: float | None) -> int:
    """Number of decimals of a printed number, without trailing zeros."""
    return 0 if value is None else len(f"{value:g}".partition(".")[2])


def _title(column: Column) -> str:
    return column.metric + (" ↑" if column.metric in HIGHER_IS_BETTER else "" if column.metric == "params" else " ↓")


def _cell(column: Column, records: Sequence[RunRecord], test: str) -> str:
    if not records:
        return NOTHING
    if column.metric == "params":
        return f"{parameters_of(records[0]) / 1e6:.2f}"
    tests = records[0].result["tests"]
    if column.data == "nyu-aligned" and "rooms" in tests:
        test = "rooms"
    if test not in tests:
        return NOTHING
    values = seed_means(records, test, column.metric)
    return f"{values.mean():.3f}" + (f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else "")
