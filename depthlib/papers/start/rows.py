"""The first lesson: a network that sees after a minute of training. Its rows as recipes.

| variant | network | what it shows |
|---|---|---|
| `lite` | `LiteDepth`: a small encoder with ImageNet weights, a plain decoder | learning in a minute |
| `unet` | a narrow U-Net from random weights, plain Adam | what the weights and the recipe are worth |
| `floor-constant`, `floor-map`, `floor-ground` | none, see `depthlib.runs.floors` | what never looks at the image |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.losses.regression import scale_invariant_log_loss
from depthlib.papers.start.loss import log_depth_loss
from depthlib.runs.floors import floor_recipe
from depthlib.runs.profiles import get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.scenes.ground import WithGround
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan
from depthlib.training.tasks import Supervised

FLOORS = ("floor-constant", "floor-map", "floor-ground")
VARIANTS = ("lite", "unet", *FLOORS)

SHORT = 1 / 3  # of the steps, see `short_run`


@dataclass(frozen=True)
class Scale:
    """What this lesson sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ; `steps` are those of both networks.
        val_scenes: frames of the validation during training. validate_every: steps between two.
    """

    profile: dict[str, Any]
    val_scenes: int
    validate_every: int


QUICK = Scale({"train_scenes": 512, "test_scenes": 128, "steps": 300}, val_scenes=64, validate_every=25)
SCALES = {
    "smoke": Scale({"steps": 6}, val_scenes=2, validate_every=2),
    "quick": QUICK,
    "standard": replace(QUICK, profile={}),
    "full": Scale({}, val_scenes=256, validate_every=500),
}


def recipe(spec: RunSpec) -> Recipe:
    """Metric depth from one image, from dense labels; tested as it is ("metric") and after median scaling ("median").

    Raises:
        ValueError: an unknown variant or data set.
        NotImplementedError: profile "paper", since this lesson has no paper.
    """
    if spec.variant not in VARIANTS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.data not in MAX_DEPTH:
        raise ValueError(f"unknown data {spec.data!r}: expected one of {', '.join(MAX_DEPTH)}")
    if spec.profile == "paper":
        raise NotImplementedError("the first lesson has no paper: expected another profile")
    scale = SCALES[spec.profile]
    profile, max_depth = spec.scaled(**scale.profile), MAX_DEPTH[spec.data]
    test = Build.of(scenes, family=spec.data, split="test", count=profile.test_scenes)
    ships = spec.profile in ("quick", "standard") and spec.seed == 0
    lite = Recipe(
        model="lite_depth",
        model_options={"pretrained": True},
        task=Build.of(Supervised, loss=log_depth_loss),
        train=Build.of(scenes, family=spec.data, split="train", count=profile.train_scenes),
        val=(Build.of(scenes, family=spec.data, split="val", count=scale.val_scenes), "scenes"),
        tests={"metric": (test, "scenes"), "median": (test, "scenes-median")},
        pictures={"metric": 4},
        plan=Plan(
            steps=profile.steps,
            batch_size=profile.batch_size,
            optimizer="adamw",
            lr=1e-3,
            trunk_rate=0.1,
            schedule="cosine",
            warmup=profile.steps // 6,
            clip=1.0,
            median_start=True,
            colour=0.2,
            validate_every=scale.validate_every,
        ),
        ship_weights=ships and not spec.overrides,
    )
    if spec.variant == "lite":
        return lite
    if spec.variant in FLOORS:
        grounded = replace(
            lite,
            train=Build.of(WithGround, dataset=lite.train),
            tests={name: (Build.of(WithGround, dataset=data), measure) for name, (data, measure) in lite.tests.items()},
        )
        floor = floor_recipe(grounded if spec.variant == "floor-ground" else lite, spec.variant)
        return replace(floor, ship_weights=ships)
    return replace(
        lite,
        model="unet",
        model_options={"width": profile.width, "activation": "log", "min_depth": 0.3, "max_depth": max_depth},
        task=Build.of(Supervised, loss=scale_invariant_log_loss),
        plan=Plan(
            steps=profile.steps, batch_size=profile.batch_size, lr=3e-3, colour=0.2, validate_every=scale.validate_every
        ),
    )


def runs(profile: str, *, data: str = "rooms", seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook: `lite` with every seed; `short_run`, `unet`, floors once."""
    seeds = list(get_profile(profile).seeds if seeds is None else seeds)
    once = [RunSpec("start", variant, data, profile, seeds[0]) for variant in ("unet", *FLOORS)]
    nets = [RunSpec("start", "lite", data, profile, seed) for seed in seeds]
    return [*nets, short_run(profile, data, seeds[0]), *once]


def short_run(profile: str, data: str, seed: int) -> RunSpec:
    """`lite` for a third of the steps, with a schedule of its own that ends there."""
    steps = RunSpec("start", "lite", data, profile, seed).recipe.plan.steps
    return RunSpec("start", "lite", data, profile, seed, {"steps": max(1, round(SHORT * steps))})
