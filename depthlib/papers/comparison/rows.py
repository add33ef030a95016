"""All methods on the same frames and protocol, which no paper shows. Each has its own loss, all as many steps.

| variant | network | learns from | paper |
|---|---|---|---|
| `mean` | one depth for all pixels | the mean of the labels | the floor |
| `unet` | U-Net | labels | lesson 00 |
| `fcrn` | FCRN | labels, berHu | rival of ANUW and of Look Deeper |
| `anuw` | ANU | labels, the loss of ANUW | ANUW; its soft labels need wrong labels, and there are none here |
| `dacnn` | DACNN's student | labels and smoothness | DACNN without its teacher |
| `synergy` | depth branch with up-skips | labels, attention-driven loss | Look Deeper without its other stages |
| `lr-net` | LR-Net | the neighbouring frames and the camera motion; no labels | the first stage of the dual networks |

Parts of a method beside its network and loss that would need other data or more steps are left out, as the table says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from depthlib.base.build import Build
from depthlib.losses.regression import berhu_loss, scale_invariant_log_loss
from depthlib.papers.anuw.loss import anuw_loss
from depthlib.papers.dacnn.task import Distillation
from depthlib.papers.dual.rows import QUICK as VIDEO
from depthlib.papers.dual.task import FromVideo
from depthlib.papers.synergy.task import StagedTask
from depthlib.runs.profiles import get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan
from depthlib.training.tasks import MeanOfLabels, Supervised

FAR = MAX_DEPTH["streets"]


@dataclass(frozen=True)
class Method:
    """Network, task, learning rate and gradient norm limit of one method.

    Attributes:
        options: of a narrow network. wide: those that differ at profile "full".
    """

    model: str
    options: dict[str, Any]
    task: Build
    lr: float
    wide: dict[str, Any] = field(default_factory=dict)
    clip: float | None = None


METHODS = {
    "mean": Method("constant", {}, Build.of(MeanOfLabels), 1e-3),
    "unet": Method(
        "unet", {"width": 8, "activation": "log", "min_depth": 0.3, "max_depth": FAR},
        Build.of(Supervised, loss=scale_invariant_log_loss, options={}), 3e-3, {"width": 32},
    ),
    "fcrn": Method("fcrn", {"width": 0.25}, Build.of(Supervised, loss=berhu_loss, options={}), 6e-3, {"width": 1.0}),
    "anuw": Method(
        "anu", {"width": 8, "max_depth": FAR, "awca": True, "psnl": True, "psnl_stride": 4},
        Build.of(Supervised, loss=anuw_loss, options={"max_depth": FAR}), 1e-2, {"width": 32, "psnl_stride": 1},
    ),
    "dacnn": Method(
        "dacnn",
        {"backbone": "resnest14d", "width": 0.25, "dilations": [1, 2, 4, 6], "guidance_channels": 16, "max_depth": FAR},
        Build.of(Distillation, weights={"pixel": 1.0, "smooth": 0.01}), 3e-3,
        {"backbone": "resnest50d", "width": 1.0, "dilations": [1, 6, 12, 18], "guidance_channels": 32},
    ),
    "synergy": Method(
        "synergy", {"classes": 0, "sharing": "none", "width": 0.125, "max_depth": FAR},
        Build.of(
            StagedTask, stage={"name": "depth", "rates": {"backbone": 3e-3, "depth": 3e-3}, "bypass": True},
            weights={"depth_aware": 1.0, "joint_gradient": 0.125}, max_depth=FAR, classes=0, gradient_mode="none",
        ),
        3e-3, {"width": 1.0},
    ),
    "lr-net": Method(       # weights of the loss and true camera motion as at "quick" of the dual networks
        "video",
        {"depth": "lr_net", "depth_options": {"encoder": "resnet18", "width": 0.25}, "pose_options": VIDEO.pose},
        Build.of(
            FromVideo, options={"rule": "per_scale"}, motion="known",
            weights={"photometric": 1.0, "smoothness": VIDEO.smoothness, "features": VIDEO.features},
        ),
        1e-3, {"depth_options": {"encoder": "resnet50"}, "pose_options": {}}, clip=1.0,
    ),
}
VARIANTS = tuple(METHODS)


def recipe(spec: RunSpec) -> Recipe:
    """One method on `streets` without wrong labels, for video with neighbouring frames. Tests: "metric", "median".

    Raises:
        ValueError: an unknown variant or data set.
        NotImplementedError: profile "paper": no two of the papers share a data set.
    """
    if spec.variant not in METHODS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(METHODS)}")
    if spec.data != "streets":
        raise ValueError(f"unknown data {spec.data!r}: expected streets")
    if spec.profile == "paper":
        raise NotImplementedError("no two of the papers share a data set: expected profile smoke, quick or full")
    method, full = METHODS[spec.variant], spec.profile == "full"
    sizes = {} if full else {"batch_size": 4, "train_scenes": 96 if spec.profile == "quick" else 8}
    profile = spec.scaled(**sizes)
    size = {"height": 96, "width": 192} if full else {"height": 64, "width": 128}
    views = {"views": ["current", "previous", "next"]} if method.model == "video" else {}
    test = Build.of(scenes, family="streets", split="test", count=profile.test_scenes, **size)
    return Recipe(
        model=method.model,
        model_options=method.options | (method.wide if full else {}),
        task=method.task,
        train=Build.of(scenes, family="streets", split="train", count=profile.train_scenes, **size, **views),
        tests={"metric": (test, "scenes"), "median": (test, "scenes-median")},
        plan=Plan(
            steps=0 if method.model == "constant" else profile.steps, batch_size=profile.batch_size,
            lr=1e-4 if full else method.lr, colour=0.1, clip=method.clip,
        ),
        pictures={"median": 3},
    )


def runs(profile: str, *, seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind `06_verdicts`: every method with every seed, the floor once."""
    seeds = list(get_profile(profile).seeds) if seeds is None else seeds
    return [
        RunSpec("comparison", variant, "streets", profile, seed)
        for variant in VARIANTS for seed in (seeds[:1] if variant == "mean" else seeds)
    ]
