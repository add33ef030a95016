"""The recipes of the dual networks: what tells them apart, and one of them from end to end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from dual_parts import found_by

from depthlib.base.build import resolve
from depthlib.models import create_model
from depthlib.papers.dual import rows as dual
from depthlib.papers.dual.known_unit import InKnownUnit
from depthlib.papers.dual.regions import Sharpness
from depthlib.runs.execute import ensure, ensure_trained
from depthlib.runs.pilot import on_val, trials
from depthlib.runs.recipe import Recipe
from depthlib.runs.store import RunSpec, Store
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan
from depthlib.training.schedules import rate_factor


def made(variant: str, profile: str = "standard") -> Recipe:
    return RunSpec("dual", variant, "streets", profile).recipe


def rates(plan: Plan) -> list[float]:
    shape = {"power": plan.power, "milestones": plan.milestones, "drop": plan.drop, "warmup": plan.warmup}
    return [plan.lr * rate_factor(plan.schedule, step, plan.steps, **shape) for step in range(0, plan.steps, 50)]


def test_variants_differ_in_what_they_are_about() -> None:
    recipes = {variant: made(variant) for variant in dual.VARIANTS}
    lr = recipes["lr"]
    for variant in ("lr-shrink-first", "lr-mean"):
        assert lr == replace(recipes[variant], task=lr.task, pictures=lr.pictures) and lr.task != recipes[variant].task
    assert lr == replace(recipes["lr-flat"], train=lr.train, pictures=lr.pictures)
    assert recipes["lr-flat"].train.options == lr.train.options | {"texture_contrast": 0.2}
    links = {v: recipes[v].model_options["depth_options"].pop("link") for v in dual.STAGE_TWO}
    assert links == {
        **{"dual": "sa", "dual-no-sa": "reduced", "dual-features": "features"},
        **{"hr-alone": "none", "dual-random": "sa"},
    }
    for variant in set(dual.STAGE_TWO) - {"dual-random"}:
        assert recipes[variant] == replace(recipes["dual"], pictures=recipes[variant].pictures)
        assert recipes[variant].start == RunSpec("dual", "lr", "streets", "standard", 0)
    assert recipes["dual-random"].start == RunSpec("dual", "lr-random", "streets", "standard", 0)
    assert not any("features" in recipes[v].task.options["weights"] for v in dual.STAGE_TWO)
    motions = Counter(recipe.task.options["motion"] for recipe in recipes.values())
    assert (
        motions == {"known": len(recipes) - 1, "learned": 1} and recipes["lr-own"].task.options["motion"] == "learned"
    )


def test_both_sides_of_a_claim_are_trained_for_as_long_at_equal_rates() -> None:
    """The control goes on from the same start as stage two, with its steps and its rates; rivals have all steps."""
    lr, two, longer = (made(variant) for variant in ("lr", "dual", "lr-longer"))
    assert longer.start == two.start and longer.plan == two.plan == lr.plan
    assert longer.task == replace(lr.task, options=lr.task.options | {"fresh": False})
    for variant in (*dual.HIGH, "monodepth2"):
        plan = made(variant).plan
        assert plan.steps == lr.plan.steps + two.plan.steps and max(rates(plan)) == max(rates(lr.plan))
        assert made(variant).task.options["motion"] == two.task.options["motion"]
    trunks = {made(v).model_options["depth_options"]["encoder"] for v in dual.VARIANTS}
    assert trunks == {"efficientnet_lite0"}
    weights = {v: made(v).model_options["depth_options"].get("pretrained", False) for v in dual.VARIANTS}
    assert {v for v, there in weights.items() if not there} == set(dual.WITHOUT_WEIGHTS)
    assert {v for v in dual.VARIANTS if made(v).plan.trunk_rate == 1} == set(dual.WITHOUT_WEIGHTS)
    assert len({len(tried) for tried in dual.PILOT.rates.values()}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["quick", "standard"])
def test_with_and_without_attention_have_equal_parameters(profile: str) -> None:
    """SA-Attention also embeds colour and place, five numbers a channel: less than one parameter in a thousand."""
    sizes = {}
    for variant in ("dual", "dual-no-sa", "dual-features"):
        with torch.device("meta"):
            options = made(variant, profile).model_options
            options = options | {"depth_options": options["depth_options"] | {"pretrained": False}}
            net = create_model("video", **options).depth_net
        sizes[variant] = sum(p.numel() for part in (net.link, net.high) for p in part.parameters())
    assert 0 < sizes["dual"] - sizes["dual-no-sa"] < 1e-3 * sizes["dual"] < sizes["dual-features"] - sizes["dual"]


def test_frames_are_large_enough_for_what_is_asked() -> None:
    recipe = made("dual")
    height, width = (recipe.train.options[side] for side in ("height", "width"))
    small = height // 2, width // 2
    assert (small[0] // 32, small[1] // 32) == (3, 6), "cells of SA-Attention"
    assert 0.13 * 0.62 * width / 20 > 1, "a lamp's pole at 20 m, in pixels"


def test_test_streets_are_those_that_no_trial_has_seen() -> None:
    recipe = made("dual", "smoke")
    streets = recipe.tests["streets"][0].make()
    assert [streets[i]["name"] for i in range(len(streets))] == [f"streets/test/{dual.USED + i:06d}" for i in range(2)]
    snippets = recipe.tests["motion-3"][0].make()
    assert snippets[0]["name"] == streets[0]["name"]
    size = {"height": 128, "width": 256}
    assert torch.equal(streets[0]["depth"], scenes("streets", "test", dual.USED + 1, **size)[dual.USED]["depth"])
    for frames, _ in made("dual").tests.values():
        assert frames.options["count"] in (128, 512) and frames.options.get("first", dual.USED) == dual.USED
    tried = on_val(recipe.tests["streets"][0], 2)
    assert tried.options["split"] == "val" and len(tried.make()) == 2
    assert {trial.steps for trial in trials("dual", "standard", [100])} == {200}


@pytest.mark.slow
def test_the_papers_settings_at_full_size() -> None:
    recipe = made("dual", "full")
    assert (recipe.plan.lr, recipe.plan.betas, recipe.plan.batch_size) == (2e-4, (0.9, 0.999), 4)
    assert (recipe.plan.milestones, recipe.plan.drop, recipe.plan.clip) == ((0.25, 0.5), 0.5, None)
    assert recipe.model_options["depth_options"] == {"encoder": "resnet50", "width": 1.0, "ratio": 3, "link": "sa"}
    assert recipe.task.options["motion"] == "learned" and recipe.train.options["height"] == 384
    with torch.device("meta"):
        model = create_model(recipe.model, **recipe.model_options)
    assert sum(p.numel() for p in model.pose_net.parameters()) == 1_590_668
    assert sum(p.numel() for p in model.depth_net.parameters()) == 34_154_856


def test_what_cannot_be_made_is_named() -> None:
    for variant, data, words in (
        ("triple", "streets", "unknown variant"),
        ("lr", "mars", "unknown data 'mars'"),
        ("dual", "kitti-drive-1", "expected lr-own"),
    ):
        with pytest.raises(ValueError, match=words):
            _ = RunSpec("dual", variant, data, "quick").recipe


def test_runs_behind_the_notebook() -> None:
    seeds: dict[str, list[int]] = {}
    for spec in dual.runs("standard"):
        seeds.setdefault(spec.variant, []).append(spec.seed)
    assert {v for v, of in seeds.items() if of == list(range(6))} == {"lr", "dual", "dual-no-sa", "lr-longer"}
    assert {v for v, of in seeds.items() if of == list(range(4))} == {"hr-alone", "resnet18", "monodepth2"}
    assert seeds["lr-own"] == [0, 1, 2] and all(seeds[floor] == [0] for floor in dual.FLOOR_ROWS)
    assert [spec.variant for spec in dual.runs("quick")] == ["lr", "dual", *dual.FLOOR_ROWS]
    assert {spec.variant for spec in dual.runs("full")} == {*dual.VARIANTS, *dual.FLOOR_ROWS} - {*dual.WITHOUT_WEIGHTS}
    assert [spec.seed for spec in dual.runs("standard", variants=("lr",), seeds=[7])] == [7]


@pytest.mark.parametrize("profile", ["smoke", "quick", "standard", "full"])
def test_the_real_drive_goes_on_from_each_seed(profile: str) -> None:
    starts = dual.drive_runs(profile)
    assert len(starts) == {"smoke": 1, "quick": 0, "standard": 3, "full": 3}[profile]
    assert len({spec.seed for drive in starts for spec in drive}) == 4 * len(starts)  # each part draws its own crops
    for seed, drive in enumerate(starts):
        recipes = [spec.recipe for spec in drive]
        assert recipes[0].plan.steps == 0 and recipes[1].plan.steps > 0
        assert [r.start for r in recipes] == [RunSpec("dual", "lr-own", "streets", profile, seed), *drive[:-1]]
        rate = recipes[1].plan.lr
        assert [r.plan.lr for r in recipes[1:]] == pytest.approx([rate, rate / 2, rate / 4])
        assert all(set(rates(r.plan)) <= {r.plan.lr} for r in recipes)
    with pytest.raises(ValueError, match="seed: found 1 on kitti-drive-2"):
        _ = RunSpec("dual", "lr-own", "kitti-drive-2", profile, 1).recipe


@pytest.mark.slow
def test_dual_networks_run_end_to_end(tmp_path) -> None:
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
    assert resolve(spec.recipe.task.target) is InKnownUnit
