"""Keys of runs and of scores: what they cover."""

from dataclasses import replace

from smoke_run import SPEC, scenes_of

from depthlib.base.fingerprint import SILENT, closure
from depthlib.runs.keys import score_key, score_modules, training_modules
from depthlib.runs.store import RunSpec


def test_key_covers_spec_recipe_and_code(monkeypatch):
    assert SPEC.key == RunSpec("start", "unet", "rooms", "smoke").key
    others = [
        RunSpec("start", "lite", "rooms", "smoke"),
        RunSpec("start", "unet", "streets", "smoke"),
        RunSpec("start", "unet", "rooms", "quick"),
        RunSpec("start", "unet", "rooms", "smoke", seed=1),
        RunSpec("start", "unet", "rooms", "smoke", overrides={"steps": 5}),
    ]
    assert len({SPEC.key, *(spec.key for spec in others)}) == 6
    monkeypatch.setattr("depthlib.runs.keys.code_fingerprint", lambda modules, without: "changed")
    assert RunSpec("start", "unet", "rooms", "smoke").key != SPEC.key


def test_key_covers_only_the_code_that_the_run_uses():
    used = closure(training_modules(SPEC.recipe), without=SILENT)
    needed = ("models.unet", "losses.regression", "scenes.renderer", "training.fit")
    assert {f"depthlib.{name}" for name in needed} <= set(used)
    foreign = tuple(f"depthlib.{name}" for name in ("papers", "report", "course", "protocols", "metrics", "base.paths"))
    assert not [module for module in used if module.startswith(foreign)]
    scored = closure(score_modules(SPEC.recipe, "metric"), without=SILENT)
    assert {"depthlib.metrics.depth", "depthlib.protocols.scaling", "depthlib.scenes.renderer"} <= set(scored)
    assert not [module for module in scored if module.startswith(("depthlib.training", "depthlib.losses"))]


def test_a_score_has_a_key_of_its_own():
    """It covers the measure, the data and the pictures that are kept; what is not scored any more is in no key."""
    changed = [
        {"tests": SPEC.recipe.tests | {"metric": (SPEC.recipe.tests["metric"][0], "scenes-median")}},
        {"tests": SPEC.recipe.tests | {"metric": (scenes_of(5), "scenes")}},
        {"pictures": {"metric": 1}},
    ]
    keys = {score_key(SPEC, "metric")}
    for fields in changed:
        spec = replace(SPEC)
        spec.__dict__["recipe"] = replace(SPEC.recipe, **fields)
        assert spec.key == SPEC.key, "a training hangs on its tests"
        keys.add(score_key(spec, "metric"))
    assert len(keys) == 4
    assert score_key(replace(SPEC, seed=1), "metric") != score_key(SPEC, "metric")
