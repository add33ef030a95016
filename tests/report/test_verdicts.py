"""Verdicts on invented records whose truth is known."""

import re

import numpy as np
import pytest
from invented_runs import DIFFICULTY, FLOOR, IMAGES, record, runs
from judging import PAPER, judged, with_claim

from depthlib.base.stats_power import POWER, detectable, power, redesigned
from depthlib.report.decide import CONTRADICTED, NO_DIFFERENCE, SUPPORTED
from depthlib.report.verdicts import NOT_LEARNED, NOT_RUN, UNRESOLVED, UNTESTABLE, judge_all

# ------------------------------------------------------------------------------------------------ the five answers


def test_the_verdict_flips_with_the_difference():
    up, down = judged("both-help", runs({"d": 0.4, "a": 0.5})), judged("both-help", runs({"d": 0.5, "a": 0.4}))
    assert (up.status, down.status) == (SUPPORTED, CONTRADICTED)
    assert up.deciding.difference.low > 0.08 and down.deciding.difference.high < -0.08
    assert up.why.startswith(
        "d against a: si_rmse on streets: the whole interval is on the claimed side; error lower by 2"
    )
    assert "in print 2.5 % lower: larger than in print" in up.why  # 0.597 against 0.612


def test_higher_is_better_for_ssim():
    paper = with_claim("both-help", metrics=("ssim",))
    assert judged("both-help", runs({"d": 0.4, "a": 0.5}), paper).status == SUPPORTED
    verdict = judged("both-help", runs({"d": 0.5, "a": 0.4}), paper)
    assert verdict.status == CONTRADICTED
    assert verdict.deciding.relative.mean == pytest.approx(-0.25, abs=0.02)  # of 1 - ssim


def test_no_difference_that_matters_is_an_answer():
    verdict = judged("soft-beats-masking", runs({"e": 0.5, "d-masked": 0.5}, noise=0.003, luck=0.0005))
    assert verdict.status == NO_DIFFERENCE and "within 2.0 % of the rival's error" in verdict.why
    assert verdict.deciding.margin == pytest.approx(0.02 * 0.5, rel=0.05)
    assert abs(verdict.deciding.difference.mean) < verdict.deciding.difference.high < verdict.deciding.margin


def test_an_effect_that_print_itself_calls_small_is_too_small_to_ask():
    """AWCA is printed to lower the error by 0.5 %: that there is no difference of 2 % is no news of the claim."""
    verdict = judged("awca-helps", runs({"b": 0.501, "a": 0.5}, noise=0.003, luck=0.001))
    assert verdict.deciding.difference.low < 0 < verdict.deciding.difference.high < verdict.deciding.margin
    assert verdict.status == UNRESOLVED and verdict.why == "too small to ask here: in print 0.5 %, where 2.0 % matters"
    assert judged("awca-helps", runs({"b": 0.4, "a": 0.5})).status == SUPPORTED


def test_a_supported_effect_below_the_margin_says_so():
    verdict = judged("soft-beats-masking", runs({"e": 0.495, "d-masked": 0.5}, noise=0.003, luck=0.0005))
    assert verdict.status == SUPPORTED and "though by less than matters" in verdict.why


def test_noise_stays_unresolved_and_says_what_would_do():
    verdict = judged("soft-labels-help", runs({"e": 0.5, "d": 0.5}, noise=0.3, luck=0.05))
    assert verdict.status == UNRESOLVED and verdict.deciding.difference.low < 0 < verdict.deciding.difference.high
    assert "0 of 1 comparisons on the claimed side, 0 on the other; a difference of 2.5 % takes" in verdict.why
    small = judged("soft-labels-help", runs({"e": 0.5, "d": 0.5}, noise=0.1, luck=0.004))
    seeds, frames = map(int, re.search(r"a difference of 2.5 % takes (\d+) seeds and (\d+) frames", small.why).groups())
    larger = redesigned(small.deciding.paired, seeds, frames)
    assert (seeds, frames) > (6, IMAGES) and power(larger, 0.015 / 0.597 * 0.5, 0.05) == pytest.approx(POWER, abs=0.05)


