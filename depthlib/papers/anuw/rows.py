"""ANUW: attention in a nested U-Net, and learning from wrong labels. The rows of its two tables as recipes.

| variant | network | labels of 0 are | row |
|---|---|---|---|
| `unet` | U-Net | used as 0 m | Table 2 |
| `a` | U-Net++ | used as 0 m | Table 1 A, Table 2 |
| `b` | U-Net++ with AWCA | used as 0 m | Table 1 B |
| `c` | U-Net++ with PSNL | used as 0 m | Table 1 C |
| `d` | ANU: both | used as 0 m | Table 1 D |
| `e` | ANU | replaced by soft labels: ANUW | Table 1 E, Table 2 |
| `fcrn` | FCRN with its own loss, berHu | used as 0 m | Table 2 |
| `d-masked` | ANU | left out of the loss | ours: the control that Table 1 lacks |
| `e-literal` | ANU | soft labels, used as 0 m until there are some | ours: Sec. 3.3 taken literally |
| `e-l1`, `e-no-ssim` | ANU | soft labels | ours: the loss with terms left out |
| `floor-constant`, `floor-map` | none, see `depthlib.runs.floors` | the labels that are there | ours: the floors |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.data.real_sets import real
from depthlib.losses.regression import berhu_loss
from depthlib.papers.anuw.loss import anuw_loss
from depthlib.papers.anuw.task import BelievedZeros, GapsOnly, SoftLabels
from depthlib.runs.floors import FLOORS, floor_recipe
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan
from depthlib.training.tasks import Supervised

TABLE1 = ("a", "b", "c", "d", "e", "d-masked")
TABLE2 = ("unet", "a", "fcrn", "e")
LOSS_TERMS = ("e-l1", "e-no-ssim", "e-literal")
VARIANTS = tuple(dict.fromkeys(TABLE1 + TABLE2 + LOSS_TERMS))
IN_ROOMS = ("unet", "e")  # of "quick" on rooms: the paper's network and the plainest one
FLOOR_ROWS = ("floor-constant", "floor-map")
MAX_MAI = 65.535  # metres; the largest depth that the 16-bit files of the Mobile AI set can hold
DEFECT_SHARE = 0.2  # of the labelled pixels; the sky has no label either and is not counted here


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ.
        streets, other, rooms: height and width of the frames, multiples of 16.
        psnl_stride: 1 is the paper's, see `PSNL`.
        lr, fcrn_lr: initial learning rate; the paper's is 1e-4, for 720,800 steps.
    """

    profile: dict[str, Any]
    streets: tuple[int, int]
    other: tuple[int, int]
    rooms: tuple[int, int]
    psnl_stride: int
    lr: float
    fcrn_lr: float


