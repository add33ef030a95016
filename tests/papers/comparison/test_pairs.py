"""All pairs of methods: answers on tables whose truth is known, and who is not asked."""

from pathlib import Path

import numpy as np
import pytest

from depthlib.papers.comparison import pairs as all_pairs
from depthlib.papers.comparison.pairs import judge_pairs, matrix, pair_table
from depthlib.report.decide import NO_DIFFERENCE
from depthlib.runs.store import RunRecord

SEEDS, FRAMES = 6, 200
rng = np.random.default_rng(0)
DIFFICULTY = rng.gamma(4.0, 0.05, FRAMES)  # shared by all methods, mean 0.2


def table(level, *, luck=0.001, noise=0.01, seed=0):
    """Errors [seeds, frames] of a method that is `level` above the difficulty of the frames."""
    draw = np.random.default_rng([seed, int(1e6 * level)])
    return DIFFICULTY + level + draw.normal(0, luck, (SEEDS, 1)) + draw.normal(0, noise, (SEEDS, FRAMES))


def answers(found):
    return {(pair.lower, pair.higher): pair.answer for pair in judge_pairs(found)}


def test_what_is_true_is_found():
    lucky = table(0.01, luck=0.05)
    found = answers({"far": table(0.1), "near": table(0.0), "as-near": table(0.0, seed=1), "lucky": lucky})
    assert found[("near", "far")] == found[("as-near", "far")] == "better"
    twins = next(answer for pair, answer in found.items() if set(pair) == {"near", "as-near"})
    assert twins == NO_DIFFERENCE
    assert all(answer == "not resolved" for pair, answer in found.items() if "lucky" in pair and "far" not in pair)
    assert len(found) == 6


def test_equal_tables_are_not_measurable_and_need_nothing():
    one = table(0.0)
    (pair,) = judge_pairs({"a": one, "b": one + 0.5})
    assert pair.answer == "not measurable" and pair.needs is None and pair.p_adjusted == 1


def test_holm_over_all_pairs_and_no_fewer():
    """Alone a pair of p between .05 / 3 and .05 is decided, among three it is not: the same numbers."""
    base = table(0.0)
    draw = np.random.default_rng(5)
    shift = draw.normal(0, 1, (SEEDS, 1))
    shift = (shift - shift.mean()) / shift.std(ddof=1)
    close = base + 0.01 + 0.01 * shift * np.sqrt(SEEDS) / 3.0  # t of about 3 with 5 degrees of freedom: p of .03
    alone = judge_pairs({"a": base, "b": close})[0]
    assert alone.answer == "better" and 0.05 / 3 < alone.p_adjusted < 0.05
    wild = table(0.002, luck=0.2, seed=3)
    among = {(p.lower, p.higher): p for p in judge_pairs({"a": base, "b": close, "wild": wild})}[("a", "b")]
    assert among.answer == "not resolved" and among.p_adjusted == pytest.approx(3 * alone.p_adjusted, rel=0.02)
    assert among.interval.low < 0 < among.interval.high


@pytest.mark.slow
def test_false_answers_are_rare_among_equal_methods():
    """Five equal methods with ten pairs: in at most 5 % of the tables anything is called better (binomial margin)."""
    wrong = 0
    for trial in range(200):
        draw = np.random.default_rng(trial)
        difficulty = draw.gamma(4.0, 0.05, 40)
        found = {
            str(name): difficulty + draw.normal(0, 0.01, (SEEDS, 1)) + draw.normal(0, 0.02, (SEEDS, 40))
            for name in range(5)
        }
        wrong += any(pair.answer == "better" for pair in judge_pairs(found))
    assert wrong / 200 <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5


def test_design_that_would_decide_is_that_of_stats_power():
    from depthlib.base.stats_power import enough, power, redesigned

    pair = next(p for p in judge_pairs({"a": table(0.0), "b": table(0.001, luck=0.005)}) if p.answer == "not resolved")
    seeds, frames = pair.needs
    one = pair.comparison
    assert pair.needs == enough(one.paired, 0.02 * one.rival_error, pair.level, least=SEEDS)
    assert power(redesigned(one.paired, seeds, frames), one.margin, pair.level) >= 0.8
    assert power(redesigned(one.paired, seeds - 1, frames), one.margin, pair.level) < 0.8


