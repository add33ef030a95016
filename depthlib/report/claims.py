"""What a paper printed and what it claimed, as data: `load_paper("anuw")` reads `papers/anuw/claims.yaml`.

A claim says which trainings are compared, on what, by which metric, and by which rule it is judged. So that none of
this is changed unnoticed, the file carries a lock over what it says about how its claims are judged, and does not load
when the two differ. The lock does not cover code: how an interval is computed, the widening by a pooled Student's t
included, and how it becomes a verdict stands in `depthlib.report.verdicts`. The rule names the kind of interval,
`INTERVAL`, which is the only one there is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from depthlib.base import catalogue
from depthlib.base.yaml_files import read_yaml

FOLDER = catalogue.FOLDER
WHOSE = ("paper", "ours")
INTERVAL = "wider of bootstrap and pooled Student t"        # what `depthlib.report.verdicts` computes


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
        columns = pd.MultiIndex.from_tuples([(c.data, c.metric) for c in self.columns], names=["data", "metric"])
        labels = [row.label for row in self.rows]
        return pd.DataFrame([row.values for row in self.rows], index=labels, columns=columns, dtype=float)

    def number(self, variant: str, data: str, metric: str) -> float | None:
        """The printed number of a variant, or None where the table has none."""
        at = Column(data, metric)
        cells = ((row.variant, *cell) for row in self.rows for cell in zip(self.columns, row.values, strict=True))
        return next((value for name, column, value in cells if (name, column) == (variant, at)), None)


@dataclass(frozen=True)
class Rule:
    """How the claims of a file are judged.

    Attributes:
        level: of the intervals; 1 - level bounds the Holm-adjusted p of a decided claim.
        draws: of the bootstrap.
        min_seeds: fewer trainings of a method decide nothing about the method.
        interval: the kind of interval; another than `INTERVAL` raises ValueError.
    """

    level: float
    draws: int
    min_seeds: int
    interval: str

    def __post_init__(self) -> None:
        if self.interval != INTERVAL:
            raise ValueError(f"rule: interval is {self.interval!r}, expected {INTERVAL!r}")


@dataclass(frozen=True)
class Claim:
    """Something a paper says that could turn out wrong.

    Attributes:
        key, says, where: its name, its content in our words, and where the paper says it.
        whose: "paper", or "ours" for a question that the paper leaves open and its conclusion depends on.
        family: the claims that are adjusted together: a table of the paper, or "text".
        data: what the networks are trained on, under the paper's name for it.
        better: the variant that is claimed to be better; than: the variants, or numbers, that it is better than.
        tests, metrics: where and by what. The claim is about all combinations of `than`, `tests` and `metrics`.
        extra_parameters: instead of a comparison of errors: how many parameters more than each of `than` the variant
            `better` may have at most, as a share of the rival's.
        untestable: why this project cannot judge it; then nothing is compared.
        remark: what a reader of the verdict should know.
        contradicted_in_print: the table of the paper itself says otherwise.
        rule, stand_ins: those of the file.
    """

    key: str
    says: str
    where: str
    family: str
    rule: Rule
    stand_ins: Mapping[str, str]
    whose: str = "paper"
    data: str | None = None
    better: str | None = None
    than: tuple[str | float, ...] = ()
    tests: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    extra_parameters: float | None = None
    untestable: str | None = None
    remark: str | None = None
    contradicted_in_print: bool = False

    def comparisons(self) -> list[tuple[str | float, str, str]]:
        """All (worse variant or number, test, metric) that the claim is about."""
        return list(product(self.than, self.tests, self.metrics))

    @property
    def digest(self) -> str:
        """12 hexadecimal digits over how the file says the claim is judged. Wording and remarks do not enter."""
        prose = ("says", "where", "remark", "contradicted_in_print")
        return _digest({name: value for name, value in asdict(self).items() if name not in prose})


@dataclass(frozen=True)
class Erratum:
    """What is wrong or open in print: `key` as comments cite it, what stands there, what is done here, and why."""

    key: str
    in_print: str
    here: str
    why: str


@dataclass(frozen=True)
class PublishedPaper:
    """All that is known from print of one paper.

    Attributes:
        trained_on: the paper's name for the training set behind its tables.
        stand_ins: the paper's data set -> what stands in for it here where the profile is reduced.
        protocol: what the paper says of its evaluation, name -> statement; "not stated" where it does not.
        errata: in the order of their numbers. Like the tables they are not under the lock.
        lock: digest of all claims.
    """

    key: str
    title: str
    reference: str
    trained_on: str
    stand_ins: Mapping[str, str]
    protocol: Mapping[str, str]
    tables: tuple[PublishedTable, ...]
    claims: tuple[Claim, ...]
    errata: tuple[Erratum, ...]
    lock: str

    def table(self, key: str) -> PublishedTable:
        return _named(self.tables, key, "table")

    def claim(self, key: str) -> Claim:
        return _named(self.claims, key, "claim")

    def erratum(self, key: str) -> Erratum:
        return _named(self.errata, key, "erratum")

    def printed(self, claim: Claim) -> list[tuple[float, float]]:
        """(number of `better`, number of its rival) of each comparison of a claim that the claim's table prints."""
        table = next((t for t in self.tables if t.key == claim.family), None)
        pairs = [
            (table.number(claim.better, test, metric), table.number(rival, test, metric))
            for rival, test, metric in (claim.comparisons() if table else ()) if isinstance(rival, str)
        ]
        return [pair for pair in pairs if None not in pair]


