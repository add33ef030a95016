"""The first lesson: a network that trains in under a minute, and the floor of every later table."""

from __future__ import annotations

from dataclasses import replace

from depthlib.base.build import Build
from depthlib.losses.regression import scale_invariant_log_loss
from depthlib.runs.profiles import get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan
from depthlib.training.tasks import MeanOfLabels, Supervised

VARIANTS = ("mean", "unet")


def recipe(spec: RunSpec) -> Recipe:
    """`mean`: one depth for every pixel of every image. `unet`: a narrow U-Net, supervised, scale-invariant log loss.

    Raises:
        ValueError: an unknown variant or data set.
        NotImplementedError: profile "paper", since this lesson has no paper.
    """
    if spec.variant not in VARIANTS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.data not in MAX_DEPTH:
        raise ValueError(f"unknown data {spec.data!r}: expected one of {', '.join(MAX_DEPTH)}")
    if spec.profile == "paper":
        raise NotImplementedError("the first lesson has no paper: expected profile smoke, quick or full")
    profile, max_depth = spec.scaled(), MAX_DEPTH[spec.data]
    test = Build.of(scenes, family=spec.data, split="test", count=profile.test_scenes)
    unet = Recipe(
        model="unet",
        model_options={"width": profile.width, "activation": "log", "min_depth": 0.3, "max_depth": max_depth},
        task=Build.of(Supervised, loss=scale_invariant_log_loss),
        train=Build.of(scenes, family=spec.data, split="train", count=profile.train_scenes),
        tests={"metric": (test, "scenes"), "median": (test, "scenes-median")},
        pictures={"metric": 4},
        plan=Plan(steps=3 * profile.steps, batch_size=profile.batch_size, lr=3e-3, colour=0.2),
        ship_weights=spec.profile == "quick" and spec.seed == 0,
    )
    if spec.variant == "unet":
        return unet
    return replace(
        unet, model="constant", model_options={}, task=Build.of(MeanOfLabels), plan=replace(unet.plan, steps=0),
        ship_weights=False,
    )


def runs(profile: str, *, data: str = "rooms", seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook: the baseline once, the network with every seed; in "quick" with one."""
    if seeds is None:
        seeds = [0] if profile == "quick" else list(get_profile(profile).seeds)
    return [RunSpec("start", "mean", data, profile)] + [RunSpec("start", "unet", data, profile, seed) for seed in seeds]
