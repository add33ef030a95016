"""The rows of the first lesson, its loss by hand, its figure, and its photographs."""

from math import log
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skimage.data import stereo_motorcycle

from depthlib.geometry.camera import backproject
from depthlib.papers.start import rows as start
from depthlib.papers.start.figures import learning_figure, validated_steps
from depthlib.papers.start.loss import EDGES, log_depth_loss
from depthlib.papers.start.photographs import centred, motorcycle, photographs
from depthlib.runs.spec import RunSpec


def test_loss_of_a_map_that_is_too_far_by_one_factor_has_no_edges():
    target = 1 + 4 * torch.rand(2, 1, 5, 6)
    valid = torch.rand(target.shape) > 0.2
    total, terms = log_depth_loss(3 * target, target, valid)
    assert terms["edges"] == pytest.approx(0, abs=1e-5) and total.item() == pytest.approx(log(3) ** 2 / 2, rel=1e-5)


def test_loss_of_an_edge_that_is_not_there_by_numpy():
    rng = np.random.default_rng(0)
    pred, target = 1 + 4 * rng.random((2, 1, 5, 6)), 1 + 4 * rng.random((2, 1, 5, 6))
    d = np.log(pred) - np.log(target)
    depth = np.mean([(one**2).mean() - one.mean() ** 2 / 2 for one in d])
    edges = (np.abs(np.diff(d, axis=2)).sum() + np.abs(np.diff(d, axis=3)).sum()) / d.size
    valid = torch.ones(pred.shape, dtype=torch.bool)
    total, terms = log_depth_loss(torch.from_numpy(pred), torch.from_numpy(target), valid)
    assert terms["depth"].item() == pytest.approx(depth) and terms["edges"].item() == pytest.approx(EDGES * edges)
    assert total.item() == pytest.approx(depth + EDGES * edges)


def test_loss_has_a_finite_gradient_beside_pixels_without_label():
    pred = torch.rand(1, 1, 4, 4, requires_grad=True)
    target = torch.rand(1, 1, 4, 4) + 1
    valid = torch.rand(1, 1, 4, 4) > 0.4
    log_depth_loss(pred, torch.where(valid, target, 0), valid)[0].backward()
    assert pred.grad.isfinite().all() and (pred.grad[~valid] == 0).all()


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


@pytest.mark.parametrize(("fields", "error"), [
    (("mean", "rooms"), ValueError), (("lite", "caves"), ValueError), (("lite", "rooms", "paper"), NotImplementedError),
])
def test_other_rows_are_refused(fields, error):
    with pytest.raises(error):
        _ = RunSpec("start", *fields).recipe


def run(values, seconds=30.0):
    curve = {"loss": [1.0] * len(values), "val_abs_rel": values}
    return SimpleNamespace(result={"curve": curve}, provenance={"seconds_training": seconds})


def test_curve_is_drawn_over_steps_and_over_the_seconds_of_the_run():
    steps, values = validated_steps(run([None, 0.4, None, 0.2]), "abs_rel")
    assert steps.tolist() == [2, 4] and values.tolist() == [0.4, 0.2]
    networks = {"a": [run([None, 0.4, None, 0.2]), run([None, 0.6, None, 0.2], seconds=10.0)]}
    left, right = learning_figure(networks, {"fixed map": 0.3}).axes
    for axis, expected in ((left, [2, 4]), (right, [10, 20])):             # five seconds a step in the mean
        line, floor = axis.lines
        assert line.get_xdata().tolist() == expected and line.get_ydata().tolist() == [0.5, 0.2]
        assert set(floor.get_ydata()) == {0.3}


def test_motorcycle_is_measured_as_scikit_image_says():
    frame = motorcycle()
    left, _, disparity = stereo_motorcycle()
    assert torch.equal((frame.image * 255).round().byte(), torch.from_numpy(left).permute(2, 0, 1))
    assert torch.equal(frame.valid[0], torch.from_numpy(np.isfinite(disparity)))
    assert 2 < frame.depth[frame.valid].min() < frame.depth[frame.valid].max() < 6
    # a point, moved to the right camera, whose principal point lies 31.086 px further right, has that disparity
    points = backproject(frame.depth[None], frame.K[None])[0]
    u = frame.K[0, 0] * (points[0] - 0.193001) / points[2] + frame.K[0, 2] + 31.086
    shift = torch.arange(u.shape[1]) - u
    assert (shift - torch.from_numpy(disparity))[frame.valid[0]].abs().max() < 1e-3


def test_photographs_are_cropped_to_the_middle():
    assert set(photographs(4 / 3)) == {"astronaut", "chelsea", "coffee", "rocket"}
    image = torch.arange(90.0).view(1, 9, 10).expand(3, 9, 10)
    assert torch.equal(centred(image, 2.0), image[:, 2:7]) and torch.equal(centred(image, 0.5), image[:, :, 3:7])
    assert all(one.shape[2] / one.shape[1] == pytest.approx(4 / 3, rel=0.01) for one in photographs(4 / 3).values())
