"""Look Deeper: its printed numbers entered a second time, its claims and its errata."""

import re

import numpy as np
import pytest
import yaml

from depthlib.metrics import METRIC_NAMES
from depthlib.papers.synergy import rows as synergy
from depthlib.protocols.protocol import load_protocol
from depthlib.report import claims as published
from depthlib.report.claims import load_paper
from depthlib.report.errata import errata_table
from depthlib.runs.store import RunSpec

PAPER = load_paper("synergy")
CLAIMS = published.FOLDER / "synergy" / "claims.yaml"
METRICS = ["abs_rel", "log10", "rmse", "rmse_log", "delta1", "delta2", "delta3"]
NAN = float("nan")

# Typed anew from the paper, column by column, the other way round than in the YAML file.
ROWS1 = ["depth", "+SUC", "+SUC+L_DA", "+SUC+L_DA+sem.", "+SUC+L_DA+sem.+CS", "+SUC+L_DA+sem.+LSU", "Proposed"]
TABLE1 = {
    "abs_rel": [0.157, 0.147, 0.126, 0.112, 0.110, 0.105, 0.100],
    "log10": [0.062, 0.057, 0.050, 0.045, 0.044, 0.042, 0.040],
    "rmse": [0.642, 0.572, 0.416, 0.367, 0.363, 0.351, 0.333],
    "rmse_log": [0.208, 0.192, 0.154, 0.140, 0.138, 0.133, 0.127],
    "delta1": [0.763, 0.797, 0.868, 0.896, 0.898, 0.906, 0.915],
    "delta2": [0.943, 0.951, 0.973, 0.978, 0.979, 0.980, 0.983],
    "delta3": [0.985, 0.987, 0.993, 0.994, 0.995, 0.995, 0.996],
}
TABLE2 = {  # ≤ 4 m, ≤ 6 m, ≤ 8 m, all
    "abs_rel": [0.105, 0.101, 0.100, 0.100],
    "log10": [0.042, 0.041, 0.040, 0.040],
    "rmse": [0.300, 0.326, 0.326, 0.333],
    "rmse_log": [0.130, 0.127, 0.127, 0.127],
    "delta1": [0.908, 0.915, 0.915, 0.915],
    "delta2": [0.981, 0.983, 0.983, 0.983],
    "delta3": [0.995, 0.996, 0.996, 0.996],
}
ROWS3 = [
    "Karsch",
    "Ladicky",
    "Liu 2014a",
    "Zhuo",
    "Li 2015",
    "Liu 2015",
    "Eigen",
    "Roy",
    "Eigen and Fergus",
    "Laina",
    "Xu",
    "Li 2017",
    "Wang",
    "Mousavian",
    "Jafari",
    "Laina+sem.",
    "Proposed-4c",
    "Proposed-40c",
]
TABLE3 = {
    "abs_rel": [
        0.349,
        NAN,
        0.335,
        0.305,
        0.232,
        0.230,
        0.215,
        0.187,
        0.158,
        0.127,
        0.121,
        0.143,
        0.220,
        0.200,
        0.157,
        0.122,
        0.100,
        0.098,
    ],
    "log10": [
        0.131,
        NAN,
        0.127,
        0.122,
        0.094,
        0.095,
        NAN,
        0.078,
        NAN,
        0.055,
        0.052,
        0.063,
        0.094,
        NAN,
        0.068,
        0.052,
        0.040,
        0.040,
    ],
    "rmse": [
        1.214,
        NAN,
        1.06,
        1.04,
        0.821,
        0.824,
        0.907,
        0.744,
        0.641,
        0.573,
        0.586,
        0.635,
        0.745,
        0.816,
        0.673,
        0.525,
        0.333,
        0.329,
    ],
    "rmse_log": [
        NAN,
        NAN,
        NAN,
        NAN,
        NAN,
        NAN,
        0.285,
        NAN,
        0.214,
        0.195,
        NAN,
        NAN,
        0.262,
        0.314,
        0.216,
        0.184,
        0.127,
        0.125,
    ],
    "delta1": [
        0.447,
        0.542,
        NAN,
        0.525,
        0.621,
        0.614,
        0.611,
        NAN,
        0.769,
        0.811,
        0.811,
        0.788,
        0.605,
        0.568,
        0.762,
        0.813,
        0.915,
        0.917,
    ],
    "delta2": [
        0.745,
        0.829,
        NAN,
        0.838,
        0.886,
        0.883,
        0.887,
        NAN,
        0.950,
        0.953,
        0.954,
        0.958,
        0.890,
        0.856,
        0.948,
        0.958,
        0.983,
        0.983,
    ],
    "delta3": [
        0.897,
        0.941,
        NAN,
        0.962,
        0.968,
        0.975,
        0.971,
        NAN,
        0.988,
        0.988,
        0.987,
        0.991,
        0.970,
        0.956,
        0.988,
        0.989,
        0.996,
        0.996,
    ],
}
ROWS4 = ["FCN", "Eigen and Fergus", "Mousavian", "RefineNet", "3DGNN", "Baseline", "Without depth", "Proposed"]
TABLE4 = {  # in per cent, as printed
    "pixel_accuracy": [65.4, 65.6, 68.6, 73.6, NAN, 69.0, 75.7, 81.1],
    "class_accuracy": [46.1, 45.1, 52.3, 58.9, 55.7, 50.5, 55.7, 62.2],
    "mean_iou": [34.0, 34.1, 39.2, 46.5, 43.1, 39.9, 48.9, 50.9],
}
LOWER = ("abs_rel", "log10", "rmse", "rmse_log")


