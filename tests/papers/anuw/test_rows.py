"""The recipes of ANUW: what tells them apart, and some of them from end to end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depthlib.papers.anuw import rows as anuw
from depthlib.runs.execute import ensure
from depthlib.runs.recipe import Recipe
from depthlib.runs.store import RunSpec, Store


def made(variant: str, data: str = "streets", profile: str = "standard", **options) -> Recipe:
    return RunSpec("anuw", variant, data, profile, **options).recipe


@pytest.mark.parametrize("profile", ["standard", "full"])
def test_rows_differ_in_what_they_are_about_and_in_nothing_else(profile: str) -> None:
    recipes = {variant: made(variant, profile=profile) for variant in anuw.VARIANTS}
    for first, second in (("d", "e"), ("d", "d-masked"), ("e", "e-literal"), *(("e", row) for row in anuw.LOSSES)):
        assert recipes[first].task != recipes[second].task
        assert recipes[first] == replace(recipes[second], task=recipes[first].task)
    true, masked = recipes["d-true"], recipes["d-masked"]
    assert true == replace(masked, train=true.train) and "defect_share" not in true.train.options
    for first, second in (("a", "b"), ("a", "c"), ("a", "d"), ("a", "unet")):
        assert recipes[first].task == recipes[second].task
        assert replace(recipes[first].plan, lr=0.0) == replace(recipes[second].plan, lr=0.0)  # rates: by trials
    assert all(recipe.plan.flip == 0 for recipe in recipes.values())


def test_attention_rows_share_all_but_the_modules_and_attend_between_all_pixels() -> None:
    recipes = {variant: made(variant, "tilted") for variant in anuw.ATTENTION}
    attention = {v: (r.model, r.model_options.get("awca"), r.model_options.get("psnl")) for v, r in recipes.items()}
    both = {"b": ("anu", True, False), "c": ("anu", False, True), "d": ("anu", True, True)}
    assert attention == {"a": ("unetpp", None, None), **both}
    for recipe in recipes.values():
        others = {"model": recipe.model, "model_options": recipe.model_options, "tests": recipe.tests}
        assert recipe == replace(recipes["a"], **others)
        assert recipe.train.options["pitch"] == [-8.0, 8.0] and recipe.task == made("d-masked").task
    assert [v for v, recipe in recipes.items() if "affinities" in recipe.tests] == ["c", "d"]
    assert {recipes[v].model_options["psnl_stride"] for v in "bcd"} == {1}
    model = recipes["d"].model_options
    assert model["width"] // model["psnl_reduction"] == 4, "M of Eq. 4"


def test_doses_differ_in_the_share_of_labels_that_are_missing() -> None:
    for variant in anuw.AT_EACH_DOSE:
        recipes = {data: made(variant, data) for data in anuw.DOSES}
        shares = {data: recipe.train.options.get("defect_share", 0.0) for data, recipe in recipes.items()}
        assert shares == {"streets-d0": 0.0, "streets": 0.2, "streets-d30": 0.3, "streets-d60": 0.6}
        for data, recipe in recipes.items():
            core = recipes["streets"]
            assert recipe == replace(core, train=recipe.train, tests=recipe.tests, pictures=recipe.pictures)
            assert {name: core.tests[name] for name in recipe.tests} == recipe.tests, data


def test_soft_labels_are_asked_where_they_stand() -> None:
    frames, protocol = made("e").tests["train-gaps"]
    inner = frames.options["dataset"].options
    assert (inner["split"], inner["defect_share"], protocol) == ("train", 0.2, "anuw-gaps-streets")
    train = made("e").train.options
    assert inner | {"count": 0} == train | {"count": 0} and inner["count"] < train["count"]


def test_the_papers_settings_at_full_size() -> None:
    recipe = made("d", profile="full")
    plan = recipe.plan
    assert (plan.betas, plan.eps, plan.lr, plan.schedule, plan.power) == ((0.9, 0.99), 1e-8, 1e-4, "poly", 1.5)
    assert recipe.model_options == {"width": 32, "max_depth": 80.0, "awca": True, "psnl": True, "psnl_stride": 1}
    assert made("fcrn", profile="full").model_options == {"width": 1.0}


def test_runs_behind_the_notebook() -> None:
    standard = anuw.runs("standard")
    seeds = {}
    for spec in standard:
        seeds.setdefault((spec.variant, spec.data), []).append(spec.seed)
    assert {row for row, of in seeds.items() if of == list(range(6))} == {
        *((variant, "streets") for variant in anuw.LABELS),
        *((variant, "tilted") for variant in anuw.TILTED_ROWS),
    }
    four = {row for row, of in seeds.items() if of == list(range(4))}
    assert four == {
        *((variant, "streets") for variant in ("unet", "a", "fcrn", *anuw.LOSSES, "monodepth2")),
        *((variant, data) for variant in "de" for data in anuw.DOSES if data != "streets"),
    }
    assert {row for row, of in seeds.items() if of == [0]} == {
        *((floor, data) for floor in anuw.FLOOR_ROWS for data in (*anuw.DOSES, "tilted")),
        ("floor-ground", "tilted"),
    }
    assert {spec.data for spec in anuw.runs("quick")} == {"streets", "tilted"}
    only = anuw.runs("standard", data="tilted", variants=("a",), seeds=[7])
    assert [(spec.variant, spec.data, spec.seed) for spec in only] == [("a", "tilted", 7)]
    with pytest.raises(ValueError, match="unknown variant 'f'"):
        made("f")
    with pytest.raises(ValueError, match="unknown data 'rooms'"):
        made("d", "rooms")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "data"), [("e", "streets"), ("d", "streets-d60"), ("c", "tilted"), ("floor-ground", "tilted")]
)
def test_anuw_runs_end_to_end(tmp_path, variant: str, data: str) -> None:
    spec = RunSpec("anuw", variant, data, "smoke", overrides={"train_scenes": 4, "test_scenes": 2})
    record = ensure(spec, Store(tmp_path, train=True), device="cpu")
    assert set(record.result["tests"]) == set(spec.recipe.tests)
    if data == "tilted":
        if variant == "c":
            assert {"si_rmse", "si_rmse_uniform", "si_rmse_off"} <= set(record.result["tests"]["affinities"]["metrics"])
        return
    assert record.result["tests"]["gaps"]["data"].startswith("gaps of ")
    assert record.result["tests"]["streets"]["metrics"].keys() >= {"ssim", "si_rmse", "abs_rel"}
    if variant == "e":
        curve = record.result["curve"]
        assert len(curve["outside"]) == 4 and len([one for one in curve["label_wrong"] if one is not None]) == 2


@pytest.mark.slow
def test_the_floor_of_tilted_cameras_knows_the_ground(tmp_path) -> None:
    few = {"train_scenes": 4, "test_scenes": 2}
    record = ensure(RunSpec("anuw", "floor-ground", "tilted", "smoke", overrides=few), Store(tmp_path, train=True))
    assert max(record.per_image("tilted", "abs_rel")) < 2
