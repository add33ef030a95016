"""The first lesson: a network that is trained in under a minute, and the floor that every later table stands on."""

from __future__ import annotations

from dataclasses import replace

from depthlib.base.build import Build
from depthlib.papers.common import MAX_DEPTH, profile_of, scenes
from depthlib.runs.profiles import get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.training.fit import Plan

VARIANTS = ("mean", "unet")


def recipe(spec: RunSpec) -> Recipe:
    """`mean`: one depth for every pixel of every image. `unet`: a narrow U-Net, supervised, scale-invariant log loss.

    Raises:
        ValueError: a variant or data set that there is not.
        NotImplementedError: profile "paper", since this lesson has no paper.
    """
    if spec.variant not in VARIANTS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.data not in MAX_DEPTH:
        raise ValueError(f"unknown data {spec.data!r}: expected one of {', '.join(MAX_DEPTH)}")
    if spec.profile == "paper":
        raise NotImplementedError("the first lesson has no paper: expected profile smoke, quick or full")
    profile = profile_of(spec)
    unet = Recipe(
        model="unet",
        model_options={"width": profile.width, "activation": "log", "min_depth": 0.3, "max_depth": MAX_DEPTH[spec.data]},
        task=Build("depthlib.training.tasks:Supervised", {"loss": "depthlib.losses.regression:scale_invariant_log_loss"}),
        train=scenes(spec.data, "train", profile.train_scenes),
        tests={
            "metric": (scenes(spec.data, "test", profile.test_scenes), "scenes"),
            "median": (scenes(spec.data, "test", profile.test_scenes), "scenes-median"),
        },
        pictures={"metric": 4},
        plan=Plan(steps=3 * profile.steps, batch_size=profile.batch_size, lr=3e-3, colour=0.2),
        ship_weights=spec.profile == "quick" and spec.seed == 0,
    )
    if spec.variant == "unet":
        return unet
    return replace(
        unet, model="constant", model_options={}, task=Build("depthlib.training.tasks:MeanOfLabels"),
        plan=replace(unet.plan, steps=0), ship_weights=False,
    )


def runs(profile: str, *, data: str = "rooms", seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook: the floor once, the network with every seed; in "quick" with one."""
    if seeds is None:
        seeds = [0] if profile == "quick" else list(get_profile(profile).seeds)
    return [RunSpec("start", "mean", data, profile)] + [RunSpec("start", "unet", data, profile, seed) for seed in seeds]
