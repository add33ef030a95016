"""DACNN: depth-aware convolution, and a student that learns from a stereo teacher. The own rows of its three tables as recipes.

| variant | depth-aware blocks | learns from | row |
|---|---|---|---|
| `teacher` | yes | labels, two views | none: what the student is distilled from |
| `full` | yes | labels and teacher: Eq. 7 | Tables 1 and 2 DACNN, Table 3 row 3 |
| `no-blocks` | ordinary convolutions | labels and teacher | Table 3 row 1 |
| `no-distill` | yes | labels and smoothness | Table 3 row 2 |
| `plain` | ordinary convolutions | labels and smoothness | Table 3 row 1 in its other reading (erratum D21) |
| `long` | yes | labels and smoothness, for as many steps as the teacher | ours: the control of the teacher |
| `mean` | - | nothing but the mean of the labels | ours: the floor |
| `no-guidance`, `no-proxy` | yes | labels and one half of the teacher | ours |
| `unscaled` | yes, guidance not scaled | labels and teacher | ours: the collapse of K (erratum D7) |
| `spatial` | yes | softmax of Eq. 6 over positions | ours: the other reading (erratum D6) |

All students of a profile share one teacher: its run is a need of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.papers.common import MAX_DEPTH, scenes
from depthlib.papers.dacnn.loss import WEIGHTS
from depthlib.runs.profiles import get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.training.fit import Plan

TABLE3 = ("full", "no-distill", "no-blocks", "plain")
MORE = ("no-guidance", "no-proxy", "unscaled", "spatial")
VARIANTS = ("mean", "teacher", "long", *TABLE3, *MORE)
TEACHER_SEED = 0


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ.
        frame, crop: rows and columns of the frames and of the windows, in training and at test time.
        network: options of both networks.
        max_displacement: of the correlation, in pixels of the features: an eighth of the largest disparity, and some more.
        teacher_steps: of the teacher and of `long`, times those of a student; in the paper 10 epochs to 15.
        lr: at the first step; the paper's is 1e-4.
        beams: scan lines of the laser labels.
    """

    profile: dict[str, Any]
    frame: tuple[int, int]
    crop: tuple[int, int]
    network: dict[str, Any]
    max_displacement: int
    teacher_steps: float
    lr: float
    beams: int


# At the paper's rate so few steps would hardly move the weights. From 1e-3 to 4e-3 the student learns about equally well; at 3e-3 one
# seed of three died in its first steps, in all variants alike: the sigmoid saturates. 1e-3 keeps a distance from that.
# The dilations are the paper's divided by three, as the features are. The teacher learns twice as long, so that there is something
# to be taught; `long` has as many steps, so that it is seen what of this the second view brings.
QUICK = Scale(
    {"batch_size": 4, "train_scenes": 96}, (96, 192), (80, 160),
    {"backbone": "resnest14d", "width": 0.25, "dilations": [1, 2, 4, 6], "guidance_channels": 16},
    max_displacement=6, teacher_steps=2, lr=1e-3, beams=16,
)
SCALES = {
    "smoke": replace(
        QUICK, profile={}, frame=(48, 96), crop=(40, 80), network=QUICK.network | {"width": 0.125, "guidance_channels": 8},
    ),
    "quick": QUICK,
    "full": Scale({"batch_size": 6}, (192, 384), (160, 320), {}, max_displacement=12, teacher_steps=1, lr=1e-4, beams=32),
}


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on laser-like labels of stereo streets; test it against the full depth.

    Tests: "streets" (errors of Tables 1 and 3, through windows), "streets-online" (those of Table 2, at laser pixels),
    "borders" (along depth borders and inside surfaces), "whole" (those of Table 1 again, without windows).

    Raises:
        ValueError: a variant or data set that there is not.
        NotImplementedError: profile "paper", whose data set is not connected to this recipe yet.
    """
    if spec.variant not in VARIANTS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.data != "streets":
        raise ValueError(f"unknown data {spec.data!r}: expected streets, the only stereo frames with a sky")
    if spec.profile not in SCALES:
        raise NotImplementedError(
            f"dacnn at profile {spec.profile!r} needs the stereo pairs of KITTI with their laser depth (crops of 256x512, batch "
            f"6, 15 epochs), which are not connected to this recipe yet: expected one of {', '.join(SCALES)}"
        )
    scale = SCALES[spec.profile]
    profile = replace(get_profile(spec.profile), **{**scale.profile, **spec.overrides})
    own = _student(spec, scale)
    shipped = spec.profile == "quick" and spec.seed == 0 and spec.variant in ("teacher", "full", "no-distill")
    size = {"height": scale.frame[0], "width": scale.frame[1], "views": ["current", "right"]}
    train = scenes("streets", "train", profile.train_scenes, **size)
    return Recipe(
        model=own["model"],
        model_options=own["options"],
        task=own["task"],
        train=Build("depthlib.papers.dacnn.task:LidarLabels", {"dataset": train, "beams": scale.beams}),
        tests=_tests(scale, profile.test_scenes, size),
        plan=Plan(
            steps=own["steps"](profile.steps), batch_size=profile.batch_size, lr=scale.lr, schedule="poly", power=0.9, flip=0.0,
            colour=0.1,
        ),
        pictures={"whole": 4},
        ship_weights=shipped,
        networks=own["networks"],
    )


def runs(profile: str, *, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook, those that others need first.

    Args:
        variants: default: the rows of the tables, the teacher and the floor; in "full" also `long` and the parts of the loss.
        seeds: default: those of the profile. Only one teacher teaches; in "full" there are more of it and of its control, since
            one training says little of how good a teacher is.
    """
    repetitions = seeds or list(get_profile(profile).seeds)
    rows = variants or ("teacher", "mean", *TABLE3, *(("long", *MORE) if profile == "full" else ()))
    some = repetitions if profile == "full" else repetitions[:1]
    few = {"teacher": sorted({TEACHER_SEED, *some}), "long": some, "mean": repetitions[:1]}
    return [RunSpec("dacnn", v, "streets", profile, seed) for v in rows for seed in few.get(v, repetitions)]