@cache
def load_paper(key: str, folder: Path = FOLDER) -> PublishedPaper:
    """Read a paper's file.

    Raises ValueError that names file and entry for anything missing, unknown or of the wrong kind, and
    when the claims are not those that were locked.
    """
    path = folder / key / "claims.yaml"
    if not path.exists():
        known = ", ".join(sorted(p.parent.name for p in folder.glob("*/claims.yaml")))
        raise ValueError(f"no published results of {key!r}: expected one of {known}")
    content = read_yaml(path)
    try:
        return _paper(key, content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{key}/{path.name}: {error}") from error


def _paper(key: str, content: dict[str, Any]) -> PublishedPaper:
    _only("file", content, {field.name for field in fields(PublishedPaper)} - {"key"} | {"rule"})
    rule, stand_ins = Rule(**content["rule"]), content["stand_ins"]
    tables = tuple(_table(name, entry) for name, entry in content["tables"].items())
    claims = tuple(_claim(name, entry, rule, stand_ins) for name, entry in content["claims"].items())
    errata = tuple(_erratum(name, entry) for name, entry in content["errata"].items())
    lock = _digest(sorted(claim.digest for claim in claims))
    if lock != content["lock"]:
        raise ValueError(f"lock is {content['lock']!r}, but the claims are {lock!r}: a claim or a rule was changed "
                         "after it was fixed. Change the lock only with a reason, and never after looking at a verdict")
    for claim in claims:
        if claim.family != "text" and claim.family not in content["tables"]:
            known = ", ".join(["text", *content["tables"]])
            raise ValueError(f"claim {claim.key}: family is {claim.family!r}, expected one of {known}")
    parts = {"key": key, "tables": tables, "claims": claims, "errata": errata}
    return PublishedPaper(**{name: value for name, value in content.items() if name != "rule"} | parts)


def _table(key: str, entry: dict[str, Any]) -> PublishedTable:
    _only(f"table {key}", entry, {"title", "caption", "columns", "rows"})
    columns = tuple(Column(*name.split("/")) for name in entry["columns"])
    rows = []
    for row in entry["rows"]:
        _only(f"table {key}, row {row.get('label')}", row, {"label", "variant", "values", "bold", "gap"})
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


def _claim(key: str, entry: dict[str, Any], rule: Rule, stand_ins: Mapping[str, str]) -> Claim:
    _only(f"claim {key}", entry, {field.name for field in fields(Claim)} - {"key", "rule", "stand_ins"})
    lists = {name: tuple(entry.get(name, ())) for name in ("than", "tests", "metrics")}
    claim = Claim(key=key, rule=rule, stand_ins=stand_ins, **{**entry, **lists})
    if claim.whose not in WHOSE:
        raise ValueError(f"claim {key}: whose is {claim.whose!r}, expected one of {', '.join(WHOSE)}")
    compared = bool(claim.data and claim.better and claim.than)
    complete = compared and (claim.extra_parameters is not None) != bool(claim.tests and claim.metrics)
    if complete == (claim.untestable is not None):
        wanted = "either data, better, than and either tests and metrics or extra_parameters, or untestable"
        raise ValueError(f"claim {key}: expected {wanted}")
    return claim


def _erratum(key: str, entry: dict[str, Any]) -> Erratum:
    wanted = ("in_print", "here", "why")
    _only(f"erratum {key}", entry, set(wanted))
    if missing := [name for name in wanted if not (isinstance(entry.get(name), str) and entry[name].strip())]:
        raise ValueError(f"erratum {key}: no text for {', '.join(missing)}")
    return Erratum(key, **entry)


def _only(where: str, entry: Mapping[str, Any], known: set[str]) -> None:
    if unknown := set(entry) - known:
        raise ValueError(f"{where}: unknown entry {', '.join(sorted(unknown))}, known are {', '.join(sorted(known))}")


def _named(items: tuple, key: str, kind: str) -> Any:
    for item in items:
        if item.key == key:
            return item
    raise ValueError(f"unknown {kind} {key!r}: expected one of {', '.join(item.key for item in items)}")


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
