"""The recipes of ANUW: what tells them apart, the paper's own files, and one of them from end to end."""

from dataclasses import replace

import pytest

from depthlib.data.fetch import default_root
from depthlib.papers.anuw import rows as anuw
from depthlib.runs.execute import ensure
from depthlib.runs.store import RunSpec, Store
from depthlib.scenes.sets import scenes
from depthlib.scenes.writers.rgbd import write_mai


def test_variants_differ_in_what_they_are_about():
    recipes = {variant: RunSpec("anuw", variant, "streets", "full").recipe for variant in anuw.VARIANTS}
    attention = {v: (r.model, r.model_options.get("awca"), r.model_options.get("psnl")) for v, r in recipes.items()}
    assert attention["a"] == ("unetpp", None, None)
    assert (
        attention["b"] == ("anu", True, False)
        and attention["c"] == ("anu", False, True)
        and attention["d"] == ("anu", True, True)
    )
    for first, second in (("d", "e"), ("d", "d-masked"), ("e", "e-literal"), ("e", "e-l1"), ("e", "e-no-ssim")):
        assert recipes[first] == replace(
            recipes[second], task=recipes[first].task, ship_weights=recipes[first].ship_weights
        )
        assert recipes[first].task != recipes[second].task
    for first, second in (("a", "b"), ("a", "c"), ("a", "d"), ("a", "unet")):
        assert recipes[first].task == recipes[second].task and recipes[first].plan == recipes[second].plan
    assert all(recipe.plan.flip == 0 for recipe in recipes.values())


def test_the_papers_settings_at_full_size():
    recipe = RunSpec("anuw", "d", "streets", "full").recipe
    plan = recipe.plan
    assert (plan.betas, plan.eps, plan.lr, plan.schedule, plan.power) == ((0.9, 0.99), 1e-8, 1e-4, "poly", 1.5)
    assert recipe.model_options == {"width": 32, "max_depth": 80.0, "awca": True, "psnl": True, "psnl_stride": 1}
    assert RunSpec("anuw", "d", "rooms", "full").recipe.model_options["max_depth"] == 10


@pytest.mark.slow
def test_the_papers_own_training_runs_on_the_papers_own_files(tmp_path, monkeypatch):
    """Profile "paper" reads the Mobile AI set in place: here three steps on small files of its format."""
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    recipe = RunSpec("anuw", "e", "mai", "paper").recipe
    assert (recipe.plan.steps, recipe.plan.batch_size, recipe.plan.lr, recipe.model_options["width"]) == (
        720_800,
        1,
        1e-4,
        32,
    )
    assert recipe.plan.steps == 7208 * 100
    write_mai(default_root("mai"), scenes("rooms", "train", 4, height=32, width=48))
    spec = RunSpec("anuw", "e", "mai", "paper", overrides={"steps": 3, "width": 4})
    record = ensure(spec, Store(tmp_path / "runs", reference=[], train=True), device="cpu")
    assert len(record.result["curve"]["loss"]) == 3 and set(record.result["tests"]) == {"mai", "mai-median"}
    assert len(record.per_image("mai", "si_rmse")) == 1  # of four pairs every 41st is held out: the first
    rows = [spec for spec in anuw.runs("paper", seeds=[0]) if not spec.variant.startswith("floor-")]
    assert [spec.data for spec in rows] == ["mai"] * len(anuw.VARIANTS)
    with pytest.raises(ValueError, match="expected mai"):
        _ = RunSpec("anuw", "d", "streets", "paper").recipe


def test_runs_behind_the_notebook():
    quick = anuw.runs("quick")
    rows = {"unet", "a", "b", "c", "d", "e", "d-masked", "fcrn"}
    assert {spec.variant for spec in quick} == {*rows, *anuw.FLOOR_ROWS} and len(quick) == 10 + 4
    full = anuw.runs("full", seeds=[0])
    every = (*anuw.VARIANTS, *anuw.FLOOR_ROWS)
    assert {(spec.variant, spec.data) for spec in full} == {(v, d) for v in every for d in ("streets", "rooms")}
    with pytest.raises(ValueError, match="unknown variant 'f'"):
        _ = RunSpec("anuw", "f", "streets", "quick").recipe
    with pytest.raises(ValueError, match="unknown data 'mars'"):
        _ = RunSpec("anuw", "d", "mars", "quick").recipe


@pytest.mark.slow
def test_anuw_runs_end_to_end(tmp_path):
    spec = RunSpec("anuw", "e", "streets", "smoke", overrides={"train_scenes": 4, "test_scenes": 2})
    record = ensure(spec, Store(tmp_path, train=True), device="cpu")
    assert set(record.result["tests"]) == set(spec.recipe.tests) and len(record.result["curve"]["outside"]) == 4
    assert record.result["tests"]["gaps"]["data"].startswith("gaps of ")
    assert record.result["tests"]["streets"]["metrics"].keys() >= {"ssim", "si_rmse", "abs_rel"}
