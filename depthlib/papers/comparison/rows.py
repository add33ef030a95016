"""All methods on the same frames under one protocol, which no paper shows. Each learns with its own loss, in the same number of steps.

| variant | network | learns from | paper |
|---|---|---|---|
| `mean` | one depth for all | the mean of the labels | the floor |
| `unet` | U-Net | labels | lesson 00 |
| `fcrn` | FCRN | labels, berHu | rival of ANUW and of Look Deeper |
| `anuw` | ANU | labels, the loss of ANUW | ANUW; its soft labels need wrong labels, and there are none here |
| `dacnn` | DACNN's student | labels and smoothness | DACNN without its teacher |
| `synergy` | depth branch with up-skips | labels, attention-driven loss | Look Deeper without its other stages |
| `lr-net` | LR-Net | the frames before and after, and how the camera moved; no labels | the first stage of the dual networks |

What a method has beside its network and loss, and that would need other data or more steps, is left out and said.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.papers.common import MAX_DEPTH, scenes
from depthlib.papers.dual import rows as dual
from depthlib.runs.profiles import get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.training.fit import Plan

FAR = MAX_DEPTH["streets"]


@dataclass(frozen=True)
class Method:
    """Network, task, learning rate and largest gradient; `options` are those of a narrow network, `wide` what differs in full."""

    model: str
    options: dict[str, Any]
    task: Build
    lr: float
    wide: dict[str, Any] = field(default_factory=dict)
    clip: float | None = None


def _supervised(loss: str, **options: Any) -> Build:
    return Build("depthlib.training.tasks:Supervised", {"loss": f"depthlib.losses.{loss}", "options": options})


# As in lesson 04, and for the reason that stands there.
_VIDEO = {"photometric": 1.0, "smoothness": dual.QUICK.smoothness, "features": dual.QUICK.features}
_DEPTH_STAGE = {"stage": {"name": "depth", "rates": {"backbone": 3e-3, "depth": 3e-3}, "bypass": True}, "max_depth": FAR, "classes": 0}
METHODS = {
    "mean": Method("constant", {}, Build("depthlib.training.tasks:MeanOfLabels"), 1e-3),
    "unet": Method(
        "unet", {"width": 8, "activation": "log", "min_depth": 0.3, "max_depth": FAR},
        _supervised("regression:scale_invariant_log_loss"), 3e-3, {"width": 32},
    ),
    "fcrn": Method("fcrn", {"width": 0.25}, _supervised("regression:berhu_loss"), 6e-3, {"width": 1.0}),
    "anuw": Method(
        "anu", {"width": 8, "max_depth": FAR, "awca": True, "psnl": True, "psnl_stride": 4},
        _supervised("anuw:anuw_loss", max_depth=FAR), 1e-2, {"width": 32, "psnl_stride": 1},
    ),
    "dacnn": Method(
        "dacnn",
        {"backbone": "resnest14d", "width": 0.25, "dilations": [1, 2, 4, 6], "guidance_channels": 16, "max_depth": FAR},
        Build("depthlib.papers.dacnn.task:Distillation", {"weights": {"pixel": 1.0, "smooth": 0.01}}), 3e-3,
        {"backbone": "resnest50d", "width": 1.0, "dilations": [1, 6, 12, 18], "guidance_channels": 32},
    ),
    "synergy": Method(
        "synergy", {"classes": 0, "sharing": "none", "width": 0.125, "max_depth": FAR},
        Build("depthlib.papers.synergy.task:StagedTask", _DEPTH_STAGE | {
            "weights": {"depth_aware": 1.0, "joint_gradient": 0.125}, "gradient_mode": "none",
        }), 3e-3, {"width": 1.0},
    ),
    "lr-net": Method(
        "video", {"depth": "lr_net", "depth_options": {"encoder": "resnet18", "width": 0.25}, "pose_options": dual.QUICK.pose},
        Build("depthlib.papers.dual.task:FromVideo", {"weights": _VIDEO, "options": {"rule": "per_scale"}, "motion": "known"}), 1e-3,
        {"depth_options": {"encoder": "resnet50"}, "pose_options": {}}, clip=1.0,
    ),
}
VARIANTS = tuple(METHODS)


def recipe(spec: RunSpec) -> Recipe:
    """One method on `streets`, all labels right; for video also the neighbours of each frame. Tests: "metric" and "median".

    Raises:
        ValueError: a variant or data set that there is not.
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
    profile = replace(get_profile(spec.profile), **{**sizes, **spec.overrides})
    size = {"height": 96, "width": 192} if full else {"height": 64, "width": 128}
    views = {"views": ["current", "previous", "next"]} if method.model == "video" else {}
    test = scenes("streets", "test", profile.test_scenes, **size)
    return Recipe(
        model=method.model,
        model_options=method.options | (method.wide if full else {}),
        task=method.task,
        train=scenes("streets", "train", profile.train_scenes, **size, **views),
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
    return [RunSpec("together", v, "streets", profile, seed) for v in VARIANTS for seed in (seeds[:1] if v == "mean" else seeds)]
