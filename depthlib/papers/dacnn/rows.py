"""DACNN: depth-aware convolution, and a student that learns from a stereo teacher. The paper's table rows as recipes.

| variant | depth-aware blocks | learns from | row |
|---|---|---|---|
| `teacher` | yes | labels, two views | none: what the student is distilled from |
| `full` | yes | labels and teacher: Eq. 7 | Tables 1 and 2 DACNN, Table 3 row 3 |
| `no-blocks` | ordinary convolutions | labels and teacher | Table 3 row 1 |
| `no-distill` | yes | labels and smoothness | Table 3 row 2 |
| `plain` | ordinary convolutions | labels and smoothness | Table 3 row 1 in its other reading (erratum D21) |
| `long` | yes | labels and smoothness, for as many steps as the teacher | ours: the control of the teacher |
| `floor-constant`, `floor-map` | - | see `depthlib.runs.floors` | ours: the floors |
| `no-guidance`, `no-proxy` | yes | labels and one of the teacher's two terms | ours |
| `unscaled` | yes, guidance not scaled | labels and teacher | ours: the collapse of K (erratum D7) |
| `spatial` | yes | softmax of Eq. 6 over positions | ours: the other reading (erratum D6) |

All students of a profile share one teacher, whose run they need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.data.transforms import RandomCrop
from depthlib.papers.dacnn.borders import BorderErrors
from depthlib.papers.dacnn.lidar_labels import LidarLabels
from depthlib.papers.dacnn.loss import WEIGHTS
from depthlib.papers.dacnn.task import Distillation, StereoTeacher
from depthlib.protocols.evaluate import ProtocolErrors
from depthlib.runs.floors import FLOORS, floor_recipe
from depthlib.runs.profiles import get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan

TABLE3 = ("full", "no-distill", "no-blocks", "plain")
MORE = ("no-guidance", "no-proxy", "unscaled", "spatial")
VARIANTS = ("teacher", "long", *TABLE3, *MORE)
FLOOR_ROWS = ("floor-constant", "floor-map")
TEACHER_SEED = 0


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ.
        frame, crop: rows and columns of the frames and of the windows, in training and at test time.
        network: options of both networks.
        max_displacement: of the correlation, in feature pixels: an eighth of the largest disparity, plus a margin.
        teacher_steps: steps of the teacher and of `long`, in steps of a student; in the paper 10 epochs to 15.
        lr: initial learning rate; the paper's is 1e-4.
        beams: scan lines of the LiDAR labels.
    """

    profile: dict[str, Any]
    frame: tuple[int, int]
    crop: tuple[int, int]
    network: dict[str, Any]
    max_displacement: int
    teacher_steps: float
    lr: float
    beams: int


