"""The rows of the first lesson: what they share and what they show."""

import pytest

from depthlib.papers.start import rows as start
from depthlib.runs.spec import RunSpec


def test_rows_share_data_and_tests_and_differ_in_what_they_show():
    made = [(spec.variant, spec.recipe) for spec in start.runs("quick")]
    assert [variant for variant, _ in made] == ["lite", "lite", "unet", *start.FLOORS]
    full, short = made[0][1], made[1][1]
    assert short.plan.steps == full.plan.steps // 3 and short.plan.warmup == short.plan.steps // 6
    assert full.ship_weights and not short.ship_weights
    for variant, recipe in made:
        assert variant == "floor-ground" or (recipe.train, recipe.tests) == (full.train, full.tests)
        assert variant not in start.FLOORS or recipe.plan.steps == 0


def test_seeds_repeat_the_network_alone():
    variants = [spec.variant for spec in start.runs("quick", seeds=[3, 4])]
    assert variants.count("lite") == 3 and variants.count("unet") == 1
    assert {spec.seed for spec in start.runs("quick", seeds=[3, 4])} == {3, 4}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (("mean", "rooms"), ValueError),
        (("lite", "caves"), ValueError),
        (("lite", "rooms", "paper"), NotImplementedError),
    ],
)
def test_other_rows_are_refused(fields, error):
    with pytest.raises(error):
        _ = RunSpec("start", *fields).recipe
