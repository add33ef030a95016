"""The recipes of DACNN: what tells them apart, one teacher for all, and one of them from end to end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depthlib.papers.dacnn import rows as dacnn
from depthlib.runs.execute import ensure
from depthlib.runs.store import RunSpec, Store


def test_variants_differ_in_what_they_are_about():
    recipes = {variant: RunSpec("dacnn", variant, "streets", "quick").recipe for variant in dacnn.VARIANTS}
    weights = {v: r.task.options.get("weights") for v, r in recipes.items()}
    assert weights["full"] == weights["no-blocks"] == {"pixel": 1, "smooth": 0.01, "proxy": 0.01, "guidance": 1000}
    assert weights["no-distill"] == weights["plain"] == {"pixel": 1, "smooth": 0.01}
    for variant, recipe in recipes.items():
        assert recipe.model_options.get("depth_aware", True) == (variant not in ("no-blocks", "plain")), variant
        taught = variant not in ("plain", "no-distill", "long", "teacher")
        assert (set(recipe.networks) == {"teacher"}) == taught, variant
        assert recipe.plan.flip == 0
    for first, second in (("full", "no-blocks"), ("no-distill", "plain")):
        same = {"model_options": recipes[first].model_options, "ship_weights": recipes[first].ship_weights}
        assert recipes[first] == replace(recipes[second], **same)
    assert recipes["long"] == replace(recipes["no-distill"], plan=recipes["teacher"].plan, ship_weights=False)
    assert recipes["no-guidance"].task.options["weights"].keys() == {"pixel", "smooth", "proxy"}
    assert recipes["unscaled"].model_options["guidance_scale"] == 1
    assert recipes["spatial"].task.options["axis"] == "spatial"


def test_one_teacher_for_all():
    specs = dacnn.runs("quick", seeds=[0, 1])
    needs = [spec.recipe.networks["teacher"] for spec in specs if spec.recipe.networks]
    assert len(needs) == 4 and len({need.key for need in needs}) == 1
    assert needs[0].name in {spec.name for spec in specs if spec.variant == "teacher"}
    teacher = needs[0].recipe
    student = RunSpec("dacnn", "full", "streets", "quick").recipe
    assert teacher.train == student.train and teacher.plan.steps == 2 * student.plan.steps
    assert {k: v for k, v in teacher.model_options.items() if k != "max_displacement"} == student.model_options
    assert RunSpec("dacnn", "full", "streets", "quick", overrides={"steps": 9}).recipe.networks[
        "teacher"
    ].overrides == {"steps": 9}


def test_the_papers_settings_at_full_size():
    recipe = RunSpec("dacnn", "full", "streets", "full").recipe
    plan = recipe.plan
    assert (plan.betas, plan.lr, plan.schedule, plan.power, plan.batch_size) == ((0.9, 0.999), 1e-4, "poly", 0.9, 6)
    assert recipe.model_options == {"max_depth": 80.0}  # all else as the paper has it
    assert {spec.variant for spec in dacnn.runs("full", seeds=[0])} == {*dacnn.VARIANTS, *dacnn.FLOOR_ROWS}
    for bad, message in (
        (("f", "streets", "quick"), "unknown variant 'f'"),
        (("full", "rooms", "quick"), "unknown data 'rooms'"),
    ):
        with pytest.raises(ValueError, match=message):
            _ = RunSpec("dacnn", *bad).recipe
    with pytest.raises(NotImplementedError, match="KITTI"):
        _ = RunSpec("dacnn", "full", "streets", "paper").recipe


@pytest.mark.slow
def test_dacnn_runs_end_to_end(tmp_path):
    few = {"train_scenes": 3, "test_scenes": 2, "steps": 2}
    spec = RunSpec("dacnn", "full", "streets", "smoke", overrides=few)
    record = ensure(spec, Store(tmp_path, train=True), device="cpu")
    assert set(record.result["tests"]) == {"streets", "streets-online", "borders", "whole"}
    assert set(record.result["curve"]) == {"loss", "pixel", "smooth", "proxy", "guidance", "lr"}
    assert record.result["recipe"]["needs"]["teacher"].startswith("dacnn-teacher-streets-s0-")
    assert sum(path.name.startswith("dacnn-teacher") for path in tmp_path.iterdir()) == 1
    assert record.predictions("whole").shape == (2, 1, 48, 96)
