"""Tables of results as they stand in a paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """One column of numbers: the data set it was measured on, and the metric."""

    data: str
    metric: str


@dataclass(frozen=True)
class Row:
    """One method of a table.

    Attributes:
        label: as the table names it. variant: as `depthlib` does; None where the method is a gap here.
        values: one a column, None where the table has none. bold: whether each is printed in bold.
        gap: why there is no variant.
    """

    label: str
    variant: str | None
    values: tuple[float | None, ...]
    bold: tuple[bool, ...]
    gap: str | None = None


@dataclass(frozen=True)
class PublishedTable:
    """A table of results as it stands in the paper, one row a method (also where the paper has one column a method)."""

    key: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def to_frame(self) -> pd.DataFrame:
        """The numbers: rows named by method, columns by (data, metric)."""
        import pandas as pd

        columns = pd.MultiIndex.from_tuples([(c.data, c.metric) for c in self.columns], names=["data", "metric"])
        labels = [row.label for row in self.rows]
        return pd.DataFrame([row.values for row in self.rows], index=labels, columns=columns, dtype=float)

    def number(self, variant: str, data: str, metric: str) -> float | None:
        """The printed number of a variant, or None where the table has none."""
        at = Column(data, metric)
        cells = ((row.variant, *cell) for row in self.rows for cell in zip(self.columns, row.values, strict=True))
        return next((value for name, column, value in cells if (name, column) == (variant, at)), None)


def read_table(key: str, entry: dict[str, Any]) -> PublishedTable:
    only(f"table {key}", entry, {"title", "caption", "columns", "rows"})
    columns = tuple(Column(*name.split("/")) for name in entry["columns"])
    rows = []
    for row in entry["rows"]:
        only(f"table {key}, row {row.get('label')}", row, {"label", "variant", "values", "bold", "gap"})
        bold, values = row.get("bold", []), row["values"]
        if unknown := set(bold) - set(entry["columns"]):
            raise ValueError(f"table {key}, row {row['label']}: bold names {sorted(unknown)}, expected columns of it")
        if len(values) != len(columns) or not all(v is None or isinstance(v, int | float) for v in values):
            raise ValueError(f"table {key}, row {row['label']}: found {values}, expected {len(columns)} numbers")
        if (row.get("variant") is None) == (row.get("gap") is None):
            raise ValueError(f"table {key}, row {row['label']}: expected either a variant or the reason of the gap")
        marks = tuple(name in bold for name in entry["columns"])
        rows.append(Row(row["label"], row.get("variant"), tuple(values), marks, row.get("gap")))
    return PublishedTable(key, entry["title"], entry["caption"], columns, tuple(rows))


def only(where: str, entry: Mapping[str, Any], known: set[str]) -> None:
    """Raises ValueError that names `where` for entries that are not among `known`."""
    if unknown := set(entry) - known:
        raise ValueError(f"{where}: unknown entry {', '.join(sorted(unknown))}, known are {', '.join(sorted(known))}")
