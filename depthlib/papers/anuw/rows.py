"""ANUW: attention in a nested U-Net, and learning from wrong labels. The rows of its two tables as recipes.

| variant | network | labels of 0 are | row |
|---|---|---|---|
| `unet` | U-Net | believed | Table 2 |
| `a` | U-Net++ | believed | Table 1 A, Table 2 |
| `b` | U-Net++ with AWCA | believed | Table 1 B |
| `c` | U-Net++ with PSNL | believed | Table 1 C |
| `d` | ANU: both | believed | Table 1 D |
| `e` | ANU | replaced by soft labels: ANUW | Table 1 E, Table 2 |
| `fcrn` | FCRN with its own loss, berHu | believed | Table 2 |
| `d-masked` | ANU | left out of the loss | ours: the control that Table 1 lacks |
| `e-literal` | ANU | soft labels, believed until there are some | ours: the letter of Sec. 3.3 |
| `e-l1`, `e-no-ssim` | ANU | soft labels | ours: the loss with terms left out |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.papers.common import MAX_DEPTH, scenes
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.training.fit import Plan

TABLE1 = ("a", "b", "c", "d", "e", "d-masked")
TABLE2 = ("unet", "a", "fcrn", "e")
LOSS_TERMS = ("e-l1", "e-no-ssim", "e-literal")
VARIANTS = tuple(dict.fromkeys(TABLE1 + TABLE2 + LOSS_TERMS))
# What "quick" affords: one seed for the rows whose printed difference of 0.003 no few seeds could show, two for the others; and of the
# other way round, trained on rooms, the paper's network beside the plainest.
ONCE, IN_ROOMS = ("b", "c"), ("unet", "e")
MAX_MAI = 65.535        # metres; what the files of the Mobile AI set can hold
DEFECT_SHARE = 0.2      # of the labelled pixels; the sky comes on top of it


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ.
        streets, other, rooms: height and width of the frames, multiples of 16.
        psnl_stride: 1 is the paper's, see `PSNL`.
        lr, fcrn_lr: learning rate at the first step; the paper's is 1e-4 for 720,800 steps.
    """

    profile: dict[str, Any]
    streets: tuple[int, int]
    other: tuple[int, int]
    rooms: tuple[int, int]
    psnl_stride: int
    lr: float
    fcrn_lr: float


