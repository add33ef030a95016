"""The table of verdicts: every claim, in full precision."""

import numpy as np
import pytest
from invented_runs import IMAGES, runs
from judging import PAPER

from depthlib.report.decide import SUPPORTED
from depthlib.report.verdict_table import verdict_table
from depthlib.report.verdicts import NOT_RUN, STATUSES, judge_all


def test_the_table_has_every_claim_and_full_precision():
    table = verdict_table(judge_all(PAPER, runs({"a": 0.5, "d": 0.4}))).set_index("claim")
    assert list(table.index) == [claim.key for claim in PAPER.claims] and set(table["verdict"]) <= set(STATUSES)
    row = table.loc["both-help"]
    assert row["verdict"] == SUPPORTED and row["in print"] == "0.597 against 0.612"
    assert row["low"] < row["advantage"] < row["high"] and row["decided by"] == "d against a: si_rmse on streets"
    assert row["relative"] == pytest.approx(0.2, abs=0.02) and row["against print"] == "larger than in print"
    assert row["seeds"] == 4 and row["images"] == IMAGES and row["rule"] == PAPER.claim("both-help").digest
    assert table.loc["psnl-helps", "verdict"] == NOT_RUN and np.isnan(table.loc["psnl-helps", "advantage"])
    assert table.loc["psnl-is-small", "kind"] == "count" and table.loc["soft-beats-masking", "kind"] == "ours"
    assert set(table[table["announced"]].index) == {"soft-labels-help", "masking-beats-believing", "soft-beats-masking"}
