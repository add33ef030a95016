"""All methods on the same frames: that they are the same, and what a network costs."""

import pytest
import torch
from torch import nn

from depthlib.base import cost
from depthlib.models import create_model, models
from depthlib.papers.comparison import rows as comparison
from depthlib.runs.store import RunSpec


def test_every_method_sees_the_same_frames_for_as_many_steps():
    for profile in ("quick", "full"):
        recipes = {v: RunSpec("comparison", v, "streets", profile).recipe for v in comparison.VARIANTS}
        frames = {v: {k: o for k, o in r.train.options.items() if k != "views"} for v, r in recipes.items()}
        assert all(found == frames["unet"] for found in frames.values())
        assert [v for v, r in recipes.items() if "views" in r.train.options] == ["lr-net"], "only video looks at neighbours"
        trained = {(r.plan.steps, r.plan.batch_size, r.plan.flip, r.plan.colour) for v, r in recipes.items() if v != "mean"}
        assert len(trained) == 1 and recipes["mean"].plan.steps == 0
        assert all(r.tests == recipes["unet"].tests for r in recipes.values())


def test_full_networks_are_those_of_the_papers():
    """The numbers of parameters that the papers' own lessons state; the teacher's guidance and the poses need no others."""
    counts = {"anuw": 9_219_713, "fcrn": 63_563_008, "dacnn": 42_916_449}
    for variant, count in counts.items():
        recipe = RunSpec("comparison", variant, "streets", "full").recipe
        with torch.device("meta"):
            assert cost.parameters(create_model(recipe.model, **recipe.model_options)) == count
    assert {RunSpec("comparison", v, "streets", "quick").recipe.model for v in comparison.VARIANTS} <= set(models())


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