# At the paper's rate so few steps hardly change the weights. From 1e-3 to 4e-3 the student learns about equally well;
# at 3e-3 the sigmoid of one seed in three saturated in the first steps, in all variants, so 1e-3 keeps a margin.
# The dilations are the paper's divided by three, as the features are. The teacher takes twice the steps of a student,
# so that it is better than the students; `long` takes as many and shows how much of that the second view brings.
QUICK = Scale(
    {"batch_size": 4, "train_scenes": 96},
    (96, 192),
    (80, 160),
    {"backbone": "resnest14d", "width": 0.25, "dilations": [1, 2, 4, 6], "guidance_channels": 16},
    max_displacement=6,
    teacher_steps=2,
    lr=1e-3,
    beams=16,
)
SCALES = {
    "smoke": replace(
        QUICK,
        profile={},
        frame=(48, 96),
        crop=(40, 80),
        network=QUICK.network | {"width": 0.125, "guidance_channels": 8},
    ),
    "quick": QUICK,
    "full": Scale(
        {"batch_size": 6}, (192, 384), (160, 320), {}, max_displacement=12, teacher_steps=1, lr=1e-4, beams=32
    ),
}


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on LiDAR-like labels of stereo streets; test it against the full depth.

    Tests: "streets" (errors of Tables 1 and 3, through windows), "streets-online" (those of Table 2, at LiDAR pixels),
    "borders" (along depth borders and inside surfaces), "whole" (those of Table 1 again, without windows).

    Raises:
        ValueError: an unknown variant or data set.
        NotImplementedError: profile "paper", whose data set is not connected to this recipe yet.
    """
    if spec.variant in FLOORS:
        return floor_recipe(replace(spec, variant="plain").recipe, spec.variant)
    if spec.variant not in VARIANTS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.data != "streets":
        raise ValueError(f"unknown data {spec.data!r}: expected streets, the only stereo frames with a sky")
    if spec.profile not in SCALES:
        raise NotImplementedError(
            f"dacnn at profile {spec.profile!r} needs the stereo pairs of KITTI with their LiDAR depth (crops of "
            f"256x512, batch 6, 15 epochs), which are not connected to this recipe yet: expected one of "
            f"{', '.join(SCALES)}"
        )
    scale = SCALES[spec.profile]
    profile = spec.scaled(**scale.profile)
    own = _student(spec, scale)
    size = {"height": scale.frame[0], "width": scale.frame[1], "views": ["current", "right"]}
    train = Build.of(scenes, family="streets", split="train", count=profile.train_scenes, **size)
    return Recipe(
        model=own["model"],
        model_options=own["options"],
        task=own["task"],
        train=Build.of(LidarLabels, dataset=train, beams=scale.beams),
        transform=(Build.of(RandomCrop, size=list(scale.crop)),),  # one window for both views: erratum D18
        tests=_tests(scale, profile.test_scenes, size),
        plan=Plan(
            steps=own["steps"](profile.steps),
            batch_size=profile.batch_size,
            lr=scale.lr,
            schedule="poly",
            power=0.9,
            flip=0.0,
            colour=0.1,
        ),
        pictures={"whole": 4},
        ship_weights=spec.profile == "quick" and spec.seed == 0 and spec.variant in ("teacher", "full", "no-distill"),
        networks=own["networks"],
    )


def runs(profile: str, *, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook, those that others need first.

    Args:
        variants: default: the rows of the tables, the teacher and the floors; in "full" also `long` and the loss terms.
        seeds: default: those of the profile. The students share one teacher. It is trained with every seed all the
            same, since one training says little about how good a teacher is.
    """
    repetitions = seeds or list(get_profile(profile).seeds)
    rows = variants or ("teacher", *FLOOR_ROWS, *TABLE3, *(("long", *MORE) if profile == "full" else ()))
    seeds_of = {"teacher": sorted({TEACHER_SEED, *repetitions})} | dict.fromkeys(FLOOR_ROWS, [0])
    return [RunSpec("dacnn", v, "streets", profile, seed) for v in rows for seed in seeds_of.get(v, repetitions)]


def _student(spec: RunSpec, scale: Scale) -> dict[str, Any]:
    """What distinguishes a variant: network, task, steps and needs."""
    variant = spec.variant
    options: dict[str, Any] = scale.network | {"max_depth": MAX_DEPTH["streets"]}
    common = {"model": "dacnn", "options": options, "networks": {}, "steps": lambda steps: steps}
    if variant in ("teacher", "long"):
        common |= {"steps": lambda steps: round(scale.teacher_steps * steps)}
    if variant == "teacher":
        return common | {
            "model": "dacnn_teacher",
            "options": options | {"max_displacement": scale.max_displacement},
            "task": Build.of(StereoTeacher),
        }
    undistilled = ("plain", "no-distill", "long")
    without = dict.fromkeys(undistilled, ("proxy", "guidance")) | {"no-guidance": ("guidance",), "no-proxy": ("proxy",)}
    weights = {name: weight for name, weight in WEIGHTS.items() if name not in without.get(variant, ())}
    loss: dict[str, Any] = {"weights": weights}
    if variant == "spatial":
        loss |= {"axis": "spatial"}
    if variant in ("no-blocks", "plain"):
        options = options | {"depth_aware": False}
    if variant == "unscaled":
        options = options | {"guidance_scale": 1.0}
    teacher = RunSpec("dacnn", "teacher", spec.data, spec.profile, TEACHER_SEED, spec.overrides)
    return common | {
        "options": options,
        "task": Build.of(Distillation, **loss),
        "networks": {} if variant in undistilled else {"teacher": teacher},
    }


def _tests(scale: Scale, count: int, size: dict[str, Any]) -> dict[str, tuple[Build, str | Build]]:
    """The test frames, measured in four ways."""
    frames = Build.of(scenes, family="streets", split="test", count=count, **size, extras=["instances"])
    lidar, window = Build.of(LidarLabels, dataset=frames, beams=64), list(scale.crop)
    return {
        "streets": (frames, Build.of(ProtocolErrors, protocol="dacnn-streets", window=window)),
        "streets-online": (lidar, Build.of(ProtocolErrors, protocol="dacnn-streets-online", window=window)),
        "borders": (frames, Build.of(BorderErrors, protocol="dacnn-streets", window=window)),
        "whole": (frames, "dacnn-streets"),
    }