@pytest.mark.parametrize(
    ("key", "rows", "data", "typed"),
    [
        ("table1", ROWS1, "nyu", TABLE1),
        ("table3", ROWS3, "nyu", TABLE3),
        ("table4", ROWS4, "nyu40", {metric: [v / 100 for v in values] for metric, values in TABLE4.items()}),
    ],
)
def test_tables_twice(key, rows, data, typed):
    frame = PAPER.table(key).to_frame()
    assert list(frame.index) == rows and list(frame.columns) == [(data, metric) for metric in typed]
    for metric, values in typed.items():
        np.testing.assert_allclose(frame[data, metric], values, rtol=1e-12)


def test_table_2_twice_and_it_ends_where_table_1_does():
    table = PAPER.table("table2")
    for metric, values in TABLE2.items():
        assert [table.number("proposed", data, metric) for data in ("nyu-4m", "nyu-6m", "nyu-8m", "nyu")] == values
        assert values[-1] == TABLE1[metric][-1] == TABLE3[metric][-2]
    assert [column.metric for column in table.columns] == METRICS * 4


def test_numbers_of_the_text_twice():
    table = PAPER.table("numbers")
    own = ["Proposed, fine-tuned outdoors", "Proposed, fine-tuned elsewhere"]
    assert [row.label for row in table.rows] == [*own, "Wang", "Jafari", "Kendall"]
    typed = {  # Sec. 4.2, by measure
        ("nyu5", "pixel_accuracy"): [NAN, 0.8711, 0.7029, 0.7304, NAN],
        ("nyu5", "mean_iou"): [NAN, 0.6677, 0.4420, 0.5427, NAN],
        ("cityscapes", "mean_error"): [NAN, 2.11, NAN, NAN, 2.92],
        ("cityscapes", "rmse"): [NAN, 4.92, NAN, NAN, 5.88],
    }
    kitti = {"rmse": 5.110, "rmse_log": 0.215, "delta1": 0.843, "delta2": 0.950, "delta3": 0.981}
    typed |= {("kitti", metric): [value, NAN, NAN, NAN, NAN] for metric, value in kitti.items()}
    for column, values in typed.items():
        np.testing.assert_array_equal(table.to_frame()[column], values)


