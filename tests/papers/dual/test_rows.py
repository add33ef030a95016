"""The recipes of the dual networks: what tells them apart, and one of them from end to end."""

from dataclasses import replace

import pytest
import torch
from dual_parts import found_by

from depthlib.models import create_model
from depthlib.papers.dual import rows as dual
from depthlib.papers.dual.regions import Sharpness
from depthlib.runs.execute import ensure, ensure_trained
from depthlib.runs.store import RunSpec, Store
from depthlib.training.schedules import rate_factor


def rate(plan, step: int) -> float:
    return plan.lr * rate_factor(
        plan.schedule, step, plan.steps, power=plan.power, milestones=plan.milestones, drop=plan.drop
    )


def test_variants_differ_in_what_they_are_about():
    recipes = {variant: RunSpec("dual", variant, "streets", "quick").recipe for variant in dual.VARIANTS}
    for first, second in (("lr", "lr-shrink-first"), ("lr", "lr-mean")):
        assert replace(recipes[first], task=recipes[second].task, ship_weights=False, pictures={}) == recipes[second]
        assert recipes[first].task != recipes[second].task
    links = {v: recipes[v].model_options["depth_options"].pop("link") for v in dual.STAGE_TWO}
    assert links == {"dual": "sa", "dual-no-sa": "features", "hr-alone": "none"}
    for variant in dual.STAGE_TWO:
        assert (
            recipes[variant].model_options == recipes["dual"].model_options
            and recipes[variant].task == recipes["dual"].task
        )
        assert recipes[variant].start == RunSpec("dual", "lr", "streets", "quick", 0)
    # The control takes as many steps as stage two, from the same start, at the rate at which stage one ended.
    longer, stage_one = recipes["lr-longer"], recipes["lr"].plan
    assert (
        longer.start == recipes["dual"].start
        and longer.plan.steps == recipes["dual"].plan.steps
        and longer.task == recipes["lr"].task
    )
    assert (
        rate(longer.plan, 0)
        == rate(longer.plan, longer.plan.steps - 1)
        == rate(stage_one, stage_one.steps - 1)
        < stage_one.lr
    )
    assert recipes["lr-flat"].train.options == recipes["lr"].train.options | {"texture_contrast": 0.2}
    assert (
        replace(
            recipes["lr-flat"],
            train=recipes["lr"].train,
            ship_weights=recipes["lr"].ship_weights,
            pictures=recipes["lr"].pictures,
        )
        == recipes["lr"]
    )
    assert recipes["lr-own"].task.options["motion"] == "learned" and recipes["lr"].task.options["motion"] == "known"
    assert all(recipe.plan.lr == stage_one.lr for variant, recipe in recipes.items() if variant != "lr-longer")
    assert not any("features" in recipes[v].task.options["weights"] for v in dual.STAGE_TWO)


@pytest.mark.slow
def test_the_papers_settings_at_full_size():
    recipe = RunSpec("dual", "dual", "streets", "full").recipe
    assert (recipe.plan.lr, recipe.plan.betas, recipe.plan.batch_size) == (2e-4, (0.9, 0.999), 4)
    assert (recipe.plan.milestones, recipe.plan.drop, recipe.plan.clip) == ((0.25, 0.5), 0.5, None)
    assert recipe.model_options["depth_options"] == {"encoder": "resnet50", "width": 1.0, "ratio": 3, "link": "sa"}
    assert recipe.task.options["motion"] == "learned" and recipe.train.options["height"] == 384
    with torch.device("meta"):
        model = create_model(recipe.model, **recipe.model_options)
    assert sum(p.numel() for p in model.pose_net.parameters()) == 1_590_668
    assert sum(p.numel() for p in model.depth_net.parameters()) == 34_154_856
    with pytest.raises(NotImplementedError, match="KITTI raw"):
        _ = RunSpec("dual", "dual", "streets", "paper").recipe
    for variant, data, words in (
        ("triple", "streets", "unknown variant"),
        ("lr", "mars", "unknown data 'mars'"),
        ("dual", "kitti-drive-1", "expected lr-own"),
    ):
        with pytest.raises(ValueError, match=words):
            _ = RunSpec("dual", variant, data, "quick").recipe


def test_runs_behind_the_notebook():
    quick = dual.runs("quick")
    assert {spec.variant for spec in quick} == {*dual.VARIANTS, *dual.FLOOR_ROWS} - {"mobilenet"}
    assert len(quick) == len({spec.name for spec in quick})
    assert {spec.seed for spec in dual.runs("full", variants=("lr", "mobilenet"))} == set(range(6))


@pytest.mark.parametrize("profile", ["smoke", "quick", "full"])
def test_the_real_drive_goes_on_from_each_seed(profile):
    starts = dual.drive_runs(profile)
    assert len(starts) == len(dual.runs(profile, variants=("lr-own",)))
    assert len({spec.seed for drive in starts for spec in drive}) == 4 * len(starts)  # each part draws its own crops
    for seed, drive in enumerate(starts):
        recipes = [spec.recipe for spec in drive]
        assert recipes[0].plan.steps == 0 and recipes[1].plan.steps > 0
        assert [r.start for r in recipes] == [RunSpec("dual", "lr-own", "streets", profile, seed), *drive[:-1]]
        rate = recipes[1].plan.lr
        assert [r.plan.lr for r in recipes[1:]] == pytest.approx([rate, rate / 2, rate / 4])
    with pytest.raises(ValueError, match="seed: found 1 on kitti-drive-2"):
        _ = RunSpec("dual", "lr-own", "kitti-drive-2", profile, 1).recipe


@pytest.mark.slow
def test_dual_networks_run_end_to_end(tmp_path):
    """Stage two trains stage one first; the record holds every test."""
    small = {"train_scenes": 2, "test_scenes": 2}
    spec = RunSpec("dual", "dual", "streets", "smoke", overrides=small)
    store = Store(tmp_path, train=True)
    record = ensure(spec, store, device="cpu")
    stage_one = ensure_trained(spec.recipe.start, Store(tmp_path, reference=[], train=False))
    assert set(record.result["tests"]) == set(spec.recipe.tests)
    assert record.result["recipe"]["needs"]["start"] == stage_one.folder.name
    assert {"photometric", "smoothness", "pose"} <= set(record.result["curve"])
    again = found_by(Sharpness(), record.load_model(), spec.recipe.tests["streets"][0].make())
    assert again.images == record.result["tests"]["sharpness"]["images"] and len(again.images + again.skipped) == 2
    assert again.metrics["tenengrad_0"] == pytest.approx(record.per_image("sharpness", "tenengrad_0"), rel=1e-3)
