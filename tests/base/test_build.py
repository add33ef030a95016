"""Recipes name classes and functions; the name is stored, checked when it is made, and leads back."""

import pytest

from depthlib.base.build import Build, dotted, resolve
from depthlib.losses.regression import berhu_loss, l1_loss
from depthlib.training.floor import FitFloor
from depthlib.training.tasks import Supervised


def test_a_build_is_stored_by_name_and_makes_the_thing():
    build = Build.of(Supervised, loss=berhu_loss, options={"nested": [l1_loss, 3]})
    assert build == Build(
        "depthlib.training.tasks:Supervised",
        {
            "loss": "depthlib.losses.regression:berhu_loss",
            "options": {"nested": ["depthlib.losses.regression:l1_loss", 3]},
        },
    )
    assert build.make().function is berhu_loss and isinstance(Build.of(FitFloor).make(), FitFloor)


def test_builds_are_made_inside_builds():
    inner = Build.of(Supervised, loss=l1_loss)
    assert Build("depthlib.base.build:Build", {"target": "x", "options": inner}).make().options.function is l1_loss


def dict_of(**values):
    return values


@pytest.mark.parametrize(
    ("made", "options", "error", "message"),
    [
        (Supervised, {"lost": 1}, TypeError, "unexpected keyword argument 'lost'"),
        (Supervised, {"loss": lambda: 0}, ValueError, "expected a top-level class or function of depthlib"),
        (dict_of, {}, ValueError, "expected a top-level class or function of depthlib"),
        (Supervised.loss, {}, ValueError, "expected a top-level class or function"),
    ],
)
def test_what_cannot_be_made_is_refused_when_it_is_written(made, options, error, message):
    with pytest.raises(error, match=message):
        Build.of(made, **options)


@pytest.mark.parametrize("target", ["os:system", "depthlib.losses.regression", "depthlib_evil.x:y", ":l1_loss"])
def test_a_name_never_leads_out_of_the_package(target):
    with pytest.raises(ValueError, match=r"expected 'depthlib.<module>:<name>'"):
        resolve(target)


def test_resolve_is_the_inverse_of_dotted():
    assert all(resolve(dotted(thing)) is thing for thing in (l1_loss, Supervised, Build))


def test_targets_stay_inside_the_package():
    for target in ("os:system", "depthlib.base.paths", "depthlibx:y"):
        with pytest.raises(ValueError, match="expected 'depthlib"):
            resolve(target)
