"""DACNN: its printed numbers entered a second time, its claims and its errata."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml

from depthlib.papers.dacnn import rows as dacnn
from depthlib.protocols.protocol import load_protocol
from depthlib.report import claims as published
from depthlib.report.claims import load_paper

PAPER = load_paper("dacnn")
LOCK = "eca48d2edfd5"  # a second place to change on purpose
CLAIMS = published.FOLDER / "dacnn" / "claims.yaml"

# Typed anew from the paper, column by column.
METHODS1 = [
    "Make3D",
    "Eigen et al.",
    "Liu et al.",
    "Godard et al.",
    "Kuznetsov et al.",
    "Gan et al.",
    "Yin et al.",
    "DORN",
    "DACNN",
]
TABLE1 = {
    "abs_rel": [0.280, 0.203, 0.202, 0.114, 0.113, 0.098, 0.072, 0.072, 0.073],
    "sq_rel": [3.012, 1.548, 1.614, 0.898, 0.741, 0.666, None, 0.307, 0.304],
    "rmse": [8.734, 6.307, 6.523, 4.935, 4.621, 3.933, 3.256, 2.727, 2.801],
    "rmse_log": [0.361, 0.282, 0.275, 0.206, 0.189, 0.173, 0.117, 0.120, 0.116],
    "delta1": [0.601, 0.702, 0.678, 0.861, 0.862, 0.890, 0.938, 0.932, 0.939],
    "delta2": [0.820, 0.890, 0.895, 0.949, 0.960, 0.964, 0.993, 0.984, 0.990],
    "delta3": [0.926, 0.958, 0.965, 0.976, 0.986, 0.985, 0.998, 0.994, 0.997],
}
METHODS2 = ["DABC et al.", "Guo et al.", "Zhang et al.", "Yin et al.", "DORN", "DACNN"]
TABLE2 = {
    "si_log": [14.49, 13.41, 13.08, 12.65, 11.77, 12.95],
    "sq_error_rel": [4.08, 2.86, 2.72, 2.46, 2.23, 2.60],
    "abs_error_rel": [12.72, 10.60, 10.27, 10.15, 8.78, 10.35],
    "irmse": [15.53, 15.06, 13.95, 13.02, 12.98, 13.95],
}
TABLE3 = {
    "abs_rel": {"no-blocks": 0.086, "no-distill": 0.079, "full": 0.073},
    "sq_rel": {"no-blocks": 0.563, "no-distill": 0.462, "full": 0.304},
    "rmse": {"no-blocks": 3.675, "no-distill": 3.174, "full": 2.801},
    "rmse_log": {"no-blocks": 0.162, "no-distill": 0.126, "full": 0.116},
}


def column(table: str, data: str, metric: str) -> list[float | None]:
    return [None if np.isnan(value) else value for value in PAPER.table(table).to_frame()[data, metric]]


def test_tables_twice():
    for key, data, methods, numbers in (("table1", "eigen", METHODS1, TABLE1), ("table2", "online", METHODS2, TABLE2)):
        table = PAPER.table(key)
        assert [row.label for row in table.rows] == methods and [c.metric for c in table.columns] == list(numbers)
        assert {metric: column(key, data, metric) for metric in numbers} == numbers
        assert [row.variant for row in table.rows] == [None] * (len(methods) - 1) + ["full"]
    for metric, numbers in TABLE3.items():
        assert {variant: PAPER.table("table3").number(variant, "eigen", metric) for variant in numbers} == numbers
    assert PAPER.table("table3").to_frame().shape == (3, 4)


def test_what_the_remarks_say_about_the_tables():
    """Erratum D20 and "first in 3 of 7 columns, third at worst" are found, not typed."""
    for name in ("DORN", "Yin et al."):
        at = METHODS2.index(name)
        assert all(values[at] < values[-1] for values in TABLE2.values())
    places = []
    for metric, values in TABLE1.items():
        sign = -1 if metric.startswith("delta") else 1
        known = [sign * value for value in values if value is not None]
        places.append(1 + sum(value < known[-1] for value in known))
    assert places.count(1) == 3 and max(places) == 3


def test_claims_agree_with_the_tables():
    for claim in PAPER.claims:
        for ours, theirs in PAPER.printed(claim):
            assert ours < theirs, claim.key
    assert len(PAPER.printed(PAPER.claim("full-is-best"))) == 8
    assert PAPER.printed(PAPER.claim("blocks-help")) == [(0.073, 0.086)]
    assert PAPER.printed(PAPER.claim("blocks-help-alone")) == []  # under that reading row 1 is another network


def test_every_claim_can_be_run_or_says_why_not():
    measured = set(load_protocol("dacnn-streets").metrics)
    known = {
        "streets": measured,
        "streets-online": set(load_protocol("dacnn-streets-online").metrics),
        "borders": {"border_abs_rel", "inside_abs_rel", "border_minus_inside", "inside_minus_border", "gradient_error"},
    }
    variants = {spec.variant for spec in dacnn.runs("full")}
    assert {spec.variant for spec in dacnn.runs("quick")} < variants
    for claim in PAPER.claims:
        if claim.untestable:
            assert len(claim.untestable) > 20 and not claim.comparisons()
            continue
        assert {claim.better, *(x for x in claim.than if isinstance(x, str))} <= variants, claim.key
        for test in claim.tests:
            assert set(claim.metrics) <= known[PAPER.stand_ins.get(test, test)], claim.key


@pytest.mark.slow
def test_a_claim_cannot_be_changed_unnoticed(tmp_path):
    text = CLAIMS.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["lock"] == LOCK
    for change in (
        lambda c: c["claims"]["blocks-help"].update(better="no-blocks", than=["full"]),
        lambda c: c["rule"].update(level=0.5),
        lambda c: c["claims"]["blocks-help-at-borders"].update(metrics=["inside_abs_rel"]),
        lambda c: c["claims"].pop("both-help"),
        lambda c: c["stand_ins"].update(online="streets"),
    ):
        content = yaml.safe_load(text)
        change(content)
        with pytest.raises(ValueError, match=f"lock is '{LOCK}', but the claims are"):
            published._paper("dacnn", content)


CITED = re.compile(r"\berrat(?:um|a)\s+(D\d+(?:(?:,|,?\s+and|\s+to)\s+D\d+)*)")


def test_every_erratum_that_is_cited_is_listed():
    folder = published.FOLDER.parent
    known = {erratum.key for erratum in PAPER.errata}
    assert sorted(known, key=lambda key: int(key[1:])) == [f"D{i}" for i in range(1, 24)]
    cited = {}
    for path in [*folder.rglob("*.py"), CLAIMS]:
        text = path.read_text(encoding="utf-8")
        cited[path.relative_to(folder).as_posix()] = {
            n for found in CITED.findall(text) for n in re.findall(r"D\d+", found)
        }
    assert set.union(*cited.values()) <= known
    assert {"D7"} <= cited["papers/dacnn/network.py"] and {"D18"} <= cited["papers/dacnn/rows.py"]
