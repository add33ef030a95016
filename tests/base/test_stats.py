"""The hierarchical bootstrap against closed forms."""

import numpy as np
import pytest

from depthlib.base.stats import bootstrap_means, interval


@pytest.mark.slow
def test_bootstrap_matches_the_normal_interval_of_a_mean():
    """One seed, many images: the percentile interval is close to mean +- 1.96 s / sqrt(n)."""
    values = np.random.default_rng(0).normal(3, 2, size=(1, 400))
    found = interval(values, draws=20_000)
    half = 1.959964 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    expected = (values.mean() - half, values.mean() + half)
    assert (found.low, found.high) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seeds_are_resampled_as_whole_rows_with_unbiased_variance(seeds):
    """If every image of a seed has one value, only seeds vary: the variance of the mean is s^2 / S, s^2 with S - 1."""
    rows = np.random.default_rng(4).normal(size=seeds)
    draws = bootstrap_means(np.repeat(rows[:, None], 50, axis=1), draws=40_000)
    assert draws.mean() == pytest.approx(rows.mean(), abs=0.02)
    assert draws.var() == pytest.approx(rows.var(ddof=1) / seeds, rel=0.04)
    if seeds == 2:  # both the first, one of each, both the second
        assert len(set(np.round(draws, 9))) == 3
        assert np.isclose(draws, rows.mean()).mean() == pytest.approx(0.5, abs=0.01)


def test_bad_tables():
    with pytest.raises(ValueError, match="seeds, images"):
        interval(np.zeros(3))
    with pytest.raises(ValueError, match="finite"):
        interval(np.array([[np.nan]]))
