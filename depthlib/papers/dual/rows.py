"""Dual networks: depth from video without labels, at high resolution. The rows of its tables as recipes.

| variant | network | row |
|---|---|---|
| `lr` | LR-Net and PoseNet, on the small frames | Tables 3 to 5 and 8, "LR-Net only", "w/o HR-Net" |
| `dual` | HR-Net and SA-Attention on top of the frozen `lr` of the same seed | "Ours" |
| `dual-no-sa` | the same, LR-Net's features passed on unchanged | Tables 3 and 6, "w/o SA" |
| `resnet18`, `mobilenet` | one network on the large frames | Table 7 |
| `lr-own`, `monodepth2` | learn the motion too; Monodepth2 with its own pose network and automasking | Table 1 |
| `hr-alone` | HR-Net without features of LR-Net | ours: Sec. 3.2 says it cannot work |
| `lr-longer` | `lr` trained for the steps of stage two too, at its last rate | ours: the control that Table 3 lacks |
| `lr-flat` | `lr` trained on streets with a fifth of the contrast | ours: the effect of texture in training |
| `lr-shrink-first` | frames downsampled before they are cropped | ours: Sec. 4.5 says that this is worse |
| `lr-mean` | mean over the two neighbours instead of the minimum | ours: Eq. 5 |
| `floor-constant`, `floor-map`, `floor-drive` | see `depthlib.runs.floors`; of true depth | ours: the floors |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.data.kitti_drive import drive
from depthlib.papers.dual.regions import RegionErrors, RegionGap, Sharpness
from depthlib.papers.dual.snippets import StreetSnippets, Trajectory
from depthlib.papers.dual.task import FromVideo
from depthlib.runs.floors import FLOORS, floor_recipe
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan

STAGE_TWO = {"dual": "sa", "dual-no-sa": "features", "hr-alone": "none"}
HIGH = {"resnet18": {"encoder": "resnet18", "bottleneck": True}, "mobilenet": {"encoder": "mobilenet_v2"}}
LOW = ("lr", "lr-longer", "lr-flat", "lr-shrink-first", "lr-mean", "lr-own", "monodepth2")
VARIANTS = (*LOW, *STAGE_TWO, *HIGH)
DRIVE, DRIVE_PARTS = "kitti-drive", 4  # `data` of the runs on real frames, see `depthlib.data.kitti_drive`
FLOOR_ROWS = ("floor-constant", "floor-map", "floor-drive")
VIEWS = ("current", "previous", "next")
FLAT = {"texture_contrast": 0.2}  # a fifth of the usual contrast


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ.
        frames: height and width of the large frames; ratio: large over small.
        encoder: of LR-Net. width: factor on all channels of the depth networks.
        motion: see `FromVideo`. pose: options of PoseNet.
        smoothness, features: weights lambda_2 and lambda_3 of Eq. 9, which the paper does not give (erratum DN-9).
        steps: variant -> its steps, where they differ from the profile's, which are those of `lr`.
        left_out: variants that are not trained.
    """

    profile: dict[str, Any]
    frames: tuple[int, int]
    ratio: int
    encoder: str
    width: float
    motion: str
    pose: dict[str, Any]
    lr: float
    smoothness: float
    features: float
    steps: dict[str, int]
    left_out: tuple[str, ...] = ()
    clip: float | None = None


