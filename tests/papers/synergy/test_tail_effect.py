"""The experiment on the tail: invented gains whose difference is known."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from depthlib.papers.synergy.tail_effect import gains, step_effect, tail_effect


def pretend(data, errors):
    """A record with these errors of its images, [images]."""
    images = [f"rooms/test/{i:06d}" for i in range(len(errors))]
    result = {"tests": {data: {"images": images, "metrics": {"rmse": list(errors)}}}}
    return SimpleNamespace(result=result, per_image=lambda test, metric: result["tests"][test]["metrics"][metric])


def pairs_with(gain_short, gain_long, noise, seeds=3, common=False):
    generator, pairs = np.random.default_rng(0), {}
    scenes = generator.normal(size=24)
    for data, gain in (("short", gain_short), ("long", gain_long)):
        luck = noise * generator.normal(size=(2, seeds, 1))
        luck[1] = luck[0] if common else luck[1]
        plain = np.exp(scenes + luck[0])
        pairs[data] = tuple([pretend(data, row) for row in rows] for rows in (plain, np.exp(scenes + luck[1] - gain)))
    return pairs


def test_tail_effect_is_the_difference_of_the_gains():
    pairs = pairs_with(0.1, 0.3, noise=0.01, seeds=4)
    effect = tail_effect(pairs, "short", "long", "rmse")
    assert effect.difference.mean == pytest.approx(0.2, abs=0.03) and (effect.seeds, effect.images) == (4, 24)
    assert effect.difference.low > 0 > tail_effect(pairs, "long", "short", "rmse").difference.high


def test_tail_effect_knows_the_luck_of_training():
    """All images of a training share its luck: the interval is that of a t test over the seeds."""
    pairs = pairs_with(0.0, 0.05, noise=0.2, seeds=4)
    found, effect = gains(pairs, "rmse"), tail_effect(pairs, "short", "long", "rmse")
    expected = ttest_1samp((found["long"] - found["short"]).mean(axis=1), 0.0).confidence_interval(0.95)
    assert (effect.difference.low, effect.difference.high) == pytest.approx((expected.low, expected.high))


def test_a_single_training_has_no_interval():
    alone = tail_effect(pairs_with(0.1, 0.3, noise=0.0, seeds=1), "short", "long", "rmse")
    assert alone.difference.mean == pytest.approx(0.2) and np.isnan(alone.difference.low)
    rows = [[pretend("rooms", np.full(5, error))] for error in (3.0, 2.0, 1.5)]
    effect = step_effect(*rows, "rooms", "rmse")
    assert effect.difference.mean == pytest.approx(0.5) and np.isnan(effect.difference.high)


def test_the_larger_step_of_a_table():
    """Steps of 0.3 and 0.1, the same luck in all three rows of a seed: only what is left varies."""
    generator = np.random.default_rng(3)
    scenes, luck = generator.uniform(1, 2, size=24), generator.normal(size=(4, 1))
    rows = [
        [pretend("rooms", one) for one in scenes + luck - step + 0.01 * generator.normal(size=(4, 24))]
        for step in (0.0, 0.3, 0.4)
    ]
    effect = step_effect(*rows, "rooms", "rmse")
    assert effect.difference.mean == pytest.approx(0.2, abs=0.01) and effect.difference.low > 0.15
    reverse = step_effect(*rows[::-1], "rooms", "rmse")
    assert reverse.difference.mean == pytest.approx(effect.difference.mean), "both steps change sign and place"


def test_tail_effect_wants_the_same_scenes():
    pairs = pairs_with(0.1, 0.3, noise=0.0)
    pairs["long"][0][0].result["tests"]["long"]["images"][0] = "rooms/test/000099"
    with pytest.raises(ValueError, match="found different test scenes"):
        tail_effect(pairs, "short", "long", "rmse")