def test_every_question_about_the_loss_has_its_offset_taken_out_beside_it():
    for key, test in (("da-helps", "nyu"), ("da-helps-far", "nyu-far")):
        asked, rest = PAPER.claim(key), PAPER.claim(f"{key}-without-its-offset")
        assert (asked.better, asked.than, asked.tests, rest.tests) == ("suc-da", ("suc",), (test,), (f"{test}-factor",))
        assert asked.metrics == rest.metrics and rest.whose == "ours"


def test_bold_is_the_best_of_its_column():
    for key in ("table3", "table4"):
        table = PAPER.table(key)
        frame = table.to_frame()
        for i, column in enumerate(table.columns):
            values = frame[column.data, column.metric]
            best = values.min() if column.metric in LOWER else values.max()
            assert [row.bold[i] for row in table.rows] == (values == best).tolist(), column


def test_claims_agree_with_the_tables_they_come_from():
    """The paper contradicts itself nowhere in these; a claim that did would have to say so."""
    seen = 0
    for claim in PAPER.claims:
        for rival, test, metric in claim.comparisons():
            metric = {"pixel_error": "pixel_accuracy", "class_error": "class_accuracy", "iou_error": "mean_iou"}.get(
                metric, metric
            )
            sign = 1 if metric in LOWER else -1
            for table in PAPER.tables:
                ours, theirs = (table.number(variant, test, metric) for variant in (claim.better, rival))
                if ours is not None and theirs is not None:
                    assert sign * (theirs - ours) > 0, (claim.key, rival, metric)
                    seen += 1
    assert seen > 40 and not any(claim.contradicted_in_print for claim in PAPER.claims)
    assert PAPER.printed(PAPER.claim("da-helps")) == [(0.126, 0.147), (0.416, 0.572)]


def test_every_claim_can_be_run_or_says_why_not():
    behind = {(spec.variant, spec.data) for spec in synergy.runs("standard")}
    for claim in PAPER.claims:
        if claim.untestable:
            assert len(claim.untestable) > 20 and not claim.comparisons()
            continue
        data = PAPER.stand_ins.get(claim.data, claim.data)
        for variant in (claim.better, *(x for x in claim.than if isinstance(x, str))):
            assert {(variant, one) for one in (data, *claim.doses)} <= behind, claim.key
            tests = RunSpec("synergy", variant, data, "smoke").recipe.tests
            for test in claim.tests:
                _, protocol = tests[PAPER.stand_ins.get(test, test)]
                measured = load_protocol(protocol).metrics if isinstance(protocol, str) else None
                assert measured is None or set(claim.metrics) <= set(measured) <= set(METRIC_NAMES), claim.key


@pytest.mark.slow
def test_a_claim_cannot_be_changed_unnoticed():
    content = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    assert content["lock"] == "f45bcccd52ce"  # a second place to change on purpose
    for change in (
        lambda c: c["claims"]["da-helps"].update(better="suc", than=["suc-da"]),
        lambda c: c["rule"].update(margin=0.05),
        lambda c: c["claims"]["da-helps-far"].update(metrics=["rmse"]),
        lambda c: c["stand_ins"].update(sun="rooms"),
    ):
        changed = yaml.safe_load(yaml.safe_dump(content))
        change(changed)
        with pytest.raises(ValueError, match="lock is 'f45bcccd52ce', but the claims are"):
            published._paper("synergy", changed)
    content["errata"]["LD-1"]["why"], content["claims"]["da-helps"]["remark"] = "another reason", "another remark"
    assert published._paper("synergy", content).erratum("LD-1").why == "another reason"


def test_every_erratum_that_is_cited_is_listed():
    known, folder = {erratum.key for erratum in PAPER.errata}, published.FOLDER.parent
    files = [*folder.rglob("*.py"), CLAIMS]
    cited = {path: set(re.findall(r"\bLD-\d+", path.read_text(encoding="utf-8"))) for path in files}
    assert set.union(*cited.values()) <= known
    assert {"LD-1", "LD-3", "LD-4"} <= cited[published.FOLDER / "synergy" / "depth_aware.py"]
    assert errata_table(PAPER)["erratum"].tolist() == [f"LD-{i}" for i in range(1, 20)]
