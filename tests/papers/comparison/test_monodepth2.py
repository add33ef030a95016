"""Monodepth2 as a row of another lesson: the frames and tests of ANUW, the network and loss of the dual networks."""

from dataclasses import replace

import pytest

from depthlib.papers.anuw import rows as anuw
from depthlib.runs.execute import ensure
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import Store

SPEC = RunSpec("comparison", "monodepth2", "streets", "standard", 3)


def test_it_sees_the_same_streets_as_often_and_is_tested_like_the_others() -> None:
    row, other = SPEC.recipe, replace(SPEC, paper="anuw", variant="e").recipe
    seen = {name: value for name, value in row.train.options.items() if name != "views"}
    assert row.train.target == other.train.target and seen == dict(other.train.options)
    assert row.train.options["views"] == ("current", "previous", "next") and row.tests == other.tests
    assert row.plan.steps * row.plan.batch_size == other.plan.steps * other.plan.batch_size
    assert not row.plan.median_start, "it would look at labels"


def test_network_and_loss_are_those_of_the_dual_networks_on_the_whole_frame() -> None:
    row, there = SPEC.recipe, replace(SPEC, paper="dual").recipe
    assert row.task == there.task and row.model == there.model
    assert row.model_options == there.model_options | {"ratio": 1}


def test_lesson_01_asks_for_it_where_all_rows_are_asked_for() -> None:
    of = {profile: {spec.paper for spec in anuw.runs(profile)} for profile in ("quick", "standard", "full", "paper")}
    assert of == {
        "quick": {"anuw"},
        "standard": {"anuw", "comparison"},
        "full": {"anuw", "comparison"},
        "paper": {"anuw"},
    }


@pytest.mark.slow
def test_it_trains_and_is_scored_in_metres(tmp_path) -> None:
    few = {"steps": 1, "train_scenes": 4, "test_scenes": 2}
    record = ensure(replace(SPEC, seed=0, overrides=few), Store(tmp_path, train=True), device="cpu")
    assert set(record.result["tests"]) == set(SPEC.recipe.tests)
    assert record.result["tests"]["streets"]["protocol"] == "anuw-streets"