# At the paper's rate so few steps hardly change the weights; at 1e-2 the networks learn in that time (tried: 1e-3 to
# 2e-2, FCRN up to 1e-2). 96 scenes at batch 4 are seen five times each: a soft label improves only at later visits.
# With 80 steps 8 of 17 trainings on streets missed the scale (abs_rel .41 to .86).
QUICK = Scale(
    {"steps": 120, "batch_size": 4, "train_scenes": 96},
    (64, 128),
    (64, 208),
    (96, 128),
    psnl_stride=4,
    lr=1e-2,
    fcrn_lr=6e-3,
)
SCALES = {
    "smoke": replace(QUICK, profile={}, streets=(32, 64), other=(32, 80), rooms=(32, 48)),
    "quick": QUICK,
    "full": Scale({}, (96, 192), (96, 320), (96, 128), psnl_stride=1, lr=1e-4, fcrn_lr=1e-4),
}


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on `spec.data`, "streets" or "rooms"; test it on both, on other streets, and in the label gaps.

    Profile "paper" is the paper's own training instead, with `spec.data` "mai": see `_paper_recipe`.

    Tests: "streets", "streets-other" and "rooms", each also with "-median" (the prediction scaled per image, erratum
    A14), and "gaps" (frames of `spec.data`, scored only where the labels are missing). Images are not flipped: soft
    labels are stored per pixel.

    Raises:
        ValueError: an unknown variant or data set.
    """
    if spec.variant in FLOORS:
        return floor_recipe(replace(spec, variant="unet").recipe, spec.variant)
    if spec.variant not in VARIANTS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.profile == "paper":
        return _paper_recipe(spec)
    scale = SCALES[spec.profile]
    profile = spec.scaled(**scale.profile)
    sets = {
        "streets": {"height": scale.streets[0], "width": scale.streets[1]},
        "rooms": {"height": scale.rooms[0], "width": scale.rooms[1]},
    }
    if spec.data not in sets:
        raise ValueError(f"unknown data {spec.data!r}: expected one of {', '.join(sets)}")
    model, options = _model(spec.variant, profile, scale, MAX_DEPTH[spec.data])
    return Recipe(
        model=model,
        model_options=options,
        task=_task(spec.variant, MAX_DEPTH[spec.data]),
        train=_defective(spec.data, "train", profile.train_scenes, sets[spec.data]),
        tests=_tests(spec.data, sets, scale, profile.test_scenes),
        plan=_plan(spec.variant, profile, scale),
        pictures={"streets": 3, "gaps": 3} if spec.data == "streets" else {},
        ship_weights=spec.profile == "quick" and spec.seed == 0 and spec.variant in ("d", "e"),
    )


def _paper_recipe(spec: RunSpec) -> Recipe:
    """Sec. 4.1: 7208 pairs of the Mobile AI depth set at 480x640, batch 1, 100 epochs, rate 1e-4; tested on 177 others.

    The set is read from the folder that `depthlib data list` prints. There is no test on KITTI and DIODE: the paper
    does not say which images it used under which protocol (erratum A14). `depthlib evaluate` scores a trained network
    under any protocol.
    """
    if spec.data != "mai":
        raise ValueError(f"unknown data {spec.data!r} for profile 'paper': expected mai")
    profile = spec.scaled(steps=720_800, batch_size=1)
    model, options = _model(spec.variant, profile, SCALES["full"], MAX_MAI)
    held_out = Build.of(real, name="mai", split="verification")
    return Recipe(
        model=model,
        model_options=options,
        task=_task(spec.variant, MAX_MAI),
        train=Build.of(real, name="mai", split="train"),
        tests={"mai": (held_out, "anuw-mai"), "mai-median": (held_out, "anuw-mai+scaling=median")},
        plan=_plan(spec.variant, profile, SCALES["full"]),
        pictures={"mai": 3},
        ship_weights=False,
    )


def _plan(variant: str, profile: Profile, scale: Scale) -> Plan:
    return Plan(
        steps=profile.steps,
        batch_size=profile.batch_size,
        lr=scale.fcrn_lr if variant == "fcrn" else scale.lr,
        betas=(0.9, 0.99),
        eps=1e-8,
        schedule="poly",
        power=1.5,
        flip=0.0,
    )


def runs(
    profile: str, *, data: str | None = None, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None
) -> list[RunSpec]:
    """All runs behind the notebook.

    Args:
        data: "streets" or "rooms". Default: both; in "quick" only `IN_ROOMS` are trained on rooms; "mai" in "paper".
        variants: default: the rows of both tables and the control; in "full" also the loss with terms left out.
        seeds: default: those of the profile.
    """
    small = profile in ("smoke", "quick")
    specs = []
    for family in [data] if data else ["mai"] if profile == "paper" else ["streets", "rooms"]:
        few = small and family == "rooms"
        for variant in variants or (IN_ROOMS if few else tuple(v for v in VARIANTS if not (small and v in LOSS_TERMS))):
            specs += [RunSpec("anuw", variant, family, profile, s) for s in seeds or get_profile(profile).seeds]
        specs += [RunSpec("anuw", variant, family, profile) for variant in FLOOR_ROWS if variants is None]
    return specs


def _model(variant: str, profile: Profile, scale: Scale, max_depth: float) -> tuple[str, dict[str, Any]]:
    """Name and options. FCRN keeps its ReLU, its width scales with that of the others; all others have a sigmoid head.

    A head that is linear in log depth learns as well (better at low rates), but cannot output the 0 that A to D learn.
    """
    if variant == "fcrn":
        return "fcrn", {"width": profile.width / 32}
    options = {"width": profile.width, "max_depth": max_depth}
    if variant in ("unet", "a"):
        return {"unet": "unet", "a": "unetpp"}[variant], options
    return "anu", options | {"awca": variant != "c", "psnl": variant != "b", "psnl_stride": scale.psnl_stride}


def _task(variant: str, max_depth: float) -> Build:
    if variant == "fcrn":
        return Build.of(BelievedZeros, loss=berhu_loss)
    options: dict[str, Any] = {"max_depth": max_depth}
    if variant == "e-l1":
        options["weights"] = {"l1": 1.0}
    if variant == "e-no-ssim":
        options["weights"] = {"l1": 0.2, "gradient": 0.3}
    if variant.startswith("e"):
        literal = variant == "e-literal"
        return Build.of(SoftLabels, loss=anuw_loss, options=options, max_depth=max_depth, literal_zeros=literal)
    return Build.of(Supervised if variant == "d-masked" else BelievedZeros, loss=anuw_loss, options=options)


def _defective(data: str, split: str, count: int, size: dict[str, int]) -> Build:
    """Frames whose labels have gaps."""
    return Build.of(scenes, family=data, split=split, count=count, defect_share=DEFECT_SHARE, **size)


def _tests(data: str, sets: dict[str, dict[str, int]], scale: Scale, count: int) -> dict[str, tuple[Build, str]]:
    """Every set, scored against the true depth: labels without gaps."""
    other = {"height": scale.other[0], "width": scale.other[1], "thin_structures": 2.0, "depth_tail": 2.0}
    tests = {}
    for name, family, knobs in (
        ("streets", "streets", sets["streets"]),
        ("streets-other", "streets", other),
        ("rooms", "rooms", sets["rooms"]),
    ):
        dataset = Build.of(scenes, family=family, split="test", count=count, **knobs)
        tests |= {name: (dataset, f"anuw-{family}"), f"{name}-median": (dataset, f"anuw-{family}-median")}
    gaps = Build.of(GapsOnly, dataset=_defective(data, "test", count, sets[data]))
    return tests | {"gaps": (gaps, f"anuw-gaps-{data}")}
