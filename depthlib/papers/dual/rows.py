"""Dual networks: depth from video without labels, at high resolution. The rows of its tables as recipes.

| variant | network | row |
|---|---|---|
| `lr` | LR-Net and PoseNet, on the small frames | Tables 3 to 5 and 8, "LR-Net only", "w/o HR-Net" |
| `dual` | HR-Net and SA-Attention on top of the frozen `lr` of the same seed | "Ours" |
| `dual-no-sa` | the same, LR-Net's map handed over as it is | Tables 3 and 6, "w/o SA" |
| `resnet18`, `mobilenet` | one network on the large frames | Table 7 |
| `lr-own`, `monodepth2` | learn the motion too; Monodepth2 with its own pose network and automasking | Table 1 |
| `hr-alone` | HR-Net without any message | ours: Sec. 3.2 says it cannot work |
| `lr-longer` | `lr` trained on for as many steps as stage two has, at its last rate | ours: the control that Table 3 lacks |
| `lr-flat` | `lr` trained on streets with a fifth of the contrast | ours: what the texture teaches |
| `lr-shrink-first` | frames made small before they are cropped | ours: Sec. 4.5 says that this is worse |
| `lr-mean` | mean over the two neighbours instead of the minimum | ours: Eq. 5 |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.papers.common import scenes
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.training.fit import Plan

STAGE_TWO = {"dual": "sa", "dual-no-sa": "features", "hr-alone": "none"}
HIGH = {"resnet18": {"encoder": "resnet18", "bottleneck": True}, "mobilenet": {"encoder": "mobilenet_v2"}}
LOW = ("lr", "lr-longer", "lr-flat", "lr-shrink-first", "lr-mean", "lr-own", "monodepth2")
VARIANTS = (*LOW, *STAGE_TWO, *HIGH)
DRIVE, DRIVE_PARTS = "kitti-drive", 4                    # `data` of the runs on real frames, see `depthlib.data.kitti_drive`
VIEWS = ("current", "previous", "next")
FLAT = {"texture_contrast": 0.2}                         # the texture knob, turned down


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ.
        frames: height and width of the large frames; ratio: large over small.
        encoder: of LR-Net. width: factor on all channels of the depth networks.
        motion: see `FromVideo`. pose: options of PoseNet.
        smoothness, features: weights lambda_2 and lambda_3 of Eq. 9, which the paper does not give.
        steps: of the variants that differ from the profile's, which are those of `lr`.
        seeds: how many; 1 of a variant that is not named. Empty: those of the profile.
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
    seeds: dict[str, int]
    clip: float | None = None


# A pose network of this size finds a third of the camera's turns in 300 steps. So depth gets the true motion here; `lr-own` shows what
# it misses. With the motion given, the normalised depth cannot fit every frame, and a network may mend the mean where nothing teaches
# it, in stripes on the road: at the weights 0.01 and 0.1 that made one seed in three useless, at these none of three (streets of
# "val", heads with the usual initial weights; with those of `depthlib.models.disparity` no seed of LR-Net is far from another). Both
# stages are of one length, as in print.
QUICK = Scale(
    {"train_scenes": 48, "test_scenes": 24, "steps": 100, "batch_size": 4}, (128, 256), 2, "resnet18", 0.25, "known",
    {"width": 8, "reflect": False, "contrast": 5.0, "scale": 0.1}, 1e-3, 0.02, 0.01,
    {"lr-own": 200, DRIVE: 80},
    {"lr": 2, "dual": 2, "dual-no-sa": 2, "lr-longer": 2, "lr-flat": 2, "lr-own": 3, "mobilenet": 0}, clip=1.0,
)
SCALES = {
    "smoke": replace(QUICK, profile={"train_scenes": 4, "test_scenes": 2, "steps": 2, "batch_size": 2}, width=0.125,
                     steps=dict.fromkeys(VARIANTS, 2) | {DRIVE: 2}, seeds={}),
    "quick": QUICK,
    # The paper's: 40 epochs in each stage. `profile.steps` are as many steps of batch 4 as 20 epochs of 2000 triplets have.
    "full": Scale({"train_scenes": 2000, "batch_size": 4, "width": 1}, (384, 1248), 3, "resnet50", 1.0, "learned", {}, 2e-4, 1e-3, 0.1,
                  {DRIVE: 80}, {}),
}


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on triplets of `spec.data`; test depth on streets, in parts of them, on other streets and in rooms, and motion.

    Args of the data: "streets"; "kitti-drive-1", "-2", ...: parts of a training on one real drive, each going on from the part
    before (`lr-own` only, with the seeds of `drive_runs`).

    Raises:
        ValueError: a variant or data set that there is not.
        NotImplementedError: profile "paper", whose data set is not connected to this recipe yet.
    """
    if spec.variant not in VARIANTS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.profile not in SCALES:
        raise NotImplementedError(
            f"dual at profile {spec.profile!r} needs KITTI raw (39,810 triplets, 40 epochs in each stage), which is not connected "
            f"to this recipe yet: expected one of {', '.join(SCALES)}"
        )
    scale = SCALES[spec.profile]
    profile = replace(get_profile(spec.profile), **{**scale.profile, **spec.overrides})
    if spec.data.startswith(f"{DRIVE}-"):
        return _on_the_drive(spec, scale, profile)
    if spec.data != "streets":
        raise ValueError(f"unknown data {spec.data!r}: expected streets, {DRIVE}-1, {DRIVE}-2, ...")
    knobs = FLAT if spec.variant == "lr-flat" else {}
    height, width = scale.frames
    model = _model(spec.variant, scale)
    return Recipe(
        model="video", model_options=model, task=_task(spec.variant, scale), start=_start(spec),
        train=scenes("streets", "train", profile.train_scenes, height=height, width=width, views=VIEWS, **knobs),
        tests=_tests(height, width, profile.test_scenes),
        plan=_plan(spec.variant, scale, profile),
        pictures={"streets": 6} if spec.variant in ("lr", "dual", "dual-no-sa") and spec.seed == 0 else {},
        ship_weights=spec.profile == "quick" and spec.seed == 0 and spec.variant in ("lr", "dual"),
    )


