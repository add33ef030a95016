"""Tables as files and as displays: full precision in CSV, readable numbers in Markdown and HTML, no volatile ids."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping

import pandas as pd
from pandas.api import types

MISSING = "–"
Formats = Mapping[str, str] | str | None


def csv_text(table: pd.DataFrame) -> str:
    """CSV with every digit of every float: reading it back gives the same numbers."""
    return _flat(table).to_csv(index=False, lineterminator="\n")


def markdown_text(table: pd.DataFrame, formats: Formats = None) -> str:
    """A Markdown table, numbers right-aligned."""
    names, rows, numeric = formatted(table, formats)
    rule = ["---:" if right else "---" for right in numeric]
    lines = [[_cell_markdown(text) for text in row] for row in (names, *rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))


def html_text(table: pd.DataFrame, formats: Formats = None) -> str:
    """An HTML table, numbers right-aligned; the same table gives the same text every time."""
    names, rows, numeric = formatted(table, formats)
    align = [f' style="text-align: {"right" if right else "left"}"' for right in numeric]
    head = "".join(f"<th{a}>{html.escape(name)}</th>" for name, a in zip(names, align, strict=True))
    body = "\n".join(
        "<tr>" + "".join(f"<td{a}>{html.escape(text)}</td>" for text, a in zip(row, align, strict=True)) + "</tr>" for row in rows
    )
    return f'<table class="depthlib">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'


def formatted(table: pd.DataFrame, formats: Formats = None) -> tuple[list[str], list[list[str]], list[bool]]:
    """Column names, rows of text, and whether each column is numeric. An index that carries a meaning becomes a column.

    Args:
        table: what to show; columns in several levels are joined with a comma.
        formats: how to write numbers: a format like "{:.3f}" for all columns of floats, or one for each column named.
            By default a column of floats has as many decimals as give its largest value four digits.

    Raises:
        ValueError: a format for a column that does not exist.
    """
    flat = _flat(table)
    if isinstance(formats, Mapping) and (unknown := [name for name in formats if name not in flat.columns]):
        raise ValueError(f"formats: found {', '.join(unknown)}, expected some of {', '.join(map(str, flat.columns))}")
    columns = []
    for name in flat.columns:
        column = flat[name]
        given = formats.get(name) if isinstance(formats, Mapping) else formats if types.is_float_dtype(column) else None
        form = given or (_four_digits(column) if types.is_float_dtype(column) else "{}")
        columns.append([MISSING if _is_missing(value) else form.format(value) for value in column])
    rows = [list(row) for row in zip(*columns, strict=True)]
    return [str(name) for name in flat.columns], rows, [types.is_numeric_dtype(flat[name]) for name in flat.columns]


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """One level of columns; the index only if it is more than a count of the rows."""
    flat = table.copy()
    if isinstance(flat.columns, pd.MultiIndex):
        flat.columns = [", ".join(str(part) for part in name if str(part)) for name in flat.columns]
    counting = isinstance(flat.index, pd.RangeIndex) and flat.index.name is None
    return flat if counting else flat.reset_index(names=flat.index.name or "") if flat.index.nlevels == 1 else flat.reset_index()


def _four_digits(column: pd.Series) -> str:
    finite = [abs(value) for value in column if not _is_missing(value) and math.isfinite(value)]
    largest = max(finite, default=0.0)
    if largest == 0:
        return "{:.3f}"
    decimals = 3 - math.floor(math.log10(largest))
    return "{:.3e}" if decimals > 7 or decimals < -3 else f"{{:.{max(0, decimals)}f}}"


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _cell_markdown(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
