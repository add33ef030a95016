"""Bands of reproduction, and that a reduced run is never one."""

import numpy as np
import pytest
from invented_runs import DIFFICULTY, record
from judging import PAPER

from depthlib.report.claims import load_paper
from depthlib.report.reproduction import MINIATURE, NOT_COMPUTABLE, band, reproduction_table
from depthlib.report.verdicts import NOT_RUN


def test_bands():
    assert (
        band(1.0, 0.9, 0.98) == "reproduced"
        and band(1.0, 0.9, 0.96) == "close"
        and band(1.0, 0.8, 0.89) == "not reproduced"
    )
    assert band(1.0, 1.02, 1.2) == "reproduced" and band(1.0, 1.2, 1.3) == "not reproduced"
    assert band(None, 0, 1) == "nothing printed"


def test_a_reduced_run_is_never_a_reproduction():
    """Even when the numbers are equal to the printed ones."""
    exact = {"noise": 0.0, "luck": 0.0}
    records = [record("a", s, 0.612 - DIFFICULTY.mean(), **exact) for s in (0, 1)]
    table = reproduction_table(PAPER, "table1", records).set_index("method")
    assert table.loc["A", "ours"] == pytest.approx(0.612) and table.loc["A", "verdict"].startswith("not comparable")
    assert table.loc["B", "verdict"] == NOT_RUN and table.loc["A", "measured on"] == "streets"
    paper = [
        record("a", s, 0.612 - DIFFICULTY.mean(), **exact, profile="paper", data="mai", tests=("mai",)) for s in (0, 1)
    ]
    assert reproduction_table(PAPER, "table1", paper).set_index("method").loc["A", "verdict"] == "reproduced"
    quoted = reproduction_table(load_paper("dacnn"), "table1", []).set_index("method").loc["Make3D", "verdict"]
    assert quoted.iloc[0].startswith("quoted from its authors")


def test_a_miniature_and_what_a_protocol_leaves_out():
    """At the paper's own scale, too, a run with overrides or on a part of the data reproduces nothing."""
    tests = {"tests": ("mai", "kitti"), "data": "mai", "profile": "paper"}
    whole = record("a", 0, 0.6, **tests)
    small = record("a", 0, 0.6, **tests, overrides={"steps": 30})
    del whole.result["tests"]["kitti"]["metrics"]["ssim"]
    for records, options, word in (
        ([whole], {}, "reproduced"),
        ([whole], {"miniature": True}, MINIATURE),
        ([small], {}, MINIATURE),
    ):
        table = reproduction_table(PAPER, "table2", records, **options).set_index(["method", "data", "metric"])
        assert table.loc[("U-net++", "mai", "si_rmse"), "verdict"] == word
        if records == [whole]:
            assert table.loc[("U-net++", "kitti", "ssim"), "verdict"] == NOT_COMPUTABLE
            assert np.isnan(table.loc[("U-net++", "kitti", "ssim"), "ours"])
        assert table.loc[("U-net++", "diode", "ssim"), "verdict"] == NOT_RUN  # a test that was not made
