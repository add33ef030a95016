"""The recipes of DACNN: what tells them apart, one teacher for all, and some of them from end to end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depthlib.papers.dacnn import rows as dacnn
from depthlib.runs.execute import ensure
from depthlib.runs.recipe import Recipe
from depthlib.runs.store import RunSpec, Store


def made(variant: str, profile: str = "standard", **options) -> Recipe:
    return RunSpec("dacnn", variant, "streets", profile, **options).recipe


@pytest.mark.parametrize("profile", ["standard", "full"])
def test_variants_differ_in_what_they_are_about(profile: str) -> None:
    recipes = {variant: made(variant, profile) for variant in dacnn.VARIANTS}
    weights = {v: r.task.options.get("weights") for v, r in recipes.items()}
    assert weights["full"] == weights["no-blocks"] == {"pixel": 1, "smooth": 0.01, "proxy": 0.01, "guidance": 1000}
    assert weights["no-distill"] == weights["plain"] == weights["true-guidance"] == {"pixel": 1, "smooth": 0.01}
    for variant, recipe in recipes.items():
        assert recipe.model_options.get("depth_aware", True) == (variant not in ("no-blocks", "plain")), variant
        taught = variant not in ("plain", "no-distill", "teacher", *dacnn.CONTROLS)
        assert (set(recipe.networks) == {"teacher"}) == taught, variant
        assert recipe.plan.flip == 0 and (recipe.plan.colour, recipe.plan.colour_share) == (0.1, 0.5)
    for first, second in (("full", "no-blocks"), ("no-distill", "plain")):
        assert recipes[first] == replace(recipes[second], model_options=recipes[first].model_options)
    assert recipes["long"] == replace(recipes["no-distill"], plan=recipes["long"].plan)
    assert recipes["no-guidance"].task.options["weights"].keys() == {"pixel", "smooth", "proxy"}
    assert recipes["unscaled"].model_options["guidance_scale"] == 1
    assert recipes["spatial"].task.options["axis"] == "spatial"


def test_one_eye_has_the_steps_of_teacher_and_student_together() -> None:
    steps = {
        variant: made(variant).plan.steps for variant in ("teacher", "full", "no-distill", "true-guidance", "long")
    }
    assert steps["full"] == steps["no-distill"] == steps["true-guidance"]
    assert steps["long"] == steps["teacher"] + steps["full"]


def test_true_guidance_changes_the_guidance_and_nothing_else() -> None:
    true, plain = made("true-guidance"), made("no-distill")
    assert true.train.options["dataset"] == plain.train and true.plan == plain.plan
    assert true.model_options == {k: v for k, v in plain.model_options.items() if k != "learned_scale"}
    assert "streets-online" not in true.tests and true.tests["borders"][1] == plain.tests["borders"][1]


def test_one_teacher_for_all() -> None:
    specs = dacnn.runs("standard", seeds=[0, 1])
    needs = [spec.recipe.networks["teacher"] for spec in specs if spec.recipe.networks]
    assert len(needs) == 4 and len({need.key for need in needs}) == 1
    assert needs[0].name in {spec.name for spec in specs if spec.variant == "teacher"}
    teacher, student = needs[0].recipe, made("full")
    assert teacher.train == student.train and teacher.transform == student.transform
    assert teacher.model_options == student.model_options | dacnn.STANDARD.matching
    overridden = made("full", overrides={"steps": 9}).networks["teacher"]
    assert overridden.overrides == {"steps": 9}


def test_seeds_of_the_standard_rows() -> None:
    seeds: dict[str, list[int]] = {}
    for spec in dacnn.runs("standard"):
        seeds.setdefault(spec.variant, []).append(spec.seed)
    assert {variant for variant, of in seeds.items() if of == list(range(6))} == set(dacnn.ANNOUNCED)
    assert {variant for variant, of in seeds.items() if of == list(range(4))} == {"teacher", "plain", *dacnn.CONTROLS}
    assert next(iter(seeds)) == "teacher" and [spec.variant for spec in dacnn.runs("quick")][0] == "teacher"


def test_the_papers_settings_at_full_size() -> None:
    recipe = made("full", "full")
    plan = recipe.plan
    assert (plan.betas, plan.lr, plan.schedule, plan.power, plan.batch_size) == ((0.9, 0.999), 1e-4, "poly", 0.9, 6)
    assert recipe.model_options == {"max_depth": 80.0, "learned_scale": True}  # all else as the paper has it
    assert {spec.variant for spec in dacnn.runs("full", seeds=[0])} == {*dacnn.VARIANTS, *dacnn.FLOOR_ROWS}
    for bad, message in (
        (("f", "streets", "quick"), "unknown variant 'f'"),
        (("full", "rooms", "quick"), "unknown data 'rooms'"),
    ):
        with pytest.raises(ValueError, match=message):
            _ = RunSpec("dacnn", *bad).recipe


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["full", "true-guidance", "teacher"])
def test_dacnn_runs_end_to_end(tmp_path, variant: str) -> None:
    few = {"train_scenes": 3, "test_scenes": 2, "steps": 2}
    spec = RunSpec("dacnn", variant, "streets", "smoke", overrides=few)
    record = ensure(spec, Store(tmp_path, train=True), device="cpu")
    tests = {"full": {"streets-online"}, "true-guidance": set(), "teacher": {"streets-online", "swapped"}}[variant]
    assert set(record.result["tests"]) == {"streets", "borders", "whole", *tests}
    assert record.predictions("whole").shape == (2, 1, 48, 96)
    if variant == "full":
        assert set(record.result["curve"]) == {"loss", "pixel", "smooth", "proxy", "guidance", "lr"}
        assert record.result["recipe"]["needs"]["teacher"].startswith("dacnn-teacher-streets-s0-")
        assert sum(path.name.startswith("dacnn-teacher") for path in tmp_path.iterdir()) == 1