# A pose network of this size finds a third of the camera's rotation in 300 steps. So depth is trained with the true
# motion here; `lr-own` shows the loss without it. With the motion given, the normalised depth cannot fit every frame,
# and a network may correct its mean where nothing constrains depth, in stripes on the road. With the weights 0.01 and
# 0.1 one seed in three became useless in this way, with these none of three (streets of "val", heads with the usual
# initial weights; with those of `depthlib.models.disparity` the seeds of LR-Net hardly differ). Both stages have equal
# numbers of steps, as in the paper.
QUICK = Scale(
    {"train_scenes": 48, "test_scenes": 24, "steps": 100, "batch_size": 4},
    (128, 256),
    2,
    "resnet18",
    0.25,
    "known",
    {"width": 8, "reflect": False, "contrast": 5.0, "scale": 0.1},
    1e-3,
    0.02,
    0.01,
    {"lr-own": 200, DRIVE: 80},
    left_out=("mobilenet",),
    clip=1.0,
)
SCALES = {
    "smoke": replace(
        QUICK,
        profile={"train_scenes": 4, "test_scenes": 2, "steps": 2, "batch_size": 2},
        width=0.125,
        steps=dict.fromkeys(VARIANTS, 2) | {DRIVE: 2},
        left_out=(),
    ),
    "quick": QUICK,
    # The paper has 40 epochs in each stage. The profile's steps, at batch 4, are 20 epochs of 2000 triplets.
    "full": Scale(
        {"train_scenes": 2000, "batch_size": 4, "width": 1},
        (384, 1248),
        3,
        "resnet50",
        1.0,
        "learned",
        {},
        2e-4,
        1e-3,
        0.1,
        {DRIVE: 80},
    ),
}


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on triplets of `spec.data`; test depth on streets, in regions, on other frames; test motion.

    `spec.data` is "streets", or "kitti-drive-0", "kitti-drive-1", ...: parts of a training on one real drive, each
    continuing from the part before (`lr-own` only, with the seeds of `drive_runs`).

    Raises:
        ValueError: an unknown variant or data set.
        NotImplementedError: profile "paper", whose data set is not connected to this recipe yet.
    """
    if spec.variant in FLOORS:
        return floor_recipe(replace(spec, variant="lr").recipe, spec.variant)
    if spec.variant not in VARIANTS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.profile not in SCALES:
        raise NotImplementedError(
            f"dual at profile {spec.profile!r} needs KITTI raw (39,810 triplets, 40 epochs in each stage), which is "
            f"not connected to this recipe yet: expected one of {', '.join(SCALES)}"
        )
    scale = SCALES[spec.profile]
    profile = spec.scaled(**scale.profile)
    if spec.data.startswith(f"{DRIVE}-"):
        return _on_the_drive(spec, scale, profile)
    if spec.data != "streets":
        raise ValueError(f"unknown data {spec.data!r}: expected streets, {DRIVE}-1, {DRIVE}-2, ...")
    size = {"height": scale.frames[0], "width": scale.frames[1]}
    knobs = size | (FLAT if spec.variant == "lr-flat" else {})
    return Recipe(
        model="video",
        model_options=_model(spec.variant, scale),
        task=_task(spec.variant, scale),
        start=_start(spec),
        train=Build.of(scenes, family="streets", split="train", count=profile.train_scenes, views=VIEWS, **knobs),
        tests=_tests(size, profile.test_scenes),
        plan=_plan(spec.variant, scale, profile),
        pictures={"streets": 6} if spec.variant in ("lr", "dual", "dual-no-sa") and spec.seed == 0 else {},
        ship_weights=spec.profile == "quick" and spec.seed == 0 and spec.variant in ("lr", "dual"),
    )


def runs(
    profile: str, *, data: str = "streets", variants: tuple[str, ...] | None = None, seeds: list[int] | None = None
) -> list[RunSpec]:
    """All runs behind the notebook: every variant with every seed, in "quick" no MobileNet."""
    rows = variants or tuple(variant for variant in VARIANTS if variant not in SCALES[profile].left_out)
    seeds = get_profile(profile).seeds if seeds is None else seeds
    specs = [RunSpec("dual", variant, data, profile, seed) for variant in rows for seed in seeds]
    return [*specs, *(RunSpec("dual", variant, data, profile) for variant in FLOOR_ROWS if variants is None)]


def drive_runs(profile: str) -> list[list[RunSpec]]:
    """For each seed of `lr-own`, its training on a real drive in parts, so that progress can be measured in between.
    Part 0 takes no step.

    The seeds of all parts of all starts differ: with equal seeds each part would see the same crops in the same order.
    """
    return [
        [replace(start, data=f"{DRIVE}-{part}", seed=start.seed * DRIVE_PARTS + part) for part in range(DRIVE_PARTS)]
        for start in runs(profile, variants=("lr-own",))
    ]


def _start(spec: RunSpec) -> RunSpec | None:
    return replace(spec, variant="lr") if spec.variant in STAGE_TWO or spec.variant == "lr-longer" else None


def _model(variant: str, scale: Scale) -> dict[str, Any]:
    options: dict[str, Any] = {
        "depth": "lr_net",
        "depth_options": {"encoder": scale.encoder, "width": scale.width},
        "pose_options": scale.pose,
        "ratio": scale.ratio,
    }
    if variant == "monodepth2":
        own = {"pose": "pose_resnet", "pose_options": {"width": scale.width}}
        return options | own | {"depth": "monodepth2", "depth_options": {"encoder": "resnet18", "width": scale.width}}
    if variant in HIGH:
        large = {"depth": "monodepth2", "depth_options": {**HIGH[variant], "width": scale.width}}
        return options | large | {"ratio": 1, "pose_ratio": scale.ratio}
    if variant in STAGE_TWO:
        body = {"encoder": scale.encoder, "width": scale.width, "ratio": scale.ratio, "link": STAGE_TWO[variant]}
        return options | {"depth": "dual", "depth_options": body, "ratio": 1, "pose_ratio": scale.ratio}
    return options


def _task(variant: str, scale: Scale) -> Build:
    """Feature reconstruction only for the small networks, since it is too expensive at full size (Sec. 3.4).

    All four scales of the disparity enter, each compared with frames of its own size (erratum DN-9); Monodepth2's are
    enlarged to the frames.
    """
    options: dict[str, Any] = {"rule": "per_scale"}
    weights = {"photometric": 1.0, "smoothness": scale.smoothness}
    if variant in LOW and variant != "monodepth2":
        weights["features"] = scale.features
    if variant == "monodepth2":
        options |= {"rule": "full_res", "automask": True}
    if variant == "lr-mean":
        options["over_sources"] = "mean"
    return Build.of(
        FromVideo,
        weights=weights,
        options=options,
        order="shrink first" if variant == "lr-shrink-first" else "augment first",
        motion="learned" if variant in ("lr-own", "monodepth2") else scale.motion,
    )


def _plan(variant: str, scale: Scale, profile: Profile) -> Plan:
    """Eq. 12: half the rate after 10 of 40 epochs, a quarter after 20; short runs keep the first rate twice as long."""
    milestones = (0.25, 0.5) if scale.motion == "learned" else (0.5, 0.75)
    plan = Plan(
        steps=scale.steps.get(variant, profile.steps),
        batch_size=profile.batch_size,
        lr=scale.lr,
        schedule="step",
        milestones=milestones,
        drop=0.5,
        clip=scale.clip,
        flip=0.5,
        colour=0.1,
    )
    if variant == "lr-longer":  # stage two starts new layers at the full rate; these layers are trained already
        return replace(plan, lr=plan.lr * plan.drop ** len(milestones), schedule="constant", milestones=())
    return plan


def _tests(size: dict[str, int], count: int) -> dict[str, tuple[Build, str | Build]]:
    """Depth after median scaling in the whole image and in regions; sharpness; motion."""
    few = max(1, count // 2)

    def frames(family: str, number: int, **knobs: Any) -> Build:
        return Build.of(scenes, family=family, split="test", count=number, **size, **knobs)

    def region(name: str) -> Build:
        return Build.of(RegionErrors, region=name)

    streets, flat = frames("streets", count), frames("streets", few, **FLAT)
    thin = frames("streets", few, thin_structures=3.0)
    tests: dict[str, tuple[Build, str | Build]] = {"streets": (streets, "scenes-median")}
    tests |= {name: (streets, region(name)) for name in ("near", "far", "road", "plants", "poles")}
    tests |= {
        "far-minus-near": (streets, Build.of(RegionGap, worse="far", better="near")),
        "road-minus-plants": (streets, Build.of(RegionGap, worse="road", better="plants")),
        "sharpness": (streets, Build.of(Sharpness)),
        "flat": (flat, "scenes-median"),
        "flat-road": (flat, region("road")),
        "thin": (thin, "scenes-median"),
        "thin-poles": (thin, region("poles")),
        "rooms": (frames("rooms", few), "scenes-median"),
    }
    for length in (3, 5):
        snippets = Build.of(StreetSnippets, frames=length, count=few, **size)
        tests[f"motion-{length}"] = (snippets, Build.of(Trajectory))
    return tests


def _on_the_drive(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """Each part continues from the one before at half its rate, as in Eq. 12, the first from `lr-own` on streets.

    The start, the rates and the number of steps were chosen by the error on drive 0023, not by that on drive 0001.
    """
    if spec.variant != "lr-own":
        raise ValueError(f"unknown variant {spec.variant!r} on {DRIVE}: expected lr-own")
    start, part = divmod(spec.seed, DRIVE_PARTS)
    if spec.data != f"{DRIVE}-{part}":
        raise ValueError(
            f"seed: found {spec.seed} on {spec.data}, expected one of `drive_runs`: "
            f"part number + {DRIVE_PARTS} x seed of the start"
        )
    streets = replace(spec, data="streets", seed=start)
    recipe = streets.recipe
    return replace(
        recipe,
        train=Build.of(drive, part="train"),
        tests={
            "drive": (Build.of(drive, part="test"), "dual-kitti"),
            "other-drive": (Build.of(drive, part="other"), "dual-kitti"),
        },
        start=replace(spec, data=f"{DRIVE}-{part - 1}", seed=spec.seed - 1) if part else streets,
        plan=replace(
            recipe.plan,
            steps=scale.steps[DRIVE] if part else 0,
            lr=recipe.plan.lr * 0.5 ** max(0, part - 1),
            schedule="constant",
        ),
        pictures={"drive": 2},
        ship_weights=False,
    )
