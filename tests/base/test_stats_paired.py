"""Variance parts, intervals, power and families against closed forms, other libraries and their definitions."""

import numpy as np
import pytest
from scipy import stats

from depthlib.base.stats_holm import holm
from depthlib.base.stats_paired import Paired, critical, interval_of, level_within, paired
from depthlib.base.stats_power import POWER, detectable, enough, power, redesigned


def table(seeds, frames, seed_sd, frame_sd, rest_sd, count=(), seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, seed_sd, (*count, seeds, 1))
        + rng.normal(0, frame_sd, (*count, 1, frames))
        + rng.normal(0, rest_sd, (*count, seeds, frames))
    )


# ------------------------------------------------------------------------------------------------ parts and intervals


def test_seeds_alone_give_students_interval():
    """Every frame of a seed has one value: the interval is that of a one-sample t test over the seeds."""
    rows = np.array([0.3, -0.1, 0.4, 0.2, 0.25])
    found, expected = paired(np.repeat(rows[:, None], 40, axis=1)), stats.ttest_1samp(rows, 0.0)
    ends = expected.confidence_interval(0.95)
    assert found.frame_part == pytest.approx(0, abs=1e-15) and found.rest == pytest.approx(0, abs=1e-15)
    assert interval_of(found).low == pytest.approx(ends.low) and interval_of(found).high == pytest.approx(ends.high)
    assert level_within(found, abs(found.mean)) == pytest.approx(expected.pvalue, rel=1e-6)


def test_frames_alone_give_students_interval():
    columns = np.random.default_rng(1).normal(0.1, 0.3, 25)
    found, expected = paired(np.repeat(columns[None], 4, axis=0)), stats.ttest_1samp(columns, 0.0)
    ends = expected.confidence_interval(0.95)
    assert found.seed_part == pytest.approx(0, abs=1e-15)
    assert interval_of(found).low == pytest.approx(ends.low) and interval_of(found).high == pytest.approx(ends.high)
    assert level_within(found, abs(found.mean)) == pytest.approx(expected.pvalue, rel=1e-6)


def test_the_rest_is_not_counted_twice():
    """The mean of the estimated variances is the variance of the means, which the plain sum of both parts exceeds."""
    seeds, frames, sd = 4, 12, (0.0, 0.0, 1.0)
    many = paired(table(seeds, frames, *sd, count=(20_000,)))
    true = 1 / (seeds * frames)
    assert many.mean.var() == pytest.approx(true, rel=0.03)
    assert (many.error**2).mean() == pytest.approx(true, rel=0.2)  # a part below 0 counts as 0, so a little above
    assert many.rest.mean() == pytest.approx(1, rel=0.01)
    mixed = paired(table(6, 40, 0.1, 0.5, 1.0, count=(5000,), seed=2))
    assert (mixed.error**2).mean() == pytest.approx(0.1**2 / 6 + 0.5**2 / 40 + 1 / 240, rel=0.03)
    assert mixed.seed_part.mean() == pytest.approx(0.1**2 / 6 + 1 / 240, rel=0.03)
    assert mixed.frame_part.mean() == pytest.approx(0.5**2 / 40, rel=0.05)


def test_cochran_by_his_definition():
    found = Paired(0.0, 0.03, 0.01, 0.0, seeds=6, frames=20)
    assert critical(found, 0.05) == pytest.approx(0.75 * stats.t.ppf(0.975, 5) + 0.25 * stats.t.ppf(0.975, 19))


@pytest.mark.parametrize("level", [0.2, 0.05, 0.003, 1e-6])
def test_the_level_of_a_distance_inverts_the_interval(level):
    found = paired(table(5, 30, 0.2, 0.3, 0.5))
    assert level_within(found, critical(found, level) * found.error) == pytest.approx(level, rel=1e-6)
    assert level_within(found, 0.0) == level_within(found, -1.0) == 1.0


def test_many_tables_at_once_are_each_by_itself():
    tables = table(4, 9, 0.3, 0.2, 0.5, count=(7,))
    many, single = paired(tables), [paired(one) for one in tables]
    levels = level_within(many, np.abs(many.mean))
    assert levels == pytest.approx([level_within(one, abs(one.mean)) for one in single])


def test_what_does_not_vary_decides_nothing():
    for value in (0.0, 0.1 + 0.2):
        found = paired(np.full((4, 8), value) + np.array([0, 1e-17])[[0, 1, 0, 1], None], scale=1.0)
        assert not found.varies and level_within(found, 1.0) == 1.0 and detectable(found, 0.05) == float("inf")
        assert interval_of(found).low == interval_of(found).high == found.mean


def test_pairing_removes_what_both_methods_share():
    rng = np.random.default_rng(1)
    difficulty = rng.normal(0, 10, size=(1, 200)) + rng.normal(0, 5, size=(4, 1))
    a, b = difficulty + rng.normal(0.5, 0.1, (4, 200)), difficulty + rng.normal(0.0, 0.1, (4, 200))
    found = interval_of(paired(a - b))
    assert found.low > 0.4 and found.high < 0.6


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((1, 9)), np.zeros((4, 1)), np.full((4, 4), np.nan)])
def test_bad_tables(bad):
    with pytest.raises(ValueError, match="differences: found shape"):
        paired(bad)