def _student(spec: RunSpec, scale: Scale) -> dict[str, Any]:
    """What distinguishes a variant: network, task, steps and needs."""
    variant, crop = spec.variant, list(scale.crop)
    options: dict[str, Any] = scale.network | {"max_depth": MAX_DEPTH["streets"]}
    common = {"model": "dacnn", "options": options, "networks": {}, "steps": lambda steps: steps}
    if variant == "mean":
        task = Build("depthlib.training.tasks:MeanOfLabels")
        return common | {"model": "constant", "options": {}, "task": task, "steps": lambda steps: 0}
    if variant in ("teacher", "long"):
        common |= {"steps": lambda steps: round(scale.teacher_steps * steps)}
    if variant == "teacher":
        return common | {
            "model": "dacnn_teacher", "options": options | {"max_displacement": scale.max_displacement},
            "task": Build("depthlib.papers.dacnn.task:StereoTeacher", {"crop": crop}),
        }
    untaught = ("plain", "no-distill", "long")
    without = dict.fromkeys(untaught, ("proxy", "guidance")) | {"no-guidance": ("guidance",), "no-proxy": ("proxy",)}
    loss: dict[str, Any] = {"crop": crop, "weights": {name: w for name, w in WEIGHTS.items() if name not in without.get(variant, ())}}
    if variant == "spatial":
        loss |= {"axis": "spatial"}
    if variant in ("no-blocks", "plain"):
        options = options | {"depth_aware": False}
    if variant == "unscaled":
        options = options | {"guidance_scale": 1.0}
    teacher = RunSpec("dacnn", "teacher", spec.data, spec.profile, TEACHER_SEED, spec.overrides)
    return common | {
        "options": options, "task": Build("depthlib.papers.dacnn.task:Distillation", loss),
        "networks": {} if variant in untaught else {"teacher": teacher},
    }


def _tests(scale: Scale, count: int, size: dict[str, Any]) -> dict[str, tuple[Build, str | Build]]:
    """The test frames, seen four ways."""
    frames = scenes("streets", "test", count, **size, extras=["instances"])
    laser = Build("depthlib.papers.dacnn.task:LidarLabels", {"dataset": frames, "beams": 64})
    window = list(scale.crop)

    def through(protocol: str) -> Build:
        return Build("depthlib.papers.dacnn.windows:ThroughWindows", {"protocol": protocol, "window": window})

    borders = Build("depthlib.papers.dacnn.borders:BorderErrors", {"protocol": "dacnn-streets", "window": window})
    return {
        "streets": (frames, through("dacnn-streets")), "streets-online": (laser, through("dacnn-streets-online")),
        "borders": (frames, borders), "whole": (frames, "dacnn-streets"),
    }