def test_seeds_that_disagree_resolve_nothing():
    """Each seed by itself is clear; together they are not, although their mean is far from 0."""
    levels = (0.3, 0.52, 0.35, 0.6, 0.55, 0.4)
    records = [record("d", s, x) for s, x in enumerate(levels)] + runs({"a": 0.5})
    assert judged("both-help", records).status == UNRESOLVED


# ------------------------------------------------------------------------------------------------ seeds


def test_the_seeds_of_the_rule_all_of_them_and_no_others():
    """Four for a claim, six for an announced one. A seed more changes nothing, one fewer gives no look at numbers."""
    six = runs({"d": 0.4, "a": 0.5, "e": 0.35}, seeds=6)
    more = [*six, *(record(v, 6, 9.0) for v in "dae")]
    for key, seeds in (("both-help", 4), ("soft-labels-help", 6)):
        assert judged(key, six).deciding.seeds == seeds and judged(key, more) == judged(key, six)
        few = [r for r in six if r.result["spec"]["seed"] < seeds - 1]
        verdict = judged(key, few)
        assert verdict.status == UNRESOLVED and verdict.comparisons == () and verdict.p_value is None
        assert verdict.why == f"needs {seeds} seeds, 0 to {seeds - 1}, of every method; has {seeds - 1}"


def test_seeds_of_pilots_never_enter():
    pilots = [record(v, 100 + s, x) for v, x in (("d", 0.1), ("a", 0.9)) for s in range(6)]
    assert judged("both-help", [*pilots, *runs({"d": 0.5, "a": 0.4})]) == judged(
        "both-help", runs({"d": 0.5, "a": 0.4})
    )
    assert judged("both-help", pilots).status == NOT_RUN


def test_methods_are_paired_by_seed():
    """The luck of a seed that both methods share is no uncertainty of their difference."""
    luck = (0.1, -0.1, 0.05, -0.05)
    records = [record(v, s, x + luck[s]) for v, x in (("d", 0.48), ("a", 0.5)) for s in range(4)] + runs({})
    assert judged("both-help", records).status == SUPPORTED
    crossed = [
        record(v, s, x + luck[(s + (v == "d")) % 4]) for v, x in (("d", 0.48), ("a", 0.5)) for s in range(4)
    ] + runs({})
    assert judged("both-help", crossed).status == UNRESOLVED


def test_one_seed_and_smoke_runs_say_so_in_a_line():
    verdict = judged("both-help", runs({"d": 0.1, "a": 0.9}, seeds=1))
    assert verdict.status == UNRESOLVED and verdict.why == "needs 4 seeds, 0 to 3, of every method; has 1"
    verdict = judged("both-help", runs({"d": 0.1, "a": 0.9}, profile="smoke"))
    assert verdict.status == NOT_RUN and "only proves that the code runs" in verdict.why


# ------------------------------------------------------------------------------------------------ learned


def test_networks_at_the_floor_decide_nothing():
    """Clear differences between networks that are no better than a map that never looks."""
    for d, a in ((0.8, 0.88), (0.85, 0.4), (0.4, 0.85)):
        verdict = judged("both-help", runs({"d": d, "a": a}))
        assert verdict.status == NOT_LEARNED and verdict.comparisons[0].measurable
        failed = [name for name, level in (("d", d), ("a", a)) if level > 0.85 * FLOOR]
        assert verdict.comparisons[0].unlearned == tuple(failed) and " and ".join(sorted(failed)) in verdict.why


def test_a_rival_may_fail_where_the_claim_says_why():
    records = runs({"e": 0.4, "d": 0.88})
    assert PAPER.claim("soft-labels-help").rival_may_fail and judged("soft-labels-help", records).status == SUPPORTED
    assert judged("soft-labels-help", runs({"e": 0.88, "d": 0.4})).status == NOT_LEARNED  # the better side may not
    assert (
        judged("soft-labels-help", records, with_claim("soft-labels-help", rival_may_fail=None)).status == NOT_LEARNED
    )