# So few steps at the paper's rate would hardly move the weights: 1e-2 is the rate at which the networks learn in that time (measured
# from 1e-3 to 2e-2, FCRN to 1e-2). 96 scenes at batch 4 are seen five times each: a soft label needs several visits to get better.
# With 80 steps 8 of 17 trainings on streets missed the scale (abs_rel .41 to .86).
QUICK = Scale({"steps": 120, "batch_size": 4, "train_scenes": 96}, (64, 128), (64, 208), (96, 128), psnl_stride=4, lr=1e-2, fcrn_lr=6e-3)
SCALES = {
    "smoke": replace(QUICK, profile={}, streets=(32, 64), other=(32, 80), rooms=(32, 48)),
    "quick": QUICK,
    "full": Scale({}, (96, 192), (96, 320), (96, 128), psnl_stride=1, lr=1e-4, fcrn_lr=1e-4),
}


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on `spec.data`, "streets" or "rooms"; test it on both, on other streets, and in the gaps of the labels.

    Profile "paper" is the paper's own training instead, `spec.data` "mai": see `_paper_recipe`.

    Tests: "streets", "streets-other" and "rooms", each also with "-median" (the prediction scaled per image, erratum A14),
    and "gaps" (frames of `spec.data`, only where the labels are missing). Nothing is flipped: soft labels keep their place.

    Raises:
        ValueError: a variant or data set that there is not.
    """
    if spec.variant not in VARIANTS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.profile == "paper":
        return _paper_recipe(spec)
    scale = SCALES[spec.profile]
    profile = replace(get_profile(spec.profile), **{**scale.profile, **spec.overrides})
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
        train=scenes(spec.data, "train", profile.train_scenes, defect_share=DEFECT_SHARE, **sets[spec.data]),
        tests=_tests(spec.data, sets, scale, profile.test_scenes),
        plan=_plan(spec.variant, profile, scale),
        pictures={"streets": 3, "gaps": 3} if spec.data == "streets" else {},
        ship_weights=spec.profile == "quick" and spec.seed == 0 and spec.variant in ("d", "e"),
    )


def _paper_recipe(spec: RunSpec) -> Recipe:
    """Sec. 4.1: 7208 pairs of the Mobile AI depth set at 480x640, batch 1, 100 epochs, rate 1e-4; tested on 177 others.

    The set must lie where `depthlib data list` says. KITTI and DIODE are not tested on: which images, in which protocol, the
    paper does not say (A14), and `depthlib evaluate` scores a trained network under any.
    """
    if spec.data != "mai":
        raise ValueError(f"unknown data {spec.data!r} for profile 'paper': expected mai")
    profile = replace(get_profile("paper"), **{"steps": 720_800, "batch_size": 1, **spec.overrides})
    model, options = _model(spec.variant, profile, SCALES["full"], MAX_MAI)
    held_out = Build("depthlib.data.real_sets:real", {"name": "mai", "split": "verification"})
    return Recipe(
        model=model, model_options=options, task=_task(spec.variant, MAX_MAI),
        train=Build("depthlib.data.real_sets:real", {"name": "mai", "split": "train"}),
        tests={"mai": (held_out, "anuw-mai"), "mai-median": (held_out, "anuw-mai+scaling=median")},
        plan=_plan(spec.variant, profile, SCALES["full"]), pictures={"mai": 3}, ship_weights=False,
    )


def _plan(variant: str, profile: Profile, scale: Scale) -> Plan:
    return Plan(
        steps=profile.steps, batch_size=profile.batch_size, lr=scale.fcrn_lr if variant == "fcrn" else scale.lr,
        betas=(0.9, 0.99), eps=1e-8, schedule="poly", power=1.5, flip=0.0,
    )


def runs(
    profile: str, *, data: str | None = None, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None
) -> list[RunSpec]:
    """All runs behind the notebook.

    Args:
        data: "streets" or "rooms". Default: both; in "quick" the rooms are learned once, by `IN_ROOMS`; "mai" in "paper".
        variants: default: the rows of both tables and the control, in "full" also the loss with terms left out.
        seeds: default: those of the profile; in "quick" one for `ONCE`.
    """
    small = profile in ("smoke", "quick")
    specs = []
    for family in [data] if data else ["mai"] if profile == "paper" else ["streets", "rooms"]:
        few = small and family == "rooms"
        for variant in variants or (IN_ROOMS if few else tuple(v for v in VARIANTS if not (small and v in LOSS_TERMS))):
            once = few or (small and variant in ONCE)
            repetitions = seeds or ([0] if once else get_profile(profile).seeds)
            specs += [RunSpec("anuw", variant, family, profile, seed) for seed in repetitions]
    return specs


def _model(variant: str, profile: Profile, scale: Scale, max_depth: float) -> tuple[str, dict[str, Any]]:
    """Name and options. FCRN keeps its ReLU and scales with the width of the others; all else has the sigmoid head (spec Sec. 2).

    A head that is even in log depth learns as well (and better at low rates), but could not say the 0 that A to D are taught.
    """
    if variant == "fcrn":
        return "fcrn", {"width": profile.width / 32}
    options = {"width": profile.width, "max_depth": max_depth}
    if variant in ("unet", "a"):
        return {"unet": "unet", "a": "unetpp"}[variant], options
    return "anu", options | {"awca": variant != "c", "psnl": variant != "b", "psnl_stride": scale.psnl_stride}


def _task(variant: str, max_depth: float) -> Build:
    if variant == "fcrn":
        return Build("depthlib.papers.anuw.task:BelievedZeros", {"loss": "depthlib.losses.regression:berhu_loss"})
    options: dict[str, Any] = {"max_depth": max_depth}
    if variant == "e-l1":
        options["weights"] = {"l1": 1.0}
    if variant == "e-no-ssim":
        options["weights"] = {"l1": 0.2, "gradient": 0.3}
    loss = {"loss": "depthlib.papers.anuw.loss:anuw_loss", "options": options}
    if variant.startswith("e"):
        soft = {"max_depth": max_depth, "literal_zeros": variant == "e-literal"}
        return Build("depthlib.papers.anuw.task:SoftLabels", loss | soft)
    if variant == "d-masked":
        return Build("depthlib.training.tasks:Supervised", loss)
    return Build("depthlib.papers.anuw.task:BelievedZeros", loss)


def _tests(data: str, sets: dict[str, dict[str, int]], scale: Scale, count: int) -> dict[str, tuple[Build, str]]:
    """Every set scored against the true depth: labels without gaps."""
    other = {"height": scale.other[0], "width": scale.other[1], "thin_structures": 2.0, "depth_tail": 2.0}
    plain = {
        "streets": (scenes("streets", "test", count, **sets["streets"]), "anuw-streets"),
        "streets-other": (scenes("streets", "test", count, **other), "anuw-streets"),
        "rooms": (scenes("rooms", "test", count, **sets["rooms"]), "anuw-rooms"),
    }
    tests = {}
    for name, (dataset, protocol) in plain.items():
        tests |= {name: (dataset, protocol), f"{name}-median": (dataset, f"{protocol}-median")}
    gaps = Build(
        "depthlib.papers.anuw.task:GapsOnly",
        {"dataset": scenes(data, "test", count, defect_share=DEFECT_SHARE, **sets[data])},
    )
    return tests | {"gaps": (gaps, f"anuw-gaps-{data}")}