# ------------------------------------------------------------------------------------------------ power


def test_power_of_seeds_alone_is_that_of_a_t_test():
    """The non-central t of statsmodels' and every textbook's one-sample test, worked out here by simulation."""
    found = Paired(0.0, 1 / 6, 0.0, 0.0, seeds=6, frames=100)
    draws = np.random.default_rng(0).normal(1.3, 1.0, (100_000, 6))
    hit = stats.ttest_1samp(draws, 0.0, axis=1)
    assert power(found, 1.3, 0.05) == pytest.approx(((hit.pvalue < 0.05) & (hit.statistic > 0)).mean(), abs=0.005)


def test_detectable_is_where_power_is_eighty_per_cent():
    found = paired(table(6, 64, 0.1, 0.3, 0.5))
    for level in (0.05, 0.01, 0.005):
        assert power(found, detectable(found, level), level) == pytest.approx(POWER, abs=1e-6)
    assert detectable(found, 0.01) > detectable(found, 0.05)
    normal = Paired(0.0, 0.0, 1.0, 0.0, seeds=6, frames=10**6)
    assert detectable(normal, 0.05) == pytest.approx(stats.norm.ppf(0.975) + stats.norm.ppf(0.8), abs=1e-3)


def test_another_design_has_the_variance_that_its_size_gives():
    found = Paired(0.0, 0.1**2 / 6 + 1 / 240, 0.5**2 / 40, 1.0, seeds=6, frames=40)
    larger = redesigned(found, 12, 160)
    assert larger.seed_part == pytest.approx(0.1**2 / 12 + 1 / (12 * 160)) and larger.frame_part == pytest.approx(
        0.5**2 / 160
    )
    same = redesigned(found, 6, 40)
    assert (same.seed_part, same.frame_part) == (pytest.approx(found.seed_part), pytest.approx(found.frame_part))


def test_the_design_that_would_do_does_and_a_seed_less_does_not():
    found = Paired(0.0, 0.1**2 / 6 + 1 / 240, 0.5**2 / 40, 1.0, seeds=6, frames=40)
    seeds, frames = enough(found, 0.12, 0.05, least=4)
    assert (
        power(redesigned(found, seeds, frames), 0.12, 0.05)
        >= POWER
        > power(redesigned(found, seeds - 1, frames), 0.12, 0.05)
    )
    assert frames > 40 and seeds >= 4 and enough(found, 1e-4, 0.05, least=4) is None
    assert enough(found, 10.0, 0.05, least=4) == (4, 40)


# ------------------------------------------------------------------------------------------------ families


def test_holm_by_its_definition():
    p = [0.01, 0.04, 0.03, 0.005]
    found = holm(p)
    assert [one.p for one in found] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [one.p for one in holm([0.9, 0.8])] == [1.0, 1.0] and holm([]) == []
    # 0.005 at a quarter, then 0.01 at a third, then 0.03 at a half is too large: both that are left stay at a half
    assert [one.share for one in found] == pytest.approx([1 / 3, 1 / 2, 1 / 2, 1 / 4])


def test_a_nested_question_costs_nothing_and_comes_after_the_other():
    alone, nested = holm([0.02, 0.03]), holm([0.02, 0.03, 0.001], [None, None, 0])
    assert [one.p for one in nested[:2]] == pytest.approx([one.p for one in alone])
    assert nested[2].p == pytest.approx(0.04)  # never below that of the question it hangs on
    assert holm([0.2, 0.03, 0.001], [None, None, 0])[2].p == pytest.approx(0.2)
    chain = holm([0.01, 0.02, 0.03, 0.5], [None, 0, 1, None])  # each takes over the half of the one before
    assert [one.p for one in chain] == pytest.approx([0.02, 0.04, 0.06, 0.5])
    assert [one.share for one in chain] == pytest.approx([0.5, 0.5, 0.5, 0.5])
    two = holm([0.001, 0.04, 0.04, 0.9], [None, 0, 0, None])
    assert [one.share for one in two] == pytest.approx([0.5, 0.25, 0.25, 0.5])


def test_a_question_whose_turn_does_not_come_has_no_share():
    assert holm([0.5, 0.0001], [None, 0])[1].share == 0


@pytest.mark.parametrize("after", [[1, 0], [0]])
def test_questions_in_a_circle(after):
    with pytest.raises(ValueError, match="in a circle"):
        holm([0.1] * len(after), after)


def test_the_family_holds_its_level_also_where_a_parent_is_true_and_its_children_are_not():
    """One parent of two has an effect, all else is equal: its children may not have a share besides Holm's."""
    rng = np.random.default_rng(5)
    false = 0
    for _ in range(4000):
        p = [0.0, rng.random(), rng.random(), rng.random()]
        false += any(one.p <= 0.05 for one in holm(p, [None, None, 0, 0])[1:])
    assert false / 4000 < 0.058
