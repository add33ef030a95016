"""At a profile without verdicts a claim shows its effect and whether the stored interval holds it."""

from dataclasses import replace

import pytest
from invented_runs import runs
from judging import PAPER

from depthlib.report.verdicts import NOT_RUN, judge_all

LEVELS = {"d": 0.4, "a": 0.5}  # an error lower by a fifth


def seen(levels: dict[str, float], stored=None, **options) -> tuple[str, str]:
    judged = judge_all(PAPER, runs(levels, profile="quick", seeds=1, **options), stored)
    found = next(verdict for verdict in judged.verdicts if verdict.claim.key == "both-help")
    assert found.deciding is None
    return found.status, found.why


@pytest.mark.parametrize(
    ("levels", "where"), [(LEVELS, "inside"), ({"d": 0.45, "a": 0.5}, "outside"), ({"d": 0.55, "a": 0.5}, "outside")]
)
def test_the_effect_of_one_seed_and_the_stored_interval(levels, where):
    stored = judge_all(PAPER, runs(LEVELS))
    (kept,) = [verdict.deciding.relative for verdict in stored.verdicts if verdict.claim.key == "both-help"]
    assert kept.low < 0.2 < kept.high
    status, why = seen(levels, stored)
    assert status == NOT_RUN and why.startswith("no verdict at profile quick; d against a, si_rmse on streets: error ")
    assert why.endswith(f"{where} the stored interval, {100 * kept.low:.1f} % to {100 * kept.high:.1f} %")
    effect = 1 - levels["d"] / levels["a"]
    said = why.split("error ")[1].split(";")[0]
    assert said.split()[0] == ("lower" if effect > 0 else "higher")
    assert float(said.split()[2]) == pytest.approx(100 * abs(effect), abs=1.5)


def test_without_a_stored_verdict_it_says_so():
    assert seen(LEVELS)[1].endswith("no stored interval yet")
    unrun = judge_all(PAPER, [])
    assert seen(LEVELS, unrun)[1].endswith("no stored interval yet")


def test_a_network_that_misses_the_floor_is_named():
    assert "; d and a not far enough below the floor; " in seen({"d": 0.88, "a": 0.9}, floor=0.9)[1]
    assert "; a not far enough below the floor; " in seen({"d": 0.4, "a": 0.9}, floor=0.9)[1]
    assert "floor" not in seen(LEVELS, floor=0.9)[1]


def test_runs_on_other_frames_are_refused():
    records = runs(LEVELS, profile="quick", seeds=1)
    tests = records[0].result["tests"]
    other = tests | {"streets": tests["streets"] | {"data": "elsewhere"}}
    records[0] = replace(records[0], result=records[0].result | {"tests": other})
    with pytest.raises(ValueError, match="records differ in data of test 'streets'"):
        judge_all(PAPER, records)
