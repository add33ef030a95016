"""Tables as files and as displays: full precision in CSV, readable numbers in Markdown and HTML, no volatile ids.

CSV is the one form that is read again. `read_table` writes its cells as the notebook showed them, given the format of
each column, which `column_formats` tells.
"""

from __future__ import annotations

import csv
import html
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from pandas.api import types

MISSING = "–"  # None, NaN and empty text, which CSV does not tell apart
Formats = Mapping[str, str] | str | None
NUMBER = re.compile(r"[-+−]?[\d,]*\.?\d+(e[-+]?\d+)?( ± [\d.]+)?( %)?")  # "0.353 ± 0.039" and "12 %" too


def csv_text(table: pd.DataFrame) -> str:
    """CSV with every digit of every float: reading it back gives the same numbers."""
    return _flat(table).to_csv(index=False, lineterminator="\n")


def markdown_text(table: pd.DataFrame, formats: Formats = None) -> str:
    """A Markdown table, numbers right-aligned."""
    names, rows = formatted(table, formats)
    rule = ["---:" if right else "---" for right in aligned_right(rows, len(names))]
    lines = [[text.replace("|", "\\|").replace("\n", " ") for text in row] for row in (names, *rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))


def html_text(table: pd.DataFrame, formats: Formats = None) -> str:
    """An HTML table, numbers right-aligned; the same table gives the same text every time."""
    names, rows = formatted(table, formats)
    align = [f' style="text-align: {"right" if right else "left"}"' for right in aligned_right(rows, len(names))]
    head = "".join(f"<th{a}>{html.escape(name)}</th>" for name, a in zip(names, align, strict=True))
    body = "\n".join(
        "<tr>" + "".join(f"<td{a}>{html.escape(text)}</td>" for text, a in zip(row, align, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<table class="depthlib">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'


def formatted(table: pd.DataFrame, formats: Formats = None) -> tuple[list[str], list[list[str]]]:
    """Column names and rows of text. An index that carries a meaning becomes a column.

    Args:
        table: what to show; columns in several levels are joined with a comma.
        formats: see `column_formats`.

    Raises:
        ValueError: a format for a column that does not exist.
    """
    flat, forms = _flat(table), column_formats(table, formats)
    columns = [
        [MISSING if _is_missing(value) else form.format(value) for value in flat[name]]
        for name, form in zip(flat.columns, forms, strict=True)
    ]
    return [str(name) for name in flat.columns], [list(row) for row in zip(*columns, strict=True)]


def column_formats(table: pd.DataFrame, formats: Formats = None) -> list[str]:
    """The format of each column, the index included where it is shown.

    Args:
        formats: a format like "{:.3f}" for all columns of floats, or one for each column named. By default a column of
            floats has as many decimals as give its largest value four digits.

    Raises:
        ValueError: a format for a column that does not exist.
    """
    flat = _flat(table)
    if isinstance(formats, Mapping) and (unknown := [name for name in formats if name not in flat.columns]):
        raise ValueError(f"formats: found {', '.join(unknown)}, expected some of {', '.join(map(str, flat.columns))}")
    found = []
    for name in flat.columns:
        is_float = types.is_float_dtype(flat[name])
        given = formats.get(name) if isinstance(formats, Mapping) else formats if is_float else None
        found.append(given or (_four_digits(flat[name]) if is_float else "{}"))
    return found


def read_table(path: Path, forms: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """What `formatted` gave for a table that `csv_text` wrote to `path`; `forms` are its `column_formats`.

    Raises:
        OSError: no such file.
        ValueError: not a table with as many columns as formats, or a cell that its format does not fit.
    """
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = list(csv.reader(file)) or [[]]
    for number, row in enumerate((names, *rows), start=1):
        if len(row) != len(forms):
            raise ValueError(f"{path.name}: found {len(row)} cells in row {number}, expected {len(forms)}")
    return names, [[_shown(text, form) for text, form in zip(row, forms, strict=True)] for row in rows]


def aligned_right(rows: Sequence[Sequence[str]], columns: int) -> list[bool]:
    """Which columns hold nothing but numbers, and gaps."""
    cells = [[row[i] for row in rows if row[i] != MISSING] for i in range(columns)]
    return [bool(there) and all(NUMBER.fullmatch(cell) for cell in there) for there in cells]


def _shown(text: str, form: str) -> str:
    if not text:
        return MISSING
    if form == "{}":
        return text
    try:
        return form.format(int(text))
    except ValueError:  # a float is never written without a point or an exponent
        return form.format(float(text))


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """One level of columns; the index only if it is more than a count of the rows."""
    flat = table.copy()
    if isinstance(flat.columns, pd.MultiIndex):
        flat.columns = [", ".join(str(part) for part in name if str(part)) for name in flat.columns]
    if isinstance(flat.index, pd.RangeIndex) and flat.index.name is None:
        return flat
    return flat.reset_index(names=(flat.index.name or "") if flat.index.nlevels == 1 else None)


def _four_digits(column: pd.Series) -> str:
    largest = max((abs(value) for value in column if not _is_missing(value) and math.isfinite(value)), default=0.0)
    decimals = 3 - math.floor(math.log10(largest or 1.0))
    return "{:.3e}" if decimals > 7 or decimals < -3 else f"{{:.{max(0, decimals)}f}}"


def _is_missing(value: object) -> bool:
    return isinstance(value, str) and not value or bool(types.is_scalar(value) and pd.isna(value))