def test_square_and_rows_say_the_same():
    names = {"near": "Near", "far": "Far", "twin": "Twin"}
    found = judge_pairs({"far": table(0.1), "near": table(0.0), "twin": table(0.0, seed=1)})
    square, rows = matrix(found, names), pair_table(found, names)
    assert list(square.index)[-1] == "Far"
    assert square.loc["Near", "Far"] == "better" and square.loc["Far", "Near"] == "worse"
    assert square.loc["Near", "Twin"] == square.loc["Twin", "Near"] == NO_DIFFERENCE
    assert [square.loc[name, name] for name in square.index] == [""] * 3
    far = rows[rows["higher"] == "Far"].iloc[0]
    assert far["low"] < far["by %"] < far["high"] and far["by %"] == pytest.approx(100 * 0.1 / 0.3, abs=1.5)


def test_one_seed_is_refused():
    with pytest.raises(ValueError, match="two or more of each"):
        judge_pairs({"a": table(0.0)[:1], "b": table(0.1)[:1]})


def records(variant, errors, seeds):
    images = [f"streets/{i}" for i in range(errors.shape[1])]
    return [
        RunRecord(
            Path(f"{variant}-{seed}"),
            {
                "spec": {"paper": "comparison", "variant": variant, "data": "streets", "seed": seed},
                "tests": {
                    "median": {"protocol": "p", "data": "d", "images": images, "metrics": {"abs_rel": list(row)}}
                },
            },
            {},
        )
        for seed, row in zip(range(seeds), errors, strict=True)
    ]


@pytest.mark.parametrize(
    ("variant", "share", "luck", "learned"),
    [
        ("lite", 0.80, 0.001, True),
        ("lite", 0.88, 0.001, False),
        ("lite", 0.80, 0.2, False),
        ("lr-net", 0.88, 0.001, True),
        ("lr-net", 0.95, 0.001, False),
    ],
)
def test_who_has_not_learned_is_not_asked(variant, share, luck, learned):
    """From video a little less is enough; a method whose seeds differ too much has not learned, whatever its mean."""
    floor = DIFFICULTY[None]
    draw = np.random.default_rng(1).normal(0, 1, (SEEDS, 1))
    errors = share * floor + luck * (draw - draw.mean())
    floors = [*records("floor-map", floor, 1), *records("floor-constant", 1.5 * floor, 1)]
    assert all_pairs.has_learned(records(variant, errors, SEEDS), floors) is learned
    if luck < 0.1:
        assert all_pairs.has_learned(records(variant, errors[:1], 1), floors) is learned, "one training: by its mean"


def test_pairs_are_asked_of_those_that_have_learned_alone():
    floor = DIFFICULTY[None]
    found = [
        *records("floor-map", floor, 1),
        *records("floor-constant", 1.5 * floor, 1),
        *records("unet", 0.95 * table(0.0), SEEDS),
        *records("fcrn", 0.6 * table(0.0, seed=1), SEEDS),
        *records("lite", 0.5 * table(0.0, seed=2), SEEDS),
        *records("anuw", 0.97 * table(0.0, seed=3), SEEDS),
    ]
    able, unable = all_pairs.learned_first(found)
    assert able == ["lite", "fcrn"] and unable == ["unet", "anuw"]
    errors = all_pairs.errors_of(found)
    assert list(errors) == ["lite", "unet", "fcrn", "anuw", "floor-constant", "floor-map"]
    (pair,) = judge_pairs({key: errors[key] for key in able})
    assert (pair.lower, pair.higher, pair.answer) == ("lite", "fcrn", "better")


def test_the_rules_are_those_of_the_claims():
    from depthlib.report.claims import load_paper

    shares = {"anuw": all_pairs.LEARNED, "synergy": all_pairs.LEARNED, "dual": all_pairs.LEARNED_FROM_VIDEO}
    for key, share in shares.items():
        rule = load_paper(key).claims[0].rule
        assert (rule.level, rule.margin, rule.learned) == (all_pairs.LEVEL, all_pairs.MARGIN, share)
