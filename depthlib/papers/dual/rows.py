"""Dual networks: depth from video without labels, at high resolution. The rows of its tables as recipes.

| variant | network | row |
|---|---|---|
| `lr` | LR-Net and PoseNet, on the small frames | Tables 3 to 5 and 8, "LR-Net only", "w/o HR-Net" |
| `dual` | HR-Net and SA-Attention on top of the frozen `lr` of the same seed | "Ours" |
| `dual-no-sa` | the same, SA-Attention replaced by a 1x1 convolution of as many channels | Tables 3 and 6, "w/o SA" |
| `dual-features` | the same, LR-Net's features passed on unchanged, as Sec. 4.4 says (erratum DN-18) | the same |
| `resnet18`, `mobilenet` | one network on the large frames | Table 7 |
| `lr-random`, `dual-random` | `lr` and `dual` without ImageNet weights | Table 7, "w/o pt" |
| `monodepth2` | Monodepth2 with its own pose network and automasking | Tables 1, 2 |
| `lr-own` | `lr` that learns the motion too; the start of the real drive | ours |
| `hr-alone` | HR-Net without features of LR-Net | ours: Sec. 3.2 says it cannot work |
| `lr-longer` | `lr` trained on, with steps and rates of stage two | ours: the control that Table 3 lacks |
| `lr-flat` | `lr` trained on streets with a fifth of the contrast | ours: the effect of texture in training |
| `lr-shrink-first` | frames downsampled before they are cropped | ours: Sec. 4.5 says that this is worse |
| `lr-mean` | mean over the two neighbours instead of the minimum | ours: Eq. 5 |
| `floor-constant`, `floor-map`, `floor-drive` | see `depthlib.runs.floors`; of true depth | ours: the floors |

Both stages have equal numbers of steps, as in the paper; what is trained in one stage has those of both. Below profile
"full" every trunk is EfficientNet-Lite0 with ImageNet weights, also that of Table 7's rivals, and the motion is given:
a pose network would need many thousand triplets. At "full" the trunks are the paper's, from random weights, since no
package brings others, and the motion is learned. Profile "paper" trains on KITTI: see `at_paper_scale`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.papers.dual.fresh_streets import USED, fresh_scenes
from depthlib.papers.dual.known_unit import InKnownUnit
from depthlib.papers.dual.real_drive import DRIVE, in_parts, on_the_drive
from depthlib.papers.dual.regions import RegionErrors, RegionGap, Sharpness
from depthlib.papers.dual.snippets import StreetSnippets, Trajectory
from depthlib.papers.dual.task import FromVideo
from depthlib.runs.floors import FLOORS, floor_recipe
from depthlib.runs.pilot import Pilot
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan

STAGE_TWO = {
    "dual": "sa",
    "dual-no-sa": "reduced",
    "dual-features": "features",
    "hr-alone": "none",
    "dual-random": "sa",
}
HIGH = {"resnet18": {"encoder": "resnet18", "bottleneck": True}, "mobilenet": {"encoder": "mobilenet_v2"}}
CONTINUED = ("lr-longer", *STAGE_TWO)
LOW = ("lr", "lr-longer", "lr-flat", "lr-shrink-first", "lr-mean", "lr-own", "lr-random", "monodepth2")
VARIANTS = (*LOW, *STAGE_TWO, *HIGH)
WITHOUT_WEIGHTS = ("lr-random", "dual-random")
CORE = ("lr", "dual", "dual-no-sa", "lr-longer")  # six seeds in "standard", the other rows four
DRIVES = 3  # starts of the runs on real frames
FLOOR_ROWS = ("floor-constant", "floor-map", "floor-drive")
VIEWS = ("current", "previous", "next")
FLAT = {"texture_contrast": 0.2}  # a fifth of the usual contrast
FEW = 128  # frames of the tests that decide no announced claim


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ; `steps` are those of one stage.
        frames: height and width of the large frames; ratio: large over small.
        trunk: of all networks, with ImageNet weights; None for those of the paper, from random weights.
        width: factor on all channels of the depth networks but the trunk's.
        motion: see `FromVideo`. pose: options of PoseNet.
        features: weight lambda_3 of Eq. 9, which the paper does not give (erratum DN-9).
        loss: options of `video_loss`.
        plan: fields of the plan.
        drive_steps: of each part on the real drive.
        rows: variants that are trained on streets.
    """

    profile: dict[str, Any]
    frames: tuple[int, int]
    rows: tuple[str, ...]
    ratio: int = 2
    trunk: str | None = "efficientnet_lite0"
    width: float = 0.5
    motion: str = "known"
    pose: dict[str, Any] = field(default_factory=lambda: POSE)
    features: float = 0.01
    loss: dict[str, Any] = field(default_factory=lambda: {"rule": "full_res", "normalise": False})
    plan: dict[str, Any] = field(default_factory=lambda: RECIPE)
    drive_steps: int = 80

    @property
    def given(self) -> bool:
        """Whether the length of the motion is given, and with it the unit of depth."""
        return self.motion == "known"


