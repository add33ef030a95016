"""Each known mistake must get its own hint; the right answer none."""

import importlib

import pytest
import torch

from depthlib.base import catalogue
from depthlib.metrics.depth import abs_rel
from depthlib.papers.anuw.exercises import SOFT_TARGET
from depthlib.papers.start.exercises import ABS_REL
from depthlib.report.exercise import Exercise

MODULES = ["depthlib.course.real_data"] + [
    f"depthlib.papers.{p.parent.name}.exercises" for p in catalogue.files("exercises.py")
]
ALL = {
    f"{module.split('.')[2]}.{name}": value
    for module in MODULES
    for name, value in vars(importlib.import_module(module)).items()
    if isinstance(value, Exercise)
}


@pytest.mark.parametrize("name", ALL)
def test_right_answer_and_each_mistake(name):
    exercise = ALL[name]
    assert exercise.check(exercise.right) == "Right."
    for hint, wrong in exercise.mistakes.items():
        assert exercise.check(wrong) == f"Not yet: {hint}"


def test_the_right_answer_is_the_metric_of_the_package():
    assert ABS_REL.check(lambda p, t, v: abs_rel(p, t, v)) == "Right."


def test_everything_else_is_told_plainly():
    check = ABS_REL.check
    assert check(lambda p, t, v: None) == check(lambda p, t, v: ...) == "Not done yet."
    assert check(lambda p, t, v: p.undefined).startswith("Your function stops with AttributeError")
    assert check(lambda p, t, v: 3.0) == "Expected a tensor of shape [2], got float."
    assert check(lambda p, t, v: torch.zeros(2)).startswith("Not yet: expected")


def worked_in_place(pred, target, valid):
    """The right mean over the images' valid pixels, but the ratio is taken inside the learner's own argument."""
    pred.sub_(target).abs_().div_(target)
    return torch.where(valid, pred, 0.0).sum(dim=(1, 2, 3)) / valid.sum(dim=(1, 2, 3))


def test_an_answer_may_not_change_its_input():
    """The last two would be right if `right` were computed afterwards, from what they left behind."""
    refused = "You changed your input: work on a copy."
    assert ABS_REL.check(worked_in_place) == refused
    assert ABS_REL.check(lambda p, t, v: worked_in_place(p.clone(), t, v)) == "Right."
    assert SOFT_TARGET.check(lambda d, v, s: d.copy_(torch.where(v, d, s))) == refused
    assert SOFT_TARGET.check(lambda d, v, s: d.clone().copy_(torch.where(v, d, s))) == "Right."
    assert ABS_REL.check(lambda p, t, v: p.copy_(t).sum(dim=(1, 2, 3)) * 0) == refused
    assert SOFT_TARGET.check(lambda d, v, s: v.fill_(True) * d) == refused


@pytest.mark.parametrize(
    "change",
    [lambda x: x.add_(1), lambda x: x.view(-1)[:1].neg_(), lambda x: x.squeeze_(1), lambda x: x.fill_(torch.nan)],
)
def test_every_change_of_the_input_is_seen(change):
    """A value, a single value, the shape, and all of them lost; told even where nothing is returned."""
    assert ABS_REL.check(lambda p, t, v: (change(p), None)[1]) == "You changed your input: work on a copy."


def test_not_a_number_in_an_input_is_no_change():
    exercise = Exercise(
        right=lambda x: x.isnan(), cases=lambda generator: (torch.tensor([1.0, torch.nan]),), mistakes={}
    )
    assert exercise.check(lambda x: x != x) == "Right."
