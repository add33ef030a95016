"""Other designs of a comparison: against `depthlib.base.stats_power` directly, against numpy, and by simulation."""

import numpy as np
import pytest

from depthlib.base.stats_paired import Paired, critical, interval_of, paired
from depthlib.base.stats_power import detectable
from depthlib.report.designs import power_table, smallest_found, spreads, unpaired

SEED, FRAME, REST = 0.01, 0.12, 0.05


def drawn(seeds, frames, count, *, mean=0.0, seed=0):
    rng = np.random.default_rng(seed)
    effects = (rng.normal(0, SEED, (count, seeds, 1)), rng.normal(0, FRAME, (count, 1, frames)))
    return mean + effects[0] + effects[1] + rng.normal(0, REST, (count, seeds, frames))


def true(seeds, frames):
    """The variance parts of a design, from the spreads themselves."""
    return Paired(0.0, SEED**2 / seeds + REST**2 / (seeds * frames), FRAME**2 / frames, REST**2, seeds, frames)


def test_another_design_is_what_stats_power_says_of_it():
    for seeds, frames in ((6, 128), (12, 512), (2, 32)):
        expected = detectable(true(seeds, frames), 0.01)
        assert smallest_found(true(6, 128), seeds, frames, 0.01) == pytest.approx(expected, rel=1e-6)
    assert smallest_found(Paired(0.0, 0.0, 0.0, 0.0, 6, 128), 6, 512, 0.05) == float("inf")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "frames", "level"),
    [(6, 128, 0.05), (6, 512, 0.05 / 21), (4, 512, 0.01), (12, 64, 0.05), (2, 512, 0.05), (3, 2048, 0.05 / 21)],
)
def test_what_is_said_to_be_found_is_found_four_times_out_of_five(seeds, frames, level):
    """2,000 tables with just the difference that is predicted, by the rule of the verdicts."""
    effect, hits = smallest_found(true(6, 128), seeds, frames, level), []
    for part in range(10):
        tables = paired(drawn(seeds, frames, 200, mean=effect, seed=part))
        hits.append((tables.mean > critical(tables, level) * tables.error).mean())
    assert np.mean(hits) == pytest.approx(0.8, abs=0.05)


def test_spreads_are_those_that_were_drawn():
    many = np.array([np.square(spreads(paired(one))) for one in drawn(6, 200, 300)])
    assert np.sqrt(many.mean(axis=0)) == pytest.approx([SEED, FRAME, REST], rel=0.06)


def test_table_falls_along_both_axes_and_agrees_with_its_cells():
    found = paired(drawn(6, 128, 1)[0])
    table = power_table(found, (2, 4, 12), (32, 128, 512), 0.05, scale=0.25)
    assert table.loc[4, "128 frames"] == pytest.approx(100 * smallest_found(found, 4, 128, 0.05) / 0.25)
    assert (np.diff(table.to_numpy(), axis=0) < 0).all() and (np.diff(table.to_numpy(), axis=1) < 0).all()
    by_seed = Paired(0.0, 1.0, 1e-4, 0.0, 6, 128)
    two = smallest_found(by_seed, 2, 2048, 0.05 / 21)
    assert 100 * 3**0.5 < two < 500 * 3**0.5, "one degree of freedom: t of 267, and an error of sqrt(3)"


def test_without_pairs_the_shared_difficulty_of_the_frames_stays():
    rng = np.random.default_rng(3)
    hard = rng.gamma(4.0, 0.05, 100)
    one, other = (hard + level + rng.normal(0, 0.01, (5, 100)) for level in (0.0, 0.02))
    apart, together = unpaired(one, other), paired(other - one)
    assert apart.mean == pytest.approx(together.mean) == pytest.approx((other - one).mean())
    by_hand = one.mean(axis=0).var(ddof=1) / 100 + other.mean(axis=0).var(ddof=1) / 100
    assert apart.frame_part == pytest.approx(by_hand, rel=0.02)
    assert interval_of(apart).low < 0 < interval_of(together).low
