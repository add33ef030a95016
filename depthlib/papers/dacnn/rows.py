"""DACNN: depth-aware convolution, and a student that learns from a stereo teacher. The paper's table rows as recipes.

| variant | depth-aware blocks | learns from | row |
|---|---|---|---|
| `teacher` | yes | labels, two views | none: what the student is distilled from |
| `full` | yes | labels and teacher: Eq. 7 | Tables 1 and 2 DACNN, Table 3 row 3 |
| `no-blocks` | ordinary convolutions | labels and teacher | Table 3 row 1 |
| `no-distill` | yes | labels and smoothness | Table 3 row 2 |
| `plain` | ordinary convolutions | labels and smoothness | Table 3 row 1 in its other reading (erratum D21) |
| `long` | yes | labels and smoothness, for the steps of teacher and student together | ours: the control |
| `true-guidance` | yes, of the true depth | labels and smoothness | ours: the upper end of Eq. 2 |
| `floor-constant`, `floor-map` | - | the full depth, see `depthlib.runs.floors` | ours: the floors |
| `no-guidance`, `no-proxy` | yes | labels and one of the teacher's two terms | ours |
| `unscaled` | yes, guidance not scaled | labels and teacher | ours: the collapse of K (erratum D7) |
| `spatial` | yes | softmax of Eq. 6 over positions | ours: the other reading (erratum D6) |

All students of a profile share one teacher, whose run they need. Below profile "full" the trunk has ImageNet weights
and stride 16, and the views are matched at 1/4 of the image: at 1/8 the disparities of so small frames are less than a
cell. Profile "paper" trains on KITTI: see `at_paper_scale`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.data.transforms import RandomCrop
from depthlib.papers.dacnn.borders import BorderErrors
from depthlib.papers.dacnn.lidar_labels import LidarLabels
from depthlib.papers.dacnn.loss import WEIGHTS
from depthlib.papers.dacnn.stereo_gate import OtherRight
from depthlib.papers.dacnn.task import Distillation, StereoTeacher
from depthlib.papers.dacnn.true_guidance import GuidedByTruth, WithGuide, WithTruth
from depthlib.protocols.evaluate import ProtocolErrors
from depthlib.runs.floors import FLOORS, floor_recipe
from depthlib.runs.pilot import Pilot
from depthlib.runs.profiles import get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan

TABLE3 = ("full", "no-distill", "no-blocks", "plain")
CONTROLS = ("long", "true-guidance")
MORE = ("no-guidance", "no-proxy", "unscaled", "spatial")
VARIANTS = ("teacher", *TABLE3, *CONTROLS, *MORE)
FLOOR_ROWS = ("floor-constant", "floor-map")
ANNOUNCED = ("full", "no-distill", "no-blocks")  # six seeds; the others four
TEACHER_SEED = 0
FAR = MAX_DEPTH["streets"]
TRUNK = {
    "backbone": "efficientnet_lite0",
    "pretrained": True,
    "output_stride": 16,
    "width": 0.25,
    "dilations": [1, 2, 4, 6],  # the paper's divided by three, as the features are
    "guidance_channels": 16,
    "activation": "log",
    "min_depth": 0.3,
}
RECIPE = {"optimizer": "adamw", "schedule": "cosine", "clip": 1.0, "median_start": True, "trunk_rate": 0.1}


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ.
        frame, crop: rows and columns of the frames and of the windows, in training and at test time.
        network: options of all networks. matching: more of the teacher: where and how far the views are matched, the
            largest disparity plus a margin.
        teacher_steps: steps of the teacher, in steps of a student; in the paper 10 epochs to 15.
        lr: initial learning rate; the paper's is 1e-4. plan: fields of the plan.
        beams: scan lines of the LiDAR labels.
        rows: variants that are trained; None for all.
    """

    profile: dict[str, Any]
    frame: tuple[int, int]
    crop: tuple[int, int]
    network: dict[str, Any]
    matching: dict[str, Any]
    teacher_steps: float
    lr: float
    plan: dict[str, Any]
    beams: int
    rows: tuple[str, ...] | None = None