def test_without_a_floor_nothing_is_judged():
    verdict = judged("both-help", runs({"d": 0.4, "a": 0.5})[:-1])
    assert (verdict.status, verdict.why) == (NOT_RUN, "no floor was measured by si_rmse on streets")


def test_learning_is_measured_where_the_claim_says():
    """A claim about a difference of errors: its networks must have learned by an error."""
    paper = with_claim("both-help", learned_by="mai/abs_rel", margin_of="gaps/rmse", metrics=("delta1",))
    records = runs({"d": 0.4, "a": 0.5})
    for one in records:
        one.result["tests"]["streets"]["metrics"]["delta1"] = list(
            0.1 + np.array(one.per_image("streets", "delta1")) / 100
        )
    verdict = judged("both-help", records, paper)
    assert verdict.comparisons[0].unlearned == () and verdict.comparisons[0].margin == pytest.approx(
        0.02 * 0.5, rel=0.05
    )
    assert verdict.comparisons[0].relative is None


# ------------------------------------------------------------------------------------------------ several comparisons


def test_a_claim_about_all_needs_all_and_falls_with_one():
    def of(fcrn):
        return judged("best-si-rmse", runs({"e": 0.4, "unet": 0.6, "a": 0.5, "fcrn": fcrn}))

    supported, unclear, against = of(0.5), of(0.4), of(0.3)
    assert (supported.status, unclear.status, against.status) == (SUPPORTED, UNRESOLVED, CONTRADICTED)
    assert "6 of 9 comparisons on the claimed side, 0 on the other" in unclear.why or "6 of 9" in unclear.why
    assert against.compared.startswith("e against fcrn: si_rmse on")


def test_a_claim_against_a_number():
    good = judged("gaps-beat-zeros", runs({"e": 0.5}))
    assert good.status == SUPPORTED and good.deciding.difference.mean == pytest.approx(
        0.5 - DIFFICULTY.mean(), abs=0.01
    )
    assert judged("gaps-beat-zeros", runs({"e": 1.6}, floor=2.0)).status == CONTRADICTED


def test_parameters_are_counted():
    def of(more):
        return judged("psnl-is-small", [record("a", 0, parameters=1000), record("c", 0, parameters=more)])

    assert of(1009).status == SUPPORTED and of(1011).status == CONTRADICTED
    assert "1.10 % more; the rule allows 1 %" in of(1011).why


# ------------------------------------------------------------------------------------------------ families


def table1(records, paper=PAPER):
    return {v.claim.key: v for v in judge_all(paper, records).verdicts if v.claim.family == "table1"}


def test_a_family_counts_what_was_not_run_too():
    """Four claims of Table 1 that stand for themselves, and a nested one that costs nothing until its turn."""
    records = runs({"d": 0.44, "a": 0.5}, seeds=4)
    alone, together = judged("both-help", records), table1(records)["both-help"]
    assert together.p_value == pytest.approx(alone.p_value) and together.p_adjusted == pytest.approx(4 * alone.p_value)
    assert together.level == pytest.approx(0.05 / 4) and together.status == SUPPORTED


def test_a_difference_that_stands_alone_may_not_stand_in_its_family():
    records = runs({"d": 0.475, "a": 0.5}, seeds=4, luck=0.008, noise=0.02)
    alone, together = judged("both-help", records), table1(records)["both-help"]
    assert alone.status == SUPPORTED and 0.0125 < alone.p_value < 0.05 and together.status == UNRESOLVED
    assert together.deciding.detectable == pytest.approx(detectable(together.deciding.paired, 0.05 / 4))
    assert together.deciding.detectable > alone.deciding.detectable


def test_our_questions_pay_for_themselves():
    keys = {"soft-beats-masking", "masking-beats-believing", "gaps-beat-masking"}
    more = {"soft-beats-its-letter", "soft-labels-gain-with-gaps"}
    records = runs({"e": 0.4, "d-masked": 0.45, "d": 0.5})
    found = {v.claim.key: v for v in judge_all(PAPER, records).verdicts}
    assert {k for k, v in found.items() if v.claim.whose == "ours"} == keys | more
    assert all(found[key].status == SUPPORTED for key in keys)
    # those without runs are questions, too
    assert sorted(found[key].level for key in keys) == pytest.approx([0.05 / 5, 0.05 / 4, 0.05 / 3])


