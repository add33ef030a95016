"""All methods on the same frames: that they are the same, that they share the trunk, and what a network costs."""

import pytest
import torch
from torch import nn

from depthlib.base import cost
from depthlib.models import create_model, models
from depthlib.papers.comparison import rows as comparison
from depthlib.runs.profiles import PROFILES, get_profile
from depthlib.runs.store import RunSpec

PROFILE_NAMES = ("smoke", "quick", "standard", "full")
FROM_IMAGENET = ("lite", "fcrn", "dacnn", "synergy", "lr-net")


def recipes(profile):
    return {variant: RunSpec("comparison", variant, "streets", profile).recipe for variant in comparison.VARIANTS}


def test_every_profile_but_the_papers_own_has_a_scale():
    assert set(comparison.SCALES) == set(PROFILE_NAMES) == set(PROFILES) - {"paper"}


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_every_method_sees_the_same_frames_as_often(profile):
    found = recipes(profile)
    frames = {v: {k: o for k, o in r.train.options.items() if k != "views"} for v, r in found.items()}
    assert all(one == frames["unet"] for one in frames.values())
    assert [v for v, r in found.items() if "views" in r.train.options] == ["lr-net"], "only video looks at neighbours"
    labelled = [v for v in comparison.METHODS if v != "lr-net"]
    shared = {
        tuple(
            getattr(found[v].plan, name)
            for name in (
                "steps",
                "batch_size",
                "optimizer",
                "schedule",
                "warmup",
                "clip",
                "median_start",
                "flip",
                "colour",
            )
        )
        for v in labelled
    }
    assert len(shared) == 1 and found["unet"].plan.median_start
    video, rest = found["lr-net"].plan, found["unet"].plan
    assert video.steps == 2 * rest.steps and video.steps * video.batch_size == rest.steps * rest.batch_size
    assert not found["lr-net"].plan.median_start, "it would look at labels"
    assert all(r.tests == found["unet"].tests for r in found.values())


def test_floors_are_rows_that_look_at_no_image():
    found = recipes("standard")
    for variant in comparison.FLOORS:
        assert found[variant].model == "floor" and found[variant].plan.steps == 0
        assert found[variant].model_options == {"kind": variant.removeprefix("floor-")}
    assert "mean" not in comparison.VARIANTS


def test_every_seed_of_a_profile_and_the_floors_once():
    specs = comparison.runs("standard")
    for variant in comparison.VARIANTS:
        seeds = [spec.seed for spec in specs if spec.variant == variant]
        assert seeds == ([0] if variant in comparison.FLOORS else list(get_profile("standard").seeds))
    assert {spec.seed for spec in comparison.runs("smoke", seeds=[3, 4])} == {3, 4}
    assert {spec.variant for spec in comparison.runs("quick")} == {
        "lite",
        "unet",
        "fcrn",
        "anuw",
        "dacnn",
        *comparison.FLOORS,
    }


@pytest.mark.slow
def test_one_trunk_with_one_set_of_weights():
    """Compared with the encoder by itself: every weight of each trunk is there, and trunks alone are slowed down."""
    from depthlib.models.efficientnet_lite import EfficientNetLite0

    weights = EfficientNetLite0(pretrained=True).trunk.state_dict()
    for variant, recipe in recipes("standard").items():
        assert (recipe.plan.trunk_rate < 1) == (variant in FROM_IMAGENET), variant
        if variant not in FROM_IMAGENET:
            continue
        trunk = create_model(recipe.model, **recipe.model_options).trunk
        trunk = trunk[0] if isinstance(trunk, nn.ModuleList) else trunk  # of video: a list
        found = getattr(trunk, "trunk", trunk).state_dict()
        assert found.keys() == weights.keys()
        assert all(torch.equal(found[name], weights[name]) for name in weights), variant


def test_rates_are_among_those_tried_as_often_for_each_method():
    tried = comparison.PILOT.rates
    assert set(tried) == set(comparison.RATES) == set(comparison.METHODS)
    assert {len(set(rates)) for rates in tried.values()} == {4}
    assert all(rate in tried[variant] for variant, rate in comparison.RATES.items())


@pytest.mark.slow
def test_the_rate_of_the_plan_is_that_of_every_part_but_the_trunk():
    """Look Deeper's stages bring rates of their own, which would make the table of rates untrue."""
    from depthlib.runs.train import build_model, build_task
    from depthlib.training.optimizers import with_trunk_rate

    for variant in comparison.METHODS:
        recipe = RunSpec("comparison", variant, "streets", "smoke").recipe
        model, plan = build_model(recipe, 0), recipe.plan
        groups = build_task(recipe, {}).parameter_groups(model)
        if plan.trunk_rate != 1:
            groups = with_trunk_rate(groups, model, lr=plan.lr, factor=plan.trunk_rate)
        rates = {group.get("lr", plan.lr) for group in groups}
        assert rates == ({plan.lr, plan.trunk_rate * plan.lr} if plan.trunk_rate != 1 else {plan.lr}), variant
        assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_full_networks_are_those_of_the_papers():
    """The parameters that the papers' own lessons state, and the bias of a head that starts at the median."""
    counts = {"anuw": 9_219_713, "fcrn": 63_563_008 + 1, "dacnn": 42_916_449}
    for variant, count in counts.items():
        recipe = RunSpec("comparison", variant, "streets", "full").recipe
        assert recipe.plan.trunk_rate == 1
        with torch.device("meta"):
            assert cost.parameters(create_model(recipe.model, **recipe.model_options)) == count
    assert {recipe.model for recipe in recipes("quick").values()} <= set(models())


def test_names_that_there_are_not():
    with pytest.raises(ValueError, match="unknown variant 'x'"):
        _ = RunSpec("comparison", "x", "streets").recipe
    with pytest.raises(ValueError, match="unknown data 'rooms'"):
        _ = RunSpec("comparison", "unet", "rooms").recipe
    with pytest.raises(NotImplementedError, match="no two of the papers share a data set"):
        _ = RunSpec("comparison", "unet", "streets", "paper").recipe


def test_macs_of_a_convolution_by_hand():
    """9 * in * out multiply-adds a pixel for 3x3, in * out for a matrix product, a fourth of it with stride 2."""
    image = torch.rand(1, 3, 8, 12)
    assert cost.macs(nn.Conv2d(3, 5, 3, padding=1), image) == 9 * 3 * 5 * 8 * 12
    assert cost.macs(nn.Conv2d(3, 5, 3, padding=1, stride=2), image) == 9 * 3 * 5 * 4 * 6
    assert cost.macs(nn.Sequential(nn.Flatten(), nn.Linear(288, 7)), image) == 288 * 7
    assert cost.parameters(nn.Conv2d(3, 5, 3)) == 9 * 3 * 5 + 5
    middle, spread = cost.latency(nn.Conv2d(3, 5, 3), image, repeats=5)
    assert middle > 0 and spread >= 0
