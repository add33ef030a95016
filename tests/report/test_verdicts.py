"""Verdicts on invented records whose truth is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_ind

from depthlib.base.stats import compare, holm
from depthlib.report.claims import INTERVAL, Claim, Rule, load_paper
from depthlib.report.verdicts import (
    CONTRADICTED,
    NOT_RUN,
    SUPPORTED,
    UNRESOLVED,
    UNTESTABLE,
    band,
    judge,
    judge_all,
    reproduction_table,
    seed_variance,
    verdict_table,
)
from depthlib.runs.store import RunRecord

PAPER = load_paper("anuw")
IMAGES = 32
DIFFICULTY = np.random.default_rng(0).normal(0, 0.2, IMAGES)
METRICS = ("ssim", "abs_rel", "si_rmse", "delta1")
TESTS = ("streets", "streets-other", "rooms", "gaps")


def record(
    variant, seed, level=0.5, *, noise=0.01, profile="quick", data="streets", parameters=1000, overrides=None,
    tests=TESTS,
):
    """Errors of 32 images: the difficulty that all runs share, the level of the method, and noise of this run."""
    rng = np.random.default_rng([seed, sum(map(ord, variant))])

    def values(metric):
        return list(level + DIFFICULTY + rng.normal(0, noise, IMAGES))

    spec = {
        "paper": "anuw", "variant": variant, "data": data, "profile": profile, "seed": seed,
        "overrides": overrides or {},
    }
    scored = {
        test: {
            "protocol": "anuw-streets", "data": test, "images": [f"{test}/{i}" for i in range(IMAGES)],
            "metrics": {metric: values(metric) for metric in METRICS},
        }
        for test in tests
    }
    return RunRecord(Path(f"anuw-{variant}-s{seed}"), {"spec": spec, "parameters": parameters, "tests": scored}, {})


def pair(better, worse, *, seeds=(0, 1), **kwargs):
    return [record(v, s, level, **kwargs) for v, level in (("b", better), ("a", worse)) for s in seeds]


AWCA = PAPER.claim("awca-helps")


def test_the_verdict_flips_with_the_difference():
    up, down = judge(AWCA, pair(0.4, 0.5)), judge(AWCA, pair(0.5, 0.4))
    assert (up.status, down.status) == (SUPPORTED, CONTRADICTED)
    assert up.deciding.difference.low > 0.08 and down.deciding.difference.high < -0.08
    assert up.deciding.difference.mean == pytest.approx(0.1, abs=0.01)


def test_higher_is_better_for_ssim():
    claim = replace(AWCA, metrics=("ssim",))
    assert judge(claim, pair(0.5, 0.4)).status == SUPPORTED and judge(claim, pair(0.4, 0.5)).status == CONTRADICTED


def test_noise_stays_unresolved_and_says_what_could_have_been_found():
    verdict = judge(AWCA, pair(0.5, 0.5, noise=0.05))
    assert verdict.status == UNRESOLVED and verdict.deciding.difference.low < 0 < verdict.deciding.difference.high
    assert f"{verdict.deciding.detectable:.3g}" in verdict.why
    quick = replace(AWCA, rule=replace(AWCA.rule, draws=500))
    found = [judge(quick, pair(0.5, 0.5, noise=0.05, seeds=(k, k + 1))).status for k in range(40)]
    assert found.count(UNRESOLVED) >= 34        # at most a handful of false alarms out of 40


def test_seeds_that_disagree_resolve_nothing():
    """Each seed by itself is clear; together they are not, although their mean is far from 0."""
    records = [record("b", 0, 0.3), record("b", 1, 0.52), record("a", 0, 0.5), record("a", 1, 0.5)]
    assert judge(AWCA, records).status == UNRESOLVED


def test_one_seed_decides_nothing():
    verdict = judge(AWCA, pair(0.1, 0.9, seeds=(0,)))
    assert verdict.status == UNRESOLVED and "1 seed; the rule asks for 2" in verdict.why
    assert verdict.covers == "images only (1 seed)"
    assert judge(AWCA, pair(0.1, 0.9)).covers == "images and training seeds (2 seeds; 2 degrees of freedom)"
    assert "5 seeds; 8 degrees" in judge(AWCA, pair(0.1, 0.9, seeds=range(5))).covers


def test_the_seed_of_a_training_is_not_taken_for_a_difference():
    """Equal methods, two seeds each, much between trainings and little between images: false alarms stay near 5 %.

    Resampling the two seeds alone calls every second of these a difference.
    """
    rng, alarms, naive = np.random.default_rng(7), 0, 0
    claim = replace(AWCA, rule=replace(AWCA.rule, draws=400))
    for _ in range(60):
        records = [
            record(v, s, 0.5 + rng.normal(0, 0.05)) for v in ("a", "b", "c", "d", "e", "unet", "fcrn") for s in (0, 1)
        ]
        alarms += judge(claim, records).status != UNRESOLVED
        a, b = (np.array([r.per_image("streets", "si_rmse") for r in records[i : i + 2]]) for i in (0, 2))
        found = compare(a, b, draws=400).difference
        naive += found.low > 0 or found.high < 0
    assert alarms <= 8 and naive > 15       # binomial: 60 times 5 % is 3, above 8 has probability 0.002


def test_pooled_spread_of_seeds():
    levels = {"a": (0.5, 0.6), "b": (0.4, 0.42, 0.44), "c": (0.9,)}
    records = [record(v, s, x, noise=0) for v, xs in levels.items() for s, x in enumerate(xs)]
    records += [record("d", 0, 9.0, data="rooms"), record("d", 1, 1.0, data="rooms")]
    variance, freedom = seed_variance(records, "streets", "streets", "si_rmse")
    assert freedom == 3 and variance == pytest.approx((2 * 0.05**2 + 2 * 0.02**2) / 3)
    assert seed_variance(records[:1], "streets", "streets", "si_rmse") == (0.0, 0)


def test_the_wider_interval_is_students_for_seeds():
    """Without noise in the images only the seeds are left: a t interval of the difference of two means."""
    records = [
        record(v, s, x, noise=0) for v, xs in {"a": (0.5, 0.54, 0.49), "b": (0.45, 0.47, 0.41)}.items()
        for s, x in enumerate(xs)
    ]
    found, expected = judge(AWCA, records), ttest_ind([0.5, 0.54, 0.49], [0.45, 0.47, 0.41])
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    ends = expected.confidence_interval()
    assert (
        found.deciding.difference.low, found.deciding.difference.high,
    ) == (pytest.approx(ends.low), pytest.approx(ends.high))


def test_only_common_seeds_are_paired():
    records = [record("b", s, 0.4) for s in (0, 1, 2)] + [record("a", s, 0.5) for s in (1, 2, 3)]
    assert judge(AWCA, records).deciding.seeds == 2
    assert judge(AWCA, [record("b", 0), record("a", 1)]).status == NOT_RUN


def test_missing_runs_and_untestable_claims():
    assert judge(AWCA, []).status == NOT_RUN
    verdict = judge(AWCA, [record("a", 0), None])
    assert verdict.status == NOT_RUN and "no runs of b on streets" in verdict.why
    assert judge(AWCA, [record("a", 0, data="rooms"), record("b", 0, data="rooms")]).status == NOT_RUN
    verdict = judge(PAPER.claim("transfers"), [])
    assert verdict.status == UNTESTABLE and verdict.why == PAPER.claim("transfers").untestable


def test_smoke_runs_say_nothing():
    verdict = judge(AWCA, pair(0.1, 0.9, profile="smoke"))
    assert verdict.status == NOT_RUN and "only proves that the code runs" in verdict.why


def test_records_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="records mix profile full .* and profile quick"):
        judge(AWCA, [record("a", 0), record("b", 0, profile="full")])
    with pytest.raises(ValueError, match="records mix profile quick .* and profile quick"):
        judge(AWCA, [record("a", 0), record("b", 0, overrides={"steps": 3})])
    with pytest.raises(ValueError, match="two records of a on streets with seed 0"):
        judge(AWCA, [record("a", 0), record("a", 0), record("b", 0)])
    other = record("b", 0)
    other.result["tests"]["streets"]["images"].reverse()
    with pytest.raises(ValueError, match="records differ in images of test 'streets': anuw-b-s0 and anuw-a-s0"):
        judge(AWCA, [record("a", 0), other])


def test_a_claim_about_all_needs_all_and_falls_with_one():
    claim = PAPER.claim("best-si-rmse")

    def levels(fcrn):
        return [record(v, s, x) for v, x in (("e", 0.4), ("unet", 0.6), ("a", 0.5), ("fcrn", fcrn)) for s in (0, 1)]

    supported, unclear, against = (judge(claim, levels(x)) for x in (0.5, 0.4, 0.3))
    assert (supported.status, unclear.status, against.status) == (SUPPORTED, UNRESOLVED, CONTRADICTED)
    assert "9 of 9" in supported.why and "6 of 9 comparisons on the claimed side, 3 on the other" in against.why


def test_a_claim_against_a_number():
    zeros = PAPER.claim("gaps-beat-zeros")
    good = judge(zeros, [record("e", s, 0.5) for s in (0, 1)])
    assert good.status == SUPPORTED and good.deciding.difference.mean == pytest.approx(
        0.5 - DIFFICULTY.mean(), abs=0.01,
    )
    assert judge(zeros, [record("e", s, 1.6) for s in (0, 1)]).status == CONTRADICTED


def test_parameters_are_counted():
    claim = PAPER.claim("psnl-is-small")
    assert judge(claim, [record("a", 0, parameters=1000), record("c", 0, parameters=1009)]).status == SUPPORTED
    verdict = judge(claim, [record("a", 0, parameters=1000), record("c", 0, parameters=1011)])
    assert verdict.status == CONTRADICTED and "1.10 % more; the rule allows 1 %" in verdict.why


def test_holm_counts_the_whole_family_also_what_was_not_run():
    """A difference that would stand alone, p = 0.02 or so, does not stand as one of five."""
    records = [record(v, s, x, noise=0.1) for v, x in (("a", 0.5), ("b", 0.458)) for s in (0, 1, 2, 3)]
    alone = judge(AWCA, records)
    assert alone.status == SUPPORTED and 0.011 < alone.p_value < 0.05
    together = {v.claim.key: v for v in judge_all(PAPER, records).verdicts}["awca-helps"]
    assert together.p_adjusted == pytest.approx(min(1, 5 * alone.p_value))
    assert together.status == UNRESOLVED and "not after adjusting" in together.why


def test_adjusted_values_are_holms():
    records = [
        record(v, s, x, noise=0.1) for v, x in (("a", 0.5), ("b", 0.47), ("c", 0.45), ("d", 0.44), ("e", 0.43))
        for s in range(4)
    ]
    table = [v for v in judge_all(PAPER, records).verdicts if v.claim.family == "table1"]
    assert len(table) == 5 and [v.p_adjusted for v in table] == pytest.approx(holm([v.p_value for v in table]))


def test_the_verdict_carries_the_rule_it_was_made_by():
    assert judge(AWCA, pair(0.4, 0.5)).claim is AWCA
    softer = replace(AWCA, rule=Rule(level=0.5, draws=4000, min_seeds=1, interval=INTERVAL))
    turned = replace(AWCA, better="a", than=("b",))
    assert len({AWCA.digest, softer.digest, turned.digest}) == 3
    assert replace(AWCA, says="other words", remark=None).digest == AWCA.digest
    with pytest.raises(AttributeError):
        AWCA.better = "a"


def test_the_table_has_every_claim_and_full_precision():
    records = [record(v, s, x) for v, x in (("a", 0.5), ("b", 0.4)) for s in (0, 1)]
    table = verdict_table(judge_all(PAPER, records)).set_index("claim")
    assert list(table.index) == [claim.key for claim in PAPER.claims]
    row = table.loc["awca-helps"]
    assert row["verdict"] == SUPPORTED and row["in print"] == "0.609 against 0.612" and row["low"] < row[
        "advantage"
    ] < row["high"]
    assert row["seeds"] == 2 and row["images"] == IMAGES and row["rule"] == AWCA.digest and row["profile"] == "quick"
    assert table.loc["psnl-helps", "verdict"] == NOT_RUN and np.isnan(table.loc["psnl-helps", "advantage"])
    assert set(table["verdict"]) == {SUPPORTED, NOT_RUN, UNTESTABLE}
    assert verdict_table(judge_all(PAPER, []))["verdict"].isin([NOT_RUN, UNTESTABLE]).all()


def test_bands():
    assert band(
        1.0, 0.9, 0.98,
    ) == "reproduced" and band(1.0, 0.9, 0.96) == "close" and band(1.0, 0.8, 0.89) == "not reproduced"
    assert band(
        1.0, 1.02, 1.2,
    ) == "reproduced" and band(1.0, 1.2, 1.3) == "not reproduced" and band(None, 0, 1) == "nothing printed"


def test_a_reduced_run_is_never_a_reproduction():
    """Even when the numbers are equal to the printed ones."""
    records = [record("a", s, 0.612 - DIFFICULTY.mean(), noise=0) for s in (0, 1)]
    table = reproduction_table(PAPER, "table1", records).set_index("method")
    assert table.loc["A", "ours"] == pytest.approx(0.612) and table.loc["A", "verdict"].startswith("not comparable")
    assert table.loc["B", "verdict"] == NOT_RUN and table.loc["A", "measured on"] == "streets"
    paper = [
        record("a", s, 0.612 - DIFFICULTY.mean(), noise=0, profile="paper", data="mai", tests=("mai",)) for s in (0, 1)
    ]
    assert reproduction_table(PAPER, "table1", paper).set_index("method").loc["A", "verdict"] == "reproduced"
    assert reproduction_table(PAPER, "table2", []).set_index("method").loc[
        "Monodepth2", "verdict",
    ].iloc[0].startswith("learns from video")


def test_at_the_papers_scale_the_papers_own_sets_are_judged():
    records = pair(0.4, 0.5, profile="paper", data="mai", tests=("mai",))
    assert judge(AWCA, records).status == SUPPORTED
    assert judge(AWCA, pair(0.4, 0.5, profile="full")).status == SUPPORTED


def test_a_claim_is_a_plain_value():
    rule = Rule(0.95, 4000, 2, INTERVAL)
    claim = Claim(
        "k", "s", "w", "text", rule, {}, data="x", better="a", than=("b", 1.0), tests=("t", "u"), metrics=("m",),
    )
    assert claim.comparisons() == [("b", "t", "m"), ("b", "u", "m"), (1.0, "t", "m"), (1.0, "u", "m")]


def test_p_of_a_claim_about_several():
    """All on the claimed side: the weakest decides, uncorrected.

    One on the other side: found among several, so corrected.
    """
    claim = PAPER.claim("both-beat-each")

    def p_values(b, c):
        records = [record(v, s, x, noise=0.1) for v, x in (("d", 0.5), ("b", b), ("c", c)) for s in range(4)]
        return judge(claim, records).p_value, *(
            judge(replace(claim, than=(rival,)), records).p_value for rival in ("b", "c")
        )

    both, b, c = p_values(0.6, 0.54)
    assert b < c < 0.2 and both == pytest.approx(c)
    both, b, c = p_values(0.455, 0.6)
    assert c < b < 0.2 and both == pytest.approx(2 * b)