# Depth that is normalised an image at a time does not fit a motion of a given length: each image has another mean.
POSE = {"width": 8, "reflect": False, "contrast": 5.0, "scale": 0.1}
RECIPE = {"optimizer": "adamw", "lr": 5e-4, "schedule": "cosine", "clip": 1.0, "colour": 0.2}
# Eq. 12: half the rate after 10 of 40 epochs, a quarter after 20
PRINTED = {"lr": 2e-4, "schedule": "step", "milestones": (0.25, 0.5), "drop": 0.5, "colour": 0.1}
STANDARD = Scale(
    {"train_scenes": 256, "steps": 600, "batch_size": 4},
    (192, 384),
    ("lr", "dual", "dual-no-sa", "lr-longer", "hr-alone", "resnet18", "monodepth2", "lr-own"),
)
QUICK = replace(
    STANDARD, profile={"train_scenes": 96, "steps": 700, "batch_size": 4}, frames=(128, 256), rows=("lr", "dual")
)
SCALES = {
    "smoke": replace(
        QUICK,
        profile={"train_scenes": 4, "test_scenes": 2, "steps": 2, "batch_size": 2},
        width=0.125,
        rows=STANDARD.rows,
        drive_steps=2,
    ),
    "quick": QUICK,
    "standard": STANDARD,
    # The paper has 40 epochs in each stage. The profile's steps, at batch 4, are 20 epochs of 2000 triplets.
    "full": Scale(
        {"train_scenes": 2000, "batch_size": 4},
        (384, 1248),
        tuple(variant for variant in VARIANTS if variant not in WITHOUT_WEIGHTS),
        ratio=3,
        trunk=None,
        width=1.0,
        motion="learned",
        pose={},
        features=0.1,
        loss={"rule": "per_scale"},
        plan=PRINTED,
    ),
}
PILOT = Pilot({variant: (1.5e-4, 5e-4, 1.5e-3) for variant in (*CORE, "hr-alone", "resnet18", "monodepth2")})


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on triplets of `spec.data`; test depth on streets, in regions, on other frames; test motion.

    `spec.data` is "streets", or "kitti-drive-0", "kitti-drive-1", ...: parts of a training on one real drive, each
    continuing from the part before (`lr-own` only, with the seeds of `drive_runs`). Profile "paper" is the paper's own
    training instead, on "kitti" or "odometry": see `at_paper_scale`.

    Raises:
        ValueError: an unknown variant or data set.
    """
    if spec.variant not in (*VARIANTS, *FLOORS):
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.profile == "paper":
        from depthlib.papers.dual.at_paper_scale import recipe as at_paper_scale

        return at_paper_scale(spec)
    if spec.variant in FLOORS:
        return floor_recipe(replace(spec, variant="lr").recipe, spec.variant)
    scale = SCALES[spec.profile]
    profile = spec.scaled(**scale.profile)
    if spec.data.startswith(f"{DRIVE}-"):
        return on_the_drive(spec, scale.drive_steps)
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
    )


def runs(
    profile: str, *, data: str | None = None, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None
) -> list[RunSpec]:
    """All runs behind the notebook, stage one before stage two, and the floors.

    Args:
        data: default: those of the profile.
        variants: default: the rows of the profile, and the floors.
        seeds: default: those of the profile; in "standard" six for `CORE`, `DRIVES` for `lr-own`, four for all else.
    """
    repetitions = list(get_profile(profile).seeds) if seeds is None else seeds
    few = {"lr-own": DRIVES} | dict.fromkeys(CORE, len(repetitions))
    if profile == "paper":
        from depthlib.papers.dual import at_paper_scale as own

        of_data, floors = own.ROWS, own.FLOOR_ROWS
    else:
        of_data, floors = {data or "streets": SCALES[profile].rows}, {data or "streets": FLOOR_ROWS}
    specs = []
    for where in [data] if data else of_data:
        for variant in of_data[where] if variants is None else variants:
            specs += [RunSpec("dual", variant, where, profile, seed) for seed in repetitions[: few.get(variant, 4)]]
        specs += [RunSpec("dual", variant, where, profile) for variant in floors[where] if variants is None]
    return specs


def drive_runs(profile: str) -> list[list[RunSpec]]:
    """For each seed of `lr-own` its training on a real drive, see `in_parts`; none where `lr-own` is no row."""
    rows = ("lr-own",) if "lr-own" in SCALES[profile].rows else ()
    return [in_parts(start) for start in runs(profile, variants=rows)]


def _start(spec: RunSpec) -> RunSpec | None:
    if spec.variant not in CONTINUED:
        return None
    return replace(spec, variant="lr-random" if spec.variant == "dual-random" else "lr")


def _model(variant: str, scale: Scale) -> dict[str, Any]:
    weights = {"pretrained": True} if scale.trunk and variant not in WITHOUT_WEIGHTS else {}

    def body(encoder: str) -> dict[str, Any]:
        return {"encoder": scale.trunk or encoder, "width": scale.width, **weights}

    small = {"pose_options": scale.pose, "ratio": scale.ratio}
    large = {"pose_options": scale.pose, "ratio": 1, "pose_ratio": scale.ratio}
    if variant == "monodepth2":
        own_pose = {"pose": "pose_resnet", "pose_options": {"width": scale.width / 2 if scale.trunk else scale.width}}
        return small | own_pose | {"depth": "monodepth2", "depth_options": body("resnet18")}
    if variant in HIGH:
        return large | {"depth": "monodepth2", "depth_options": HIGH[variant] | body(HIGH[variant]["encoder"])}
    if variant in STAGE_TWO:
        link = {"ratio": scale.ratio, "link": STAGE_TWO[variant]}
        return large | {"depth": "dual", "depth_options": body("resnet50") | link}
    return small | {"depth": "lr_net", "depth_options": body("resnet50")}


def _task(variant: str, scale: Scale) -> Build:
    """Feature reconstruction only for the small networks, since it is too expensive at full size (Sec. 3.4).

    All four scales of the disparity enter (erratum DN-9).
    """
    own = variant == "lr-own"
    options = scale.loss if not own else {name: value for name, value in scale.loss.items() if name != "normalise"}
    weights = {"photometric": 1.0, "smoothness": 1e-3}
    if variant in LOW and variant != "monodepth2":
        weights["features"] = scale.features
    if variant == "monodepth2":
        options = options | {"rule": "full_res", "automask": True}
    if variant == "lr-mean":
        options = options | {"over_sources": "mean"}
    settings: dict[str, Any] = {
        "weights": weights,
        "options": options,
        "order": "shrink first" if variant == "lr-shrink-first" else "augment first",
        "motion": "learned" if own else scale.motion,
    }
    if scale.given and not own:
        return Build.of(InKnownUnit, fresh=variant != "lr-longer", **settings)
    return Build.of(FromVideo, **settings)


def _plan(variant: str, scale: Scale, profile: Profile) -> Plan:
    """One stage, or as many steps as both in one; stage two starts at the full rate again, and so does `lr-longer`."""
    one_stage = variant not in (*HIGH, "monodepth2", "lr-own")
    steps = profile.steps if one_stage else 2 * profile.steps
    own: dict[str, Any] = {"warmup": steps // 6} if scale.plan["schedule"] == "cosine" else {}
    if scale.trunk and variant not in WITHOUT_WEIGHTS:
        own["trunk_rate"] = 0.1
    return Plan(steps=steps, batch_size=profile.batch_size, flip=0.5, **scale.plan, **own)


def _tests(size: dict[str, int], count: int) -> dict[str, tuple[Build, str | Build]]:
    """Depth after median scaling in the whole image and in regions; sharpness; motion. On streets that are fresh."""
    few = max(1, min(FEW, count // 2))

    def frames(family: str, number: int, **knobs: Any) -> Build:
        return Build.of(fresh_scenes, family=family, split="test", count=number, **size, **knobs)

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
        snippets = Build.of(StreetSnippets, frames=length, count=few, first=USED, **size)
        tests[f"motion-{length}"] = (snippets, Build.of(Trajectory))
    return tests
