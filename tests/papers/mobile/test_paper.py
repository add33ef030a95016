"""The mobile paper: its printed numbers entered a second time, its claims and its errata."""

import re

import pytest
import yaml

from depthlib.metrics import METRIC_NAMES
from depthlib.papers.mobile import rows as mobile
from depthlib.protocols.protocol import load_protocol
from depthlib.report import claims as published
from depthlib.report.claims import load_paper
from depthlib.report.errata import errata_table
from depthlib.runs.store import RunSpec

PAPER = load_paper("mobile")
LOCK = "68e59b2fc973"  # a second place to change on purpose
CLAIMS = published.FOLDER / "mobile" / "claims.yaml"

# Typed anew from the paper, column by column, the other way round than in the YAML file.
ENCODERS = [
    "ShuffleNet v2",
    "MNasNet",
    "MobileNet v2",
    "MobileNet v3",
    "EfficientNet ES",
    "EfficientNet B0",
    "GhostNet",
    "MixNet M",
    "MixNet S",
    "FastDepth",
]
TABLE1 = {
    "rmse": [0.615, 0.608, 0.583, 0.607, 0.572, 0.581, 0.618, 0.589, 0.589, 0.599],
    "delta1": [0.749, 0.758, 0.775, 0.749, 0.782, 0.778, 0.750, 0.767, 0.766, 0.775],
    "params": [2.0, 4.0, 3.1, 5.1, 5.0, 4.9, 5.4, 4.5, 3.6, 3.9],
}
TABLE2 = {
    "rmse": [0.572, 0.534, 0.589, 0.582, 0.618, 0.596, 0.583, 0.567, 0.564],
    "delta1": [0.782, 0.802, 0.766, 0.773, 0.750, 0.756, 0.775, 0.782, 0.790],
    "params": [5.0, 4.7, 4.5, 3.6, 5.4, 4.3, 3.1, 2.6, 2.6],
}
ABLATIONS = {  # RMSE, WHDR, SI-RMSE
    "table3": [
        [0.564, 1.332, 1.326, 1.274, 1.319, 1.326, 1.313],
        [0.3294, 0.1484, 0.2046, 0.2401, 0.1386, 0.1376, 0.1316],
        [0.3809, 0.4662, 0.3973, 0.1097, 0.4999, 0.3973, 0.4551],
    ],
    "table4": [
        [1.313, 1.312, 1.308, 1.294, 1.298, 1.303],
        [0.1316, 0.1331, 0.1337, 0.1202, 0.1214, 0.1198],
        [0.4551, 0.4179, 0.4441, 0.4396, 0.4467, 0.4213],
    ],
    "table5": [
        [1.313, 1.299, 1.298, 1.294, 1.294, 1.303],
        [0.1316, 0.1253, 0.1202, 0.1202, 0.1204, 0.1198],
        [0.4551, 0.4491, 0.4374, 0.4396, 0.4319, 0.4213],
    ],
    "table6": [
        [1.313, 1.303, 1.316, 1.688, 1.300, 1.300],
        [0.1316, 0.1198, 0.1328, 0.1332, 0.1226, 0.1156],
        [0.4551, 0.4213, 0.4704, 0.5876, 0.4286, 0.4292],
    ],
}
TABLE7 = {
    "whdr": [
        0.2214,
        0.1439,
        0.2297,
        0.1498,
        0.1137,
        0.1246,
        0.1344,
        0.1250,
        0.1101,
        0.1059,
        0.1316,
        0.1156,
        0.1190,
        0.1196,
        0.1208,
    ],
    "params": [5.3, 5.3, 5.3, 53.1, 53.1, 105.3, 21.3, 53.1, 53.1, 53.1, 2.6, 2.6, 1.9, 1.5, 1],
}
TABLE8 = {
    ("s10", "cpu"): [274, 3361, 116, 113, 104, 101],
    ("s10", "gpu"): [99, 390, 74, 72, 69, 67],
    ("s10", "nnapi"): [332, 1790, 108, 105, 103, 101],
    ("s21", "cpu"): [215, 3101, 54, 47, 43, 39],
    ("s21", "gpu"): [53, 215, 27, 26, 25, 23],
    ("s21", "nnapi"): [141, 375, 43, 25, 35, 33],
}


def columns_of(key: str) -> dict[tuple[str, str], list[float]]:
    frame = PAPER.table(key).to_frame()
    return {column: frame[column].tolist() for column in frame.columns}


@pytest.mark.parametrize(
    ("key", "data", "typed"), [("table1", "nyu", TABLE1), ("table2", "nyu", TABLE2), ("table7", "diw", TABLE7)]
)
def test_tables_of_one_set_twice(key, data, typed):
    assert columns_of(key) == {(data, metric): values for metric, values in typed.items()}
    if key == "table1":
        assert PAPER.table(key).to_frame().index.tolist() == ENCODERS


@pytest.mark.parametrize("key", ABLATIONS)
def test_ablations_twice(key):
    names = [("nyu-aligned", "rmse"), ("diw", "whdr"), ("mc", "si_rmse")]
    assert columns_of(key) == dict(zip(names, ABLATIONS[key], strict=True))


def test_table_8_twice():
    assert columns_of("table8") == TABLE8