STANDARD = Scale(
    {"batch_size": 4, "steps": 600},
    (128, 256),
    (112, 224),
    TRUNK,
    {"fine_matching": True, "max_displacement": 8},  # the largest disparity is 7 cells
    teacher_steps=1,
    lr=1e-2,
    plan=RECIPE,
    beams=24,
    rows=("teacher", *TABLE3, *CONTROLS),
)
QUICK = replace(
    STANDARD,
    profile={"batch_size": 4, "steps": 300, "train_scenes": 192},
    frame=(96, 192),
    crop=(80, 160),
    matching={"fine_matching": True, "max_displacement": 6},
    beams=16,
    rows=("teacher", "full", "no-distill", "no-blocks"),
)
SCALES = {
    "smoke": replace(
        QUICK,
        profile={},
        frame=(48, 96),
        crop=(32, 80),
        network=TRUNK | {"width": 0.125, "guidance_channels": 8},
        rows=("teacher", *TABLE3, *CONTROLS),
    ),
    "quick": QUICK,
    "standard": STANDARD,
    "full": Scale(
        {"batch_size": 6},
        (192, 384),
        (160, 320),
        {},
        {"max_displacement": 12},
        teacher_steps=1,
        lr=1e-4,
        plan={"schedule": "poly", "power": 0.9},
        beams=32,
    ),
}
PILOT = Pilot({variant: (3e-3, 1e-2, 3e-2) for variant in ("teacher", "no-distill", "plain", "true-guidance")})


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on LiDAR-like labels of stereo streets; test it against the full depth.

    Profile "paper" is the paper's own training instead, with `spec.data` "eigen" or "online": see `at_paper_scale`.

    Tests: "streets" (errors of Tables 1 and 3, through windows), "streets-online" (those of Table 2, at LiDAR pixels;
    not of `true-guidance`), "borders" (along depth borders and inside surfaces), "whole" (those of Table 1 again,
    without windows); of the teacher also "swapped" (with the right view of another street).

    Raises:
        ValueError: an unknown variant or data set.
    """
    if spec.variant not in (*VARIANTS, *FLOORS):
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.profile == "paper":
        from depthlib.papers.dacnn.at_paper_scale import recipe as at_paper_scale

        return at_paper_scale(spec)
    if spec.variant in FLOORS:
        row = replace(spec, variant="plain").recipe
        # scan lines leave most pixels without a label: a map of them would be beaten too easily
        return floor_recipe(row, spec.variant, train=row.train.options["dataset"])
    if spec.data != "streets":
        raise ValueError(f"unknown data {spec.data!r}: expected streets, the only stereo frames with a sky")
    scale = SCALES[spec.profile]
    profile = spec.scaled(**scale.profile)
    own = _network(spec, scale)
    steps = round(own.pop("steps") * profile.steps)
    size = {"height": scale.frame[0], "width": scale.frame[1], "views": ["current", "right"]}
    full = Build.of(scenes, family="streets", split="train", count=profile.train_scenes, **size)
    labelled = Build.of(LidarLabels, dataset=full, beams=scale.beams)
    warmup = {"warmup": steps // 6} if scale.plan["schedule"] == "cosine" else {}
    plan: dict[str, Any] = {**scale.plan, **warmup}
    return Recipe(
        **own,
        train=Build.of(WithTruth, dataset=labelled, full=full) if spec.variant == "true-guidance" else labelled,
        transform=(Build.of(RandomCrop, size=list(scale.crop)),),  # one window for both views: erratum D18
        tests=_tests(spec.variant, scale, profile.test_scenes, size),
        plan=Plan(
            steps=steps,
            batch_size=profile.batch_size,
            lr=scale.lr,
            flip=0.0,
            colour=0.1,
            colour_share=0.5,  # "with 50% of chance"
            **plan,
        ),
        pictures={"whole": 4} if spec.seed == 0 else {},
    )


def runs(profile: str, *, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook, those that others need first.

    Args:
        variants: default: the rows of the profile, and the floors.
        seeds: default: those of the profile; in "standard" six for the announced claims, four for all else. The
            students share one teacher. It is trained with other seeds all the same, since one training says little
            about how good a teacher is.
    """
    repetitions = seeds or list(get_profile(profile).seeds)
    if profile == "paper":
        from depthlib.papers.dacnn.at_paper_scale import ROWS as of_data
    else:
        of_data = {"streets": SCALES[profile].rows or VARIANTS}
    specs = []
    for data, rows in of_data.items():
        for variant in sorted(variants or (*rows, *FLOOR_ROWS), key=lambda variant: variant != "teacher"):
            of_row = repetitions if variant in ANNOUNCED else repetitions[:4]
            if variant == "teacher":
                of_row = sorted({TEACHER_SEED, *of_row})
            specs += [RunSpec("dacnn", variant, data, profile, s) for s in ([0] if variant in FLOORS else of_row)]
    return specs


