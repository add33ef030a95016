"""What a paper printed and what it claimed, as data: `load_paper("anuw")` reads `papers/anuw/claims.yaml`.

A claim says which trainings are compared, on what, by which metric, and by which rule it is judged. So that none of
this is changed unnoticed, the file carries a lock over what it says about how its claims are judged, and does not load
when the two differ. The lock does not cover code: `depthlib.report.verdicts` says how a claim becomes a verdict.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from depthlib.base import catalogue
from depthlib.base.yaml_files import read_yaml
from depthlib.report.error_scale import relative_effect
from depthlib.report.published_tables import PublishedTable, only, read_table

FOLDER = catalogue.FOLDER
WHOSE = ("paper", "ours")
COUNT = "count"
KINDS = (*WHOSE, COUNT)
LEAST_SEEDS, LEAST_ANNOUNCED = 4, 6
LISTS = ("than", "tests", "metrics")


@dataclass(frozen=True)
class Rule:
    """How the claims of a file are judged.

    Attributes:
        level: probability of any false decision within a family of claims.
        margin: share of the rival's error below which a difference does not matter.
        learned: a network has learned if its error is at most this share of the floor's.
        seeds: a claim is judged by the seeds 0 to seeds - 1, all of them and no others: there is no interim look, and
            no seed is added. announced_seeds: the same for announced claims.

    Raises ValueError for fewer seeds than `LEAST_SEEDS` and `LEAST_ANNOUNCED`, or numbers that are no shares.
    """

    level: float
    margin: float
    learned: float
    seeds: int
    announced_seeds: int

    def __post_init__(self) -> None:
        for name in ("level", "margin", "learned"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"rule: {name} is {getattr(self, name)!r}, expected a share between 0 and 1")
        for name, least in (("seeds", LEAST_SEEDS), ("announced_seeds", LEAST_ANNOUNCED)):
            if getattr(self, name) < least:
                raise ValueError(f"rule: {name} is {getattr(self, name)!r}, expected at least {least}")


@dataclass(frozen=True)
class Claim:
    """Something a paper says that could turn out wrong.

    Attributes:
        key, says, where: its name, its content in our words, and where the paper says it.
        whose: "paper", or "ours" for a question that the paper leaves open and its conclusion depends on.
        family: a table of the paper, or "text"; claims of one family and of one `whose` are adjusted together.
        after: the claim of the same family that it hangs on: it is asked only where that one is supported.
        announced: whether the lesson opens with it; then it takes more seeds.
        data: what the networks are trained on, under the paper's name for it.
        better: the variant that is claimed to be better; than: the variants, or numbers, that it is better than.
        tests, metrics: where and by what. The claim is about all combinations of `than`, `tests` and `metrics`.
        learned_by: "test/metric" on which its networks must have learned, where its own metric is no error of a
            network: a difference of errors, a bias, a correlation, a sharpness.
        margin_of: "test/metric" whose error the margin is a share of, where its own metric is such a difference.
        rival_may_fail: why a rival need not have learned: the claim says that it fails, or what is compared is its
            handicap.
        doses: instead of the errors, how they grow with a dose: training data -> dose. Compared are the slopes of the
            errors of each frame over the doses, for `better` and for each of `than`.
        extra_parameters: instead of a comparison of errors: how many parameters more than each of `than` the variant
            `better` may have at most, as a share of the rival's.
        count: whether it is about a number of parameters or operations, which nobody estimates.
        untestable: why this project cannot judge it; then nothing is compared.
        remark: what a reader of the verdict should know.
        contradicted_in_print: the table of the paper itself says otherwise.
        new: added after commit a05edcc. was, because: its wording at that commit, and why it is another claim now.
        rule: that of the file. stand_ins: those of the file, with those of the entry in their place.
    """

    key: str
    says: str
    where: str
    family: str
    rule: Rule
    stand_ins: Mapping[str, str]
    whose: str = "paper"
    after: str | None = None
    announced: bool = False
    data: str | None = None
    better: str | None = None
    than: tuple[str | float, ...] = ()
    tests: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    learned_by: str | None = None
    margin_of: str | None = None
    rival_may_fail: str | None = None
    doses: Mapping[str, float] = field(default_factory=dict)
    extra_parameters: float | None = None
    count: bool = False
    untestable: str | None = None
    remark: str | None = None
    contradicted_in_print: bool = False
    new: bool = False
    was: str | None = None
    because: str | None = None

    @property
    def kind(self) -> str:
        """Whose claim it is, or "count": the three are counted apart."""
        return COUNT if self.count or self.extra_parameters is not None else self.whose

    @property
    def is_estimated(self) -> bool:
        """Whether it is judged by errors of networks; else by a count, or not here."""
        return self.untestable is None and self.extra_parameters is None

    @property
    def seeds(self) -> range:
        """The seeds that it is judged by."""
        return range(self.rule.announced_seeds if self.announced else self.rule.seeds)

    def comparisons(self) -> list[tuple[str | float, str, str]]:
        """All (worse variant or number, test, metric) that the claim is about."""
        return list(product(self.than, self.tests, self.metrics))

    @property
    def digest(self) -> str:
        """12 hexadecimal digits over how the file says the claim is judged. Wording and remarks do not enter."""
        prose = ("says", "where", "remark", "contradicted_in_print", "new", "was", "because")
        without = (*prose, *([] if self.doses else ["doses"]))
        return _digest({name: value for name, value in asdict(self).items() if name not in without})


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

    def printed_pair(self, claim: Claim, rival: str | float, test: str, metric: str) -> tuple[float, float] | None:
        """(number of `better`, number of the rival) in the claim's table; None unless it has both."""
        table = next((t for t in self.tables if t.key == claim.family), None)
        if table is None or not isinstance(rival, str):
            return None
        better, other = table.number(claim.better, test, metric), table.number(rival, test, metric)
        return None if better is None or other is None else (better, other)

    def printed(self, claim: Claim) -> list[tuple[float, float]]:
        """`printed_pair` of each comparison of a claim that the claim's table prints."""
        return [pair for names in claim.comparisons() if (pair := self.printed_pair(claim, *names)) is not None]

    def printed_effect(self, claim: Claim, rival: str | float, test: str, metric: str) -> float | None:
        """How much lower the error of `better` is in print, as a share of the rival's; None where none is printed."""
        pair = self.printed_pair(claim, rival, test, metric)
        return None if pair is None else relative_effect(metric, *pair)


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
    only("file", content, {one.name for one in fields(PublishedPaper)} - {"key"} | {"rule", "announced"})
    rule, announced = Rule(**content["rule"]), content["announced"]
    if unknown := set(announced) - set(content["claims"]):
        raise ValueError(f"announced: found {', '.join(sorted(unknown))}, expected keys of claims")
    shared = {"rule": rule, "stand_ins": content["stand_ins"]}
    claims = tuple(
        _claim(name, entry, announced=name in announced, **shared) for name, entry in content["claims"].items()
    )
    _check_together(claims, content["tables"])
    lock = _digest(sorted(claim.digest for claim in claims))
    if lock != content["lock"]:
        raise ValueError(
            f"lock is {content['lock']!r}, but the claims are {lock!r}: a claim or a rule was changed "
            "after it was fixed. Change the lock only with a reason, and never after looking at a verdict"
        )
    parts = {
        "key": key,
        "claims": claims,
        "errata": tuple(_erratum(name, entry) for name, entry in content["errata"].items()),
        "tables": tuple(read_table(name, entry) for name, entry in content["tables"].items()),
    }
    rest = {name: value for name, value in content.items() if name not in ("rule", "announced")}
    return PublishedPaper(**rest | parts)