def test_rows_that_tables_share_have_the_same_numbers():
    """One variant, one number: the baseline stands in five tables. MixNet M is the slip of erratum MB-10."""
    seen: dict[tuple[str, str, str], set[float]] = {}
    for table in PAPER.tables:
        for row in table.rows:
            for column, value in zip(table.columns, row.values, strict=True):
                if row.variant:
                    seen.setdefault((row.variant, column.data, column.metric), set()).add(value)
    assert {key for key, values in seen.items() if len(values) > 1} == {("mixnet_m-nnconv5", "nyu", "delta1")}
    assert len(PAPER.table("table3").rows) == 7 and sum(len(table.rows) for table in PAPER.tables) == 65


def test_what_the_text_computes_from_its_tables():
    """Errata MB-11, MB-19 and MB-25, and the abstract: all from the tables alone."""
    midas, ours, pruned = 0.1344, PAPER.table("table7").number("hard-easy", "diw", "whdr"), TABLE7["params"][-1]
    assert midas - ours == pytest.approx(0.0188)  # "by 0.2"
    teacher = TABLE7["params"][9]
    assert teacher / TABLE7["params"][11] == pytest.approx(20, rel=0.03) and teacher / pruned == pytest.approx(
        50, rel=0.07
    )
    gpu = {row.variant: row.values[4] for row in PAPER.table("table8").rows}
    assert [round(1000 / gpu[name]) for name in ("hard-easy", "pruned-1.0")] == [
        37,
        43,
    ]  # 44 in print: 22.7 ms, printed as 23
    assert round(1000 / TABLE8["s21", "cpu"][2], 1) == 18.5


def test_claims_agree_with_the_tables_they_come_from_except_where_the_paper_contradicts_itself():
    """Erratum MB-24 is found, not typed: the pairwise loss does not lower WHDR in Table 5."""
    seen = 0
    for claim in PAPER.claims:
        wrong = []
        for rival, test, metric in claim.comparisons():
            for table in PAPER.tables:
                ours, theirs = (table.number(variant, test, metric) for variant in (claim.better, rival))
                if ours is not None and theirs is not None:
                    seen += 1
                    wrong += (
                        [(rival, test, metric)] if (ours <= theirs if metric == "delta1" else ours >= theirs) else []
                    )
        assert bool(wrong) == claim.contradicted_in_print, claim.key
    assert seen > 30
    assert [claim.key for claim in PAPER.claims if claim.contradicted_in_print] == ["pairwise-helps"]
    assert PAPER.printed(PAPER.claim("hard-first")) == [(0.1156, 0.1226)]


@pytest.mark.slow
def test_every_claim_can_be_run_or_says_why_not():
    behind = {(spec.variant, spec.data) for spec in mobile.runs("full")}
    for claim in PAPER.claims:
        if claim.untestable:
            assert len(claim.untestable) > 20 and not claim.comparisons(), claim.key
            continue
        data = PAPER.stand_ins[claim.data]
        for variant in (claim.better, *(x for x in claim.than if isinstance(x, str))):
            assert (variant, data) in behind, (claim.key, variant)
            tests = RunSpec("mobile", variant, data, "smoke").recipe.tests
            for test in claim.tests:
                _, protocol = tests[PAPER.stand_ins[test]]
                measured = load_protocol(protocol).metrics if isinstance(protocol, str) else None
                assert measured is None or set(claim.metrics) <= set(measured) <= set(METRIC_NAMES), claim.key


@pytest.mark.slow
def test_every_row_with_a_variant_is_a_run_at_full():
    behind = {spec.variant for spec in mobile.runs("full")}
    for table in PAPER.tables:
        assert {row.variant for row in table.rows if row.variant} <= behind, table.key


@pytest.mark.slow
def test_a_claim_cannot_be_changed_unnoticed():
    content = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    assert content["lock"] == LOCK
    for change in (
        lambda c: c["claims"]["hard-first"].update(better="easy-hard", than=["hard-easy"]),
        lambda c: c["rule"].update(level=0.5),
        lambda c: c["claims"]["pruning-costs"]["than"].pop(),
        lambda c: c["claims"]["sequence-helps"].update(metrics=["whdr_ramp"]),
        lambda c: c["claims"].pop("mtadam-harms"),
        lambda c: c["stand_ins"].update(mc="rw"),
        lambda c: c["claims"]["fbnet-is-smaller"].update(extra_parameters=0.1),
    ):
        changed = yaml.safe_load(yaml.safe_dump(content))
        change(changed)
        with pytest.raises(ValueError, match=f"lock is '{LOCK}', but the claims are"):
            published._paper("mobile", changed)
    content["errata"]["MB-1"]["why"], content["claims"]["hard-first"]["remark"] = "another reason", "another remark"
    assert published._paper("mobile", content).erratum("MB-1").why == "another reason"


def test_every_erratum_that_is_cited_is_listed():
    known, folder = {erratum.key for erratum in PAPER.errata}, published.FOLDER.parent
    files = [*folder.rglob("*.py"), CLAIMS]
    cited = set().union(*(re.findall(r"\bMB-\d+", path.read_text(encoding="utf-8")) for path in files))
    assert cited <= known and {"MB-20", "MB-22", "MB-24"} <= cited
    assert errata_table(PAPER)["erratum"].tolist() == [f"MB-{i}" for i in range(1, 30)]
