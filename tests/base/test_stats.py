"""Intervals against closed forms and their own coverage; Holm against its definition."""

import numpy as np
import pytest
from scipy import stats as reference

from depthlib.base.stats import bootstrap_means, compare, holm, interval


@pytest.mark.slow
def test_bootstrap_matches_the_normal_interval_of_a_mean():
    """One seed, many images: the percentile interval is close to mean +- 1.96 s / sqrt(n)."""
    values = np.random.default_rng(0).normal(3, 2, size=(1, 400))
    found = interval(values, draws=20_000)
    half = 1.959964 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == (pytest.approx(values.mean() - half, abs=0.02), pytest.approx(values.mean() + half, abs=0.02))


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seeds_are_resampled_as_whole_rows_with_unbiased_variance(seeds):
    """If every image of a seed has one value, only the seeds can vary: the variance of the mean is s^2 / S, s^2 with S - 1."""
    rows = np.random.default_rng(4).normal(size=seeds)
    draws = bootstrap_means(np.repeat(rows[:, None], 50, axis=1), draws=40_000)
    assert draws.mean() == pytest.approx(rows.mean(), abs=0.02)
    assert draws.var() == pytest.approx(rows.var(ddof=1) / seeds, rel=0.04)
    if seeds == 2:      # both the first, one of each, both the second
        assert len(set(np.round(draws, 9))) == 3 and np.isclose(draws, rows.mean()).mean() == pytest.approx(0.5, abs=0.01)


def test_pairing_removes_what_both_methods_share():
    rng = np.random.default_rng(1)
    difficulty = rng.normal(0, 10, size=(1, 200))
    a = difficulty + rng.normal(0.5, 0.1, size=(3, 200))
    b = difficulty + rng.normal(0.0, 0.1, size=(3, 200))
    found = compare(a, b)
    assert found.difference.low > 0.4 and found.difference.high < 0.6 and found.p_value < 0.01 and (found.seeds, found.images) == (3, 200)
    assert compare(b, a).difference.mean == pytest.approx(-found.difference.mean)


def test_no_difference_is_not_found_and_detectable_difference_is_the_textbook_one():
    rng = np.random.default_rng(2)
    hits, n = 0, 60
    for trial in range(60):
        d = rng.normal(0, 1, size=(1, n))
        hits += not (lambda i: i.low <= 0 <= i.high)(compare(d, np.zeros_like(d), draws=800, seed=trial).difference)
    assert hits <= 9        # 5 % of 60 is 3; the binomial puts 9 or fewer at 0.998
    found = compare(d, np.zeros_like(d), draws=20_000)
    power = reference.norm.sf(1.959964 - found.detectable / (d.std() / np.sqrt(n)))
    assert power == pytest.approx(0.8, abs=0.03)


def test_holm_by_its_definition():
    p = [0.01, 0.04, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_bad_tables():
    with pytest.raises(ValueError, match="seeds, images"):
        interval(np.zeros(3))
    with pytest.raises(ValueError, match="finite"):
        interval(np.array([[np.nan]]))
    with pytest.raises(ValueError, match="same seeds and images"):
        compare(np.zeros((1, 2)), np.zeros((1, 3)))
