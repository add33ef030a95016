"""Floors as rows: trained without a step on the labels of a row, scored by the measures of that row."""

import pytest

from depthlib.base.catalogue import part
from depthlib.models.floors import FixedMap
from depthlib.protocols.evaluate import evaluate
from depthlib.runs.execute import ensure
from depthlib.runs.floors import FLOORS, floor_recipe
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import Store

PAPERS = ("anuw", "dacnn", "mobile", "dual", "synergy")


@pytest.mark.parametrize("paper", PAPERS)
def test_every_lesson_has_its_floors_once_a_training_set(paper):
    specs = [spec for spec in part(paper, "rows").runs("quick") if spec.variant in FLOORS]
    assert specs and len({spec.name for spec in specs}) == len(specs) and {spec.seed for spec in specs} == {0}
    for spec in specs:
        recipe = spec.recipe
        assert recipe.model == "floor" and recipe.plan.steps == 0 and recipe.tests and not recipe.needs()
        assert not recipe.ship_weights and not recipe.pictures
    assert {spec.data for spec in specs} >= {"rooms" if paper in ("synergy", "mobile") else "streets"}


def test_a_floor_takes_the_tests_that_read_what_it_predicts():
    row = RunSpec("dual", "lr", "streets", "smoke").recipe
    assert set(floor_recipe(row, "floor-drive").tests) == {"motion-3", "motion-5"}
    assert set(floor_recipe(row, "floor-map").tests) == set(row.tests) - {"motion-3", "motion-5"}
    classes = RunSpec("synergy", "floor-classes", "rooms", "smoke").recipe
    assert (
        set(classes.tests) == {"classes"} and classes.train == RunSpec("synergy", "suc", "rooms", "smoke").recipe.train
    )
    depth = set(RunSpec("synergy", "floor-map", "rooms", "smoke").recipe.tests)
    assert {"rooms", "rooms-far", "ranges"} < depth and not {"classes", "attention"} & depth


def test_a_fixed_map_is_one_of_whole_frames():
    """Through windows it would be squeezed into each of them."""
    row, floor = (
        RunSpec("dacnn", variant, "streets", "smoke").recipe.tests["streets"] for variant in ("plain", "floor-map")
    )
    assert "window" in row[1].options and floor[1].options == {k: v for k, v in row[1].options.items() if k != "window"}


def test_pairs_have_a_floor_of_the_dense_depth_behind_them():
    floor, student = (RunSpec("mobile", variant, "diw", "smoke").recipe for variant in ("floor-rank", "diw"))
    assert floor.train == student.train.options["frames"] and set(floor.tests) == {"diw", "nyu", "mc-aligned"}


@pytest.mark.slow
def test_a_floor_is_made_and_scored_like_a_row(tmp_path):
    """By the store, with the numbers that the map has by itself."""
    spec = RunSpec("anuw", "floor-map", "streets", "smoke")
    record = ensure(spec, Store(tmp_path, train=True), device="cpu")
    train, (test, protocol) = spec.recipe.train.make(), spec.recipe.tests["streets"]
    expected, _ = evaluate(FixedMap.of(train), test.make(), protocol)
    assert record.result["tests"]["streets"]["metrics"] == {
        k: pytest.approx(v, rel=5e-6)
        for k, v in expected.metrics.items()  # six digits are stored
    }
    row = RunSpec("anuw", "unet", "streets", "smoke")
    assert row.recipe.tests["streets"] == spec.recipe.tests["streets"] and record.result["parameters"] == 0