def test_a_nested_claim_is_asked_only_after_the_one_it_hangs_on():
    clear = table1(runs({"d": 0.35, "b": 0.45, "c": 0.45, "a": 0.5}, seeds=4))["both-beat-each"]
    assert clear.claim.after == "both-help" and clear.status == SUPPORTED
    for d in (0.5, 0.6):  # the plain network is as good as both modules, or better; each alone is worse than that
        nested = table1(runs({"d": d, "b": 0.7, "c": 0.7, "a": 0.5}, seeds=4))["both-beat-each"]
        assert (nested.status, nested.why) == (UNRESOLVED, "asked only where both-help is supported")


# ------------------------------------------------------------------------------------------------ records


def test_missing_runs_and_untestable_claims():
    assert judged("both-help", []).status == NOT_RUN
    verdict = judged("both-help", [record("a", 0), None])
    assert verdict.status == NOT_RUN and "no runs of d on streets" in verdict.why
    assert judged("both-help", runs({"d": 0.4, "a": 0.5}, data="rooms")).status == NOT_RUN
    verdict = judged("transfers", [])
    assert verdict.status == UNTESTABLE and verdict.why == PAPER.claim("transfers").untestable


def test_records_that_cannot_be_compared_are_refused():
    four = runs({"d": 0.4, "a": 0.5}, seeds=4)
    with pytest.raises(ValueError, match="records mix profile full .* and profile standard"):
        judged("both-help", [*four, record("b", 0, profile="full")])
    with pytest.raises(ValueError, match="records mix profile standard .* and profile standard"):
        judged("both-help", [*four, record("b", 0, overrides={"steps": 3})])
    with pytest.raises(ValueError, match="two records of a on streets with seed 0"):
        judged("both-help", [*four, record("a", 0)])
    four[0].result["tests"]["streets"]["images"].reverse()
    with pytest.raises(ValueError, match="records differ in images of test 'streets': anuw-d-s0 and anuw-d-s1"):
        judged("both-help", four)


def test_at_the_papers_scale_the_papers_own_sets_are_judged():
    assert (
        judged("both-help", runs({"d": 0.4, "a": 0.5}, profile="paper", data="mai", tests=("mai",))).status == SUPPORTED
    )
    assert judged("both-help", runs({"d": 0.4, "a": 0.5}, profile="full")).status == SUPPORTED


# ------------------------------------------------------------------------------------------------ doses

DOSES = {"streets-d0": 0.0, "streets": 0.2, "streets-d60": 0.6}


def dosed(steep, *, flat=0.1, seeds=4):
    """Errors of d grow by `steep` a dose, those of e by `flat`; e is the worse of the two where the dose is small."""
    found = [record("floor-map", 0, 0.9, data=data, luck=0.0, noise=0.0) for data in DOSES]
    for data, dose in DOSES.items():
        for variant, level in (("d", 0.40 + steep * dose), ("e", 0.45 + flat * dose)):
            found += [record(variant, seed, level, data=data) for seed in range(seeds)]
    return found


def test_a_claim_about_a_dose_is_judged_on_the_slope():
    paper = with_claim("three-terms-help", than=("d",), doses=DOSES)
    steeper = judged("three-terms-help", dosed(0.3), paper)
    assert steeper.status == SUPPORTED, "although e is worse at most doses"
    assert steeper.deciding.difference.mean == pytest.approx(0.2, abs=0.02)
    assert judged("three-terms-help", dosed(-0.1), paper).status == CONTRADICTED
    short = [one for one in dosed(0.3) if one.result["spec"]["data"] != "streets-d0"]
    gap = judged("three-terms-help", short, paper)
    assert (gap.status, gap.why) == (NOT_RUN, "no runs of e on streets-d0, d on streets-d0")
    few = [one for one in dosed(0.3) if (one.result["spec"]["data"], one.result["spec"]["seed"]) != ("streets-d60", 3)]
    assert "needs 4 seeds" in judged("three-terms-help", few, paper).why