def runs(profile: str, *, data: str = "streets", variants: tuple[str, ...] | None = None, seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook: in "quick" two seeds where a claim hangs on them, three of `lr-own`, else one; no MobileNet."""
    scale = SCALES[profile]
    specs = []
    for variant in variants or VARIANTS:
        count = scale.seeds.get(variant, 1) if scale.seeds else len(get_profile(profile).seeds)
        specs += [RunSpec("dual", variant, data, profile, seed) for seed in (range(count) if seeds is None else seeds)]
    return specs


def drive_runs(profile: str) -> list[list[RunSpec]]:
    """For each seed of `lr-own`, its training on a real drive in parts, so that progress can be measured in between. Part 0 has taken
    no step there.

    The seed of a run counts the parts of all starts: with one seed for all, each part would see the same crops in the same order.
    """
    starts = runs(profile, variants=("lr-own",))
    return [[replace(start, data=f"{DRIVE}-{part}", seed=start.seed * DRIVE_PARTS + part) for part in range(DRIVE_PARTS)]
            for start in starts]


def _start(spec: RunSpec) -> RunSpec | None:
    return replace(spec, variant="lr") if spec.variant in STAGE_TWO or spec.variant == "lr-longer" else None


def _model(variant: str, scale: Scale) -> dict[str, Any]:
    options: dict[str, Any] = {"depth": "lr_net", "depth_options": {"encoder": scale.encoder, "width": scale.width},
                               "pose_options": scale.pose, "ratio": scale.ratio}
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
    """Feature reconstruction for the small networks alone: at full size it is too dear (Sec. 3.4). Scales: spec, section 2."""
    options: dict[str, Any] = {"rule": "per_scale"}
    weights = {"photometric": 1.0, "smoothness": scale.smoothness}
    if variant in LOW and variant != "monodepth2":
        weights["features"] = scale.features
    if variant == "monodepth2":
        options |= {"rule": "full_res", "automask": True}
    if variant == "lr-mean":
        options["over_sources"] = "mean"
    return Build("depthlib.papers.dual.task:FromVideo", {
        "weights": weights, "options": options, "order": "shrink first" if variant == "lr-shrink-first" else "augment first",
        "motion": "learned" if variant in ("lr-own", "monodepth2") else scale.motion,
    })


def _plan(variant: str, scale: Scale, profile: Profile) -> Plan:
    """Eq. 12: half the rate after 10 of 40 epochs, a quarter after 20; short runs keep the first rate twice as long."""
    milestones = (0.25, 0.5) if scale.motion == "learned" else (0.5, 0.75)
    plan = Plan(steps=scale.steps.get(variant, profile.steps), batch_size=profile.batch_size, lr=scale.lr, schedule="step",
                milestones=milestones, drop=0.5, clip=scale.clip, flip=0.5, colour=0.1)
    if variant == "lr-longer":      # the layers that stage two starts at the full rate are new; these have learned already
        return replace(plan, lr=plan.lr * plan.drop ** len(milestones), schedule="constant", milestones=())
    return plan


def _tests(height: int, width: int, count: int) -> dict[str, tuple[Build, str | Build]]:
    """Depth after median scaling in the whole image and in parts of it; sharpness; motion."""
    size = {"height": height, "width": width}
    few = max(1, count // 2)
    streets = scenes("streets", "test", count, **size)
    flat = scenes("streets", "test", few, **FLAT, **size)
    thin = scenes("streets", "test", few, thin_structures=3.0, **size)
    rooms = scenes("rooms", "test", few, **size)

    def measure(name: str, **options: Any) -> Build:
        return Build(f"depthlib.protocols.{name}", options)

    def region(name: str) -> Build:
        return measure("regions:RegionErrors", region=name)

    tests: dict[str, tuple[Build, str | Build]] = {"streets": (streets, "scenes-median")}
    tests |= {name: (streets, region(name)) for name in ("near", "far", "road", "plants", "poles")}
    tests |= {
        "far-minus-near": (streets, measure("regions:RegionGap", worse="far", better="near")),
        "road-minus-plants": (streets, measure("regions:RegionGap", worse="road", better="plants")),
        "sharpness": (streets, measure("regions:Sharpness")),
        "flat": (flat, "scenes-median"), "flat-road": (flat, region("road")),
        "thin": (thin, "scenes-median"), "thin-poles": (thin, region("poles")),
        "rooms": (rooms, "scenes-median"),
    }
    for frames in (3, 5):
        snippets = Build("depthlib.papers.dual.snippets:StreetSnippets", {"frames": frames, "count": few, **size})
        tests[f"motion-{frames}"] = (snippets, measure("snippets:Trajectory"))
    return tests


def _on_the_drive(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """A part goes on from the one before, the first from what `lr-own` learned on streets; each at half the rate of the last, as in
    Eq. 12. Where to start, the rates and the number of steps were chosen by the error on drive 0023; that on drive 0001 did not decide."""
    if spec.variant != "lr-own":
        raise ValueError(f"unknown variant {spec.variant!r} on {DRIVE}: expected lr-own")
    start, part = divmod(spec.seed, DRIVE_PARTS)
    if spec.data != f"{DRIVE}-{part}":
        raise ValueError(f"seed {spec.seed} on {spec.data}: expected one that `drive_runs` gives, part number + {DRIVE_PARTS} x start")
    recipe = replace(spec, data="streets").recipe
    before = replace(spec, data=f"{DRIVE}-{part - 1}", seed=spec.seed - 1) if part else replace(spec, data="streets", seed=start)
    return replace(
        recipe,
        train=Build("depthlib.data.kitti_drive:drive", {"part": "train"}),
        tests={
            name: (Build("depthlib.data.kitti_drive:drive", {"part": tested}), "dual-kitti")
            for name, tested in (("drive", "test"), ("other-drive", "other"))
        },
        start=before,
        plan=replace(recipe.plan, steps=scale.steps[DRIVE] if part else 0, lr=recipe.plan.lr * 0.5 ** max(0, part - 1),
                     schedule="constant"),
        pictures={"drive": 2}, ship_weights=False,
    )
