"""The scale of each profile for the mobile paper: pictures, sizes, networks, steps and rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from depthlib.papers.mobile.variants import FROM_IMAGENET, LITE

PAIRS_TESTED = 400  # per test image; DIW has one
PART = {"diw": 1, "y3d": 2, "rooms": 4, "mc": 4, "rw": 4}  # data -> its pictures, as a part of those with pairs


@dataclass(frozen=True)
class Scale:
    """Settings of this paper in a profile.

    Attributes:
        profile: fields of the profile that differ; `steps` are those on pairs, `train_scenes` the images with pairs,
            `test_scenes` the images with pairs in the test, per family.
        shares: data -> steps of a training on it, in steps on pairs.
        frames: family -> rows and columns of its rendered frames.
        size: rows and columns to which all images are resized; in the paper 224 x 448 for pairs, else 224 x 224.
        student, teacher, hourglass, critic: options of these networks.
        plan: fields of the plan that all trainings share; None for the paper's own optimisers and schedules.
        rates: variant, or else data -> initial learning rate.
        pairs: drawn in each relative map at each step.
        others_tested: at most as many images in the tests other than that of pairs.
        rows: variants that are trained, with those that they need; None for all.
    """

    profile: Mapping[str, Any]
    shares: Mapping[str, float]
    frames: Mapping[str, tuple[int, int]]
    size: tuple[int, int]
    student: Mapping[str, Any]
    teacher: Mapping[str, Any]
    hourglass: Mapping[str, Any]
    critic: Mapping[str, Any]
    rates: Mapping[str, float]
    plan: Mapping[str, Any] | None = None
    pairs: int = 1000
    others_tested: int = 128
    rows: tuple[str, ...] | None = field(default=None)


# Below "full" the students start from ImageNet, as in print, in the one mobile encoder whose weights are a package.
STUDENT = {"encoder": LITE, "pretrained": True, "first_output": 0.01}
RECIPE = {"optimizer": "adamw", "schedule": "cosine", "clip": 1.0}
RATES = {"y3d": 3e-3, "mc": 1e-3, "rw": 1e-3, "diw": 1e-3, "rooms": 3e-3}
CHAIN = ("mc", "mc-rw", "mc-rw-diw")
STANDARD = Scale(
    {"steps": 1000, "batch_size": 4, "train_scenes": 4000, "test_scenes": 1000},
    {"y3d": 3.0, "mc": 1.0, "rw": 1.0, "diw": 1.0, "rooms": 0.6},
    {"rooms": (96, 128), "streets": (96, 128)},
    (96, 128),
    STUDENT,
    {"width": 1 / 4},
    {"width": 1 / 8},
    {"width": 16, "extra": 0},
    RATES,
    RECIPE,
    rows=(
        *("teacher", "diw", *CHAIN, "pi", "kd", "kd-2ip", "hard-easy", "easy-hard", "pruned-1.0", "unpruned"),
        *("mobilenet_v2-nnconv5", "efficientnet_es-nnconv5", f"{LITE}-nnconv5", FROM_IMAGENET),
    ),
)
QUICK = replace(
    STANDARD,
    profile={"steps": 200, "batch_size": 8, "train_scenes": 800, "test_scenes": 64},
    shares={"y3d": 2.0, "mc": 0.75, "rw": 0.75, "diw": 1.0, "rooms": 1.0},
    frames={"rooms": (64, 96), "streets": (64, 96)},
    size=(64, 96),
    others_tested=64,
    rows=("teacher", "diw", *CHAIN, "pi", "kd", "hard-easy", "pruned-1.0"),
)
SMOKE = replace(
    STANDARD,
    profile={},
    shares=dict.fromkeys(STANDARD.shares, 1.0),
    frames={"rooms": (32, 64), "streets": (32, 64)},
    size=(32, 64),
    teacher={"width": 1 / 32},
    hourglass={"width": 1 / 16},
    critic={"width": 4, "extra": 0},
    pairs=100,
)
FULL = Scale(
    {"batch_size": 8},
    dict.fromkeys(STANDARD.shares, 1.0),
    {"rooms": (96, 192), "streets": (96, 192)},
    (96, 192),
    {"encoder": "mobilenet_v2"},
    {},
    {},
    {"extra": 1},
    # The paper's; that of the teacher, which it does not train, is chosen here.
    {"y3d": 4e-4, "mc": 4e-4, "rw": 4e-4, "diw": 1e-4, "rooms": 0.01},
    pairs=3000,
    others_tested=256,
)
# Of "paper" only what its tasks have; the rest is in `at_paper_scale`.
PAPER = replace(FULL, critic={})
SCALES = {"smoke": SMOKE, "quick": QUICK, "standard": STANDARD, "full": FULL, "paper": PAPER}