def _network(spec: RunSpec, scale: Scale) -> dict[str, Any]:
    """What distinguishes a variant: network, task, needs, and its steps in those of a student."""
    variant = spec.variant
    options: dict[str, Any] = scale.network | {"max_depth": FAR, "learned_scale": True}
    if variant == "teacher":
        options = options | scale.matching
        task = Build.of(StereoTeacher)
        return {"model": "dacnn_teacher", "model_options": options, "task": task, "steps": scale.teacher_steps}
    undistilled = ("plain", "no-distill", *CONTROLS)
    without = dict.fromkeys(undistilled, ("proxy", "guidance")) | {"no-guidance": ("guidance",), "no-proxy": ("proxy",)}
    weights = {name: weight for name, weight in WEIGHTS.items() if name not in without.get(variant, ())}
    if variant == "true-guidance":
        options = {name: value for name, value in options.items() if name != "learned_scale"}
        task = Build.of(GuidedByTruth, weights=weights)
        return {"model": "dacnn_true_guidance", "model_options": options, "task": task, "steps": 1}
    loss: dict[str, Any] = {"weights": weights} | ({"axis": "spatial"} if variant == "spatial" else {})
    if variant in ("no-blocks", "plain"):
        options = options | {"depth_aware": False}
    if variant == "unscaled":
        options = options | {"guidance_scale": 1.0, "learned_scale": False}
    teacher = RunSpec("dacnn", "teacher", spec.data, spec.profile, TEACHER_SEED, spec.overrides)
    return {
        "model": "dacnn",
        "model_options": options,
        "task": Build.of(Distillation, **loss),
        "networks": {} if variant in undistilled else {"teacher": teacher},
        "steps": scale.teacher_steps + 1 if variant == "long" else 1,
    }


def _tests(variant: str, scale: Scale, count: int, size: dict[str, Any]) -> dict[str, tuple[Build, str | Build]]:
    """The test frames, measured in several ways; fewer of them where no claim is decided."""
    frames, few = (
        Build.of(scenes, family="streets", split="test", count=number, **size, extras=["instances"])
        for number in (count, min(128, count))
    )
    lidar, window = Build.of(LidarLabels, dataset=few, beams=64), list(scale.crop)
    through_windows = Build.of(ProtocolErrors, protocol="dacnn-streets", window=window)
    seen, seen_few = (Build.of(WithGuide, dataset=one) if variant == "true-guidance" else one for one in (frames, few))
    tests: dict[str, tuple[Build, str | Build]] = {
        "streets": (seen, through_windows),
        "streets-online": (lidar, Build.of(ProtocolErrors, protocol="dacnn-streets-online", window=window)),
        "borders": (seen, Build.of(BorderErrors, protocol="dacnn-streets", window=window)),
        "whole": (seen_few, "dacnn-streets"),
    }
    if variant == "true-guidance":  # its frames hold the full depth
        del tests["streets-online"]
    if variant == "teacher":
        tests["swapped"] = (Build.of(OtherRight, dataset=few), through_windows)
    return tests
