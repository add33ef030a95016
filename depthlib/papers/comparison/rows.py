"""All methods on the same frames and protocol, which no paper shows, each with its own network and loss.

| variant | network | starts from | learns from | paper |
|---|---|---|---|---|
| `lite` | `LiteDepth`, a plain decoder | ImageNet | labels | lesson 00: an outsider |
| `unet` | U-Net | random weights | labels | lesson 00 |
| `fcrn` | FCRN | ImageNet | labels, berHu | rival of ANUW and of Look Deeper |
| `anuw` | ANU | random weights | labels, the loss of ANUW | ANUW; its soft labels need wrong ones, here are none |
| `dacnn` | DACNN's student | ImageNet | labels and smoothness | DACNN without its teacher |
| `synergy` | depth branch with up-skips | ImageNet | labels, attention-driven loss | Look Deeper, first stage |
| `lr-net` | LR-Net | ImageNet | neighbouring frames, camera motion; no labels | dual networks, first stage |
| `floor-constant`, `floor-map` | none, see `depthlib.runs.floors` | | labels | the floors |

A network on a trunk has the same one as all others, EfficientNet-Lite0 (DACNN's is trained from scratch in print, see
its erratum D15). U-Net and ANU have no trunk. At profile "full" the trunks are those of the papers, from random
weights, since no package brings others.

All share the frames and the way of training (`_plan`): as many steps of as many frames, depth heads that are linear in
log depth and start at the median of the labels. LR-Net has no labels to start from, and learns more from more steps: it
sees as many frames as the others in `VIDEO` times the steps. Learning rates: `RATES`. Parts of a method that would need
other data or stages are left out, as the table says; of the loss of LR-Net the feature term.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from depthlib.base.build import Build
from depthlib.losses.regression import berhu_loss, scale_invariant_log_loss
from depthlib.papers.anuw.loss import anuw_loss
from depthlib.papers.comparison import monodepth2
from depthlib.papers.comparison.task import DepthStage
from depthlib.papers.dacnn.task import Distillation
from depthlib.papers.dual.rows import QUICK as DUAL
from depthlib.papers.dual.task import FromVideo
from depthlib.papers.start.loss import log_depth_loss
from depthlib.runs.floors import floor_recipe
from depthlib.runs.pilot import Pilot
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan
from depthlib.training.tasks import Supervised

FLOORS = ("floor-constant", "floor-map")
FAR = MAX_DEPTH["streets"]
HEAD = {"activation": "log", "min_depth": 0.3, "max_depth": FAR}
TRUNK = "efficientnet_lite0"
TRUNK_RATE = 0.1  # of a trunk with ImageNet weights, in rates of the rest
VIDEO = 2  # steps from video in steps of the others, and parts of their batch
ALONE = {"classes": 0, "sharing": "none", "head_bias": True, **HEAD}  # `SynergyNet` for depth alone
CELLS = {"trunk": TRUNK, "output_stride": 16, "width": 0.125, "pretrained": True}  # 6x12 of them; 8x10 in the paper
OWN_TRUNK = {"trunk": "resnet50", "output_stride": 32, "width": 1.0, "pretrained": False}


@dataclass(frozen=True)
class Method:
    """Network and task of one method.

    Attributes:
        options: of a narrow network. wide: those that differ at profile "full".
    """

    model: str
    options: dict[str, Any]
    task: Build
    wide: dict[str, Any] = field(default_factory=dict)

    @property
    def from_video(self) -> bool:
        return self.model == "video"


METHODS = {
    "lite": Method("lite_depth", {"pretrained": True}, Build.of(Supervised, loss=log_depth_loss)),
    "unet": Method("unet", {"width": 8, **HEAD}, Build.of(Supervised, loss=scale_invariant_log_loss), {"width": 32}),
    "fcrn": Method("fcrn", {**CELLS, "head_bias": True, **HEAD}, Build.of(Supervised, loss=berhu_loss), OWN_TRUNK),
    "anuw": Method(
        "anu",
        {"width": 8, "awca": True, "psnl": True, "psnl_stride": 4, **HEAD},
        Build.of(Supervised, loss=anuw_loss, options={"max_depth": FAR}),
        {"width": 32, "psnl_stride": 1},
    ),
    "dacnn": Method(
        "dacnn",
        {
            "backbone": TRUNK,
            "pretrained": True,
            "width": 0.25,
            "dilations": [1, 2, 4, 6],
            "guidance_channels": 16,
            **HEAD,
        },
        Build.of(Distillation, weights={"pixel": 1.0, "smooth": 0.01}),
        {
            "backbone": "resnest50d",
            "pretrained": False,
            "width": 1.0,
            "dilations": [1, 6, 12, 18],
            "guidance_channels": 32,
        },
    ),
    "synergy": Method(
        "synergy",
        {**ALONE, **CELLS},
        Build.of(
            DepthStage,
            stage={"name": "depth", "rates": {}},
            weights={"depth_aware": 1.0, "joint_gradient": 0.125},
            max_depth=FAR,
            gradient_mode="none",
        ),
        OWN_TRUNK,
    ),
    "lr-net": Method(
        "video",
        {
            "depth": "lr_net",
            "depth_options": {"encoder": TRUNK, "pretrained": True, "width": 0.5},
            "pose_options": DUAL.pose,
        },
        Build.of(
            FromVideo,
            weights={"photometric": 1.0, "smoothness": 1e-3},
            motion="known",
            options={"rule": "full_res", "normalise": False},  # the length of the known motion is that of the depth
        ),
        {"depth_options": {"encoder": "resnet50"}, "pose_options": {}},
    ),
}
VARIANTS = (*METHODS, *FLOORS)

RATES = {"lite": 1e-2, "unet": 3e-2, "fcrn": 3e-2, "anuw": 1e-2, "dacnn": 1e-2, "synergy": 1e-2, "lr-net": 5e-4}

PILOT = Pilot(
    {
        "lite": (3e-4, 1e-3, 3e-3, 1e-2),
        "unet": (1e-3, 3e-3, 1e-2, 3e-2),
        "fcrn": (3e-3, 1e-2, 3e-2, 1e-1),
        "anuw": (1e-3, 3e-3, 1e-2, 3e-2),
        "dacnn": (1e-3, 3e-3, 1e-2, 3e-2),
        "synergy": (1e-3, 3e-3, 1e-2, 3e-2),
        "lr-net": (1.5e-4, 5e-4, 1.5e-3, 5e-3),
    },
    test="median",
)


@dataclass(frozen=True)
class Scale:
    """What this comparison sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ.
        frame: height and width.
        methods: those that learn in so many steps; None for all.
        pace: factor on the learning rates.
        wide: whether the networks are the papers'.
    """

    profile: dict[str, Any]
    frame: tuple[int, int] = (96, 192)
    methods: tuple[str, ...] | None = None
    pace: float = 1.0
    wide: bool = False


SCALES = {
    "smoke": Scale({}, frame=(64, 128)),
    "quick": Scale({"steps": 120, "test_scenes": 128}, (64, 128), ("lite", "unet", "fcrn", "anuw", "dacnn")),
    "standard": Scale({}),
    "full": Scale({"test_scenes": 256}, pace=0.1, wide=True),
}


def recipe(spec: RunSpec) -> Recipe:
    """One method on `streets` without wrong labels, for video with neighbouring frames. Tests: "metric", "median".

    Variant "monodepth2" is no method of lesson 06 but a row of lesson 01, see `papers.comparison.monodepth2`.

    Raises:
        ValueError: an unknown variant or data set.
        NotImplementedError: profile "paper": no two of the papers share a data set.
    """
    if spec.variant not in (*VARIANTS, monodepth2.VARIANT):
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.data != "streets":
        raise ValueError(f"unknown data {spec.data!r}: expected streets")
    if spec.profile not in SCALES:
        raise NotImplementedError(f"no two of the papers share a data set: expected profile {', '.join(SCALES)}")
    if spec.variant == monodepth2.VARIANT:
        return monodepth2.recipe(spec)
    scale = SCALES[spec.profile]
    profile, size = spec.scaled(**scale.profile), {"height": scale.frame[0], "width": scale.frame[1]}
    method = METHODS["lite" if spec.variant in FLOORS else spec.variant]
    views = {"views": ["current", "previous", "next"]} if method.from_video else {}
    test = Build.of(scenes, family="streets", split="test", count=profile.test_scenes, **size)
    made = Recipe(
        model=method.model,
        model_options=method.options | (method.wide if scale.wide else {}),
        task=method.task,
        train=Build.of(scenes, family="streets", split="train", count=profile.train_scenes, **size, **views),
        tests={"metric": (test, "scenes"), "median": (test, "scenes-median")},
        plan=_plan(method, RATES.get(spec.variant, 0.0), scale, profile),
        pictures={"median": 3} if spec.seed == 0 else {},
    )
    return floor_recipe(made, spec.variant) if spec.variant in FLOORS else made


def _plan(method: Method, rate: float, scale: Scale, profile: Profile) -> Plan:
    """The recipe of the first lesson; the trunk slower where it has learned from ImageNet."""
    parts = VIDEO if method.from_video else 1
    steps, batch_size = parts * profile.steps, max(1, profile.batch_size // parts)
    pretrained = method.options.get("depth_options", method.options).get("pretrained", False)
    learned_before = pretrained and not (scale.wide and method.wide)
    return Plan(
        steps=steps,
        batch_size=batch_size,
        optimizer="adamw",
        lr=scale.pace * rate,
        trunk_rate=TRUNK_RATE if learned_before else 1.0,
        schedule="cosine",
        warmup=steps // 6,
        clip=1.0,
        median_start=not method.from_video,
        colour=0.2,
    )


def methods(profile: str) -> tuple[str, ...]:
    """The methods that a profile compares. Look Deeper and learning from video need more steps than "quick" has."""
    return SCALES[profile].methods or tuple(METHODS)


def runs(profile: str, *, seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind `06_verdicts`: every method with every seed, the floors once."""
    seeds = list(get_profile(profile).seeds if seeds is None else seeds)
    return [
        RunSpec("comparison", variant, "streets", profile, seed)
        for variant in (*methods(profile), *FLOORS)
        for seed in (seeds[:1] if variant in FLOORS else seeds)
    ]