def _claim(key: str, entry: dict[str, Any], **shared: Any) -> Claim:
    only(f"claim {key}", entry, {one.name for one in fields(Claim)} - {"key", "announced", "rule"})
    shared["stand_ins"] = shared["stand_ins"] | entry.get("stand_ins", {})
    claim = Claim(key=key, **{**entry, **{name: tuple(entry.get(name, ())) for name in LISTS}, **shared})
    if claim.whose not in WHOSE:
        raise ValueError(f"claim {key}: whose is {claim.whose!r}, expected one of {', '.join(WHOSE)}")
    compared = bool(claim.data and claim.better and claim.than)
    complete = compared and (claim.extra_parameters is not None) != bool(claim.tests and claim.metrics)
    if complete == (claim.untestable is not None):
        wanted = "either data, better, than and either tests and metrics or extra_parameters, or untestable"
        raise ValueError(f"claim {key}: expected {wanted}")
    if (claim.was is None) != (claim.because is None) or (claim.new and claim.was):
        raise ValueError(f"claim {key}: expected both was and because, where it is neither new nor as it was")
    if claim.doses and (len(claim.doses) < 3 or here_of(claim) not in claim.doses):
        raise ValueError(
            f"claim {key}: doses are {dict(claim.doses)}, expected at least three, that of data among them"
        )
    if claim.announced and not claim.is_estimated:
        raise ValueError(f"claim {key}: is announced, expected that it is judged by errors of networks")
    for name in ("learned_by", "margin_of"):
        if (value := getattr(claim, name)) is not None and value.count("/") != 1:
            raise ValueError(f"claim {key}: {name} is {value!r}, expected 'test/metric'")
    return claim


def here_of(claim: Claim) -> str:
    """The training data of a claim where the profile is reduced."""
    return claim.stand_ins.get(claim.data or "", claim.data or "")


def _check_together(claims: tuple[Claim, ...], tables: Mapping[str, Any]) -> None:
    for claim in claims:
        if claim.family != "text" and claim.family not in tables:
            known = ", ".join(["text", *tables])
            raise ValueError(f"claim {claim.key}: family is {claim.family!r}, expected one of {known}")
        if claim.after is None:
            continue
        parent = next((one for one in claims if one.key == claim.after), None)
        if parent is None or not parent.is_estimated or (parent.family, parent.whose) != (claim.family, claim.whose):
            wanted = "expected a claim of its family that is judged by errors"
            raise ValueError(f"claim {claim.key}: after is {claim.after!r}, {wanted}")


def _erratum(key: str, entry: dict[str, Any]) -> Erratum:
    wanted = ("in_print", "here", "why")
    only(f"erratum {key}", entry, set(wanted))
    if missing := [name for name in wanted if not (isinstance(entry.get(name), str) and entry[name].strip())]:
        raise ValueError(f"erratum {key}: no text for {', '.join(missing)}")
    return Erratum(key, **entry)


def _named(items: tuple, key: str, kind: str) -> Any:
    for item in items:
        if item.key == key:
            return item
    raise ValueError(f"unknown {kind} {key!r}: expected one of {', '.join(item.key for item in items)}")


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
