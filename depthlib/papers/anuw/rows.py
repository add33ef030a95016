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
| `d-true` | ANU | none: every surface has its true label | ours: the upper end of the scale |
| `e-literal` | ANU | soft labels, used as 0 m until there are some | ours: Sec. 3.3 taken literally |
| `e-l1`, `e-no-ssim`, `e-no-gradient` | ANU | soft labels | ours: the loss with terms left out |
| `monodepth2` | Monodepth2, from neighbouring frames | none | Table 2; a row of `papers.comparison` |
| `floor-constant`, `-map`, `-ground` | none, see `depthlib.runs.floors` | the labels that are there | ours: floors |

| data | frames | for |
|---|---|---|
| `streets` | a fifth of the labels missing, besides the sky | what labels do; Table 2 |
| `streets-d0`, `streets-d30`, `streets-d60` | none, three and six tenths of the labels missing | dose and response |
| `tilted` | cameras that pitch by up to 8 degrees | what nested skips and attention do; labels of 0 are left out |
| `mai` | the paper's own, see `at_paper_scale` | profile "paper" |

On level streets the horizon lies on the border of the quadrants of PSNL, which then helps without attending to
anything; hence `tilted`. There attention is between all pixels of a quadrant, as in print.

Where time does not suffice for "standard", rows go in this order, never seeds: `streets-d30`, `e-no-gradient`, `e-l1`,
`e-no-ssim`, `monodepth2`, `fcrn`. What labels and attention are judged by stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.losses.regression import berhu_loss
from depthlib.papers.anuw.loss import WEIGHTS, anuw_loss
from depthlib.papers.anuw.measures import BordersOnly, GapsOnly, PSNLWithoutAffinities
from depthlib.papers.anuw.task import BelievedZeros, SoftLabels
from depthlib.runs.floors import FLOORS, floor_recipe
from depthlib.runs.pilot import ON, Pilot
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.scenes.ground import WithGround
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan
from depthlib.training.tasks import Supervised

LABELS = ("d", "d-masked", "e", "d-true", "e-literal")
OF_OTHERS = {"monodepth2": "comparison"}  # row of Table 2 -> the paper whose rows have it
ATTENTION = ("a", "b", "c", "d")
TILTED_ROWS = ("unet", *ATTENTION)
LOSSES = {"e-l1": ("gradient", "ssim"), "e-no-ssim": ("ssim",), "e-no-gradient": ("gradient",)}  # terms left out
VARIANTS = tuple(dict.fromkeys(("unet", *ATTENTION, *LABELS, "fcrn", *LOSSES)))
DOSES = {"streets-d0": 0.0, "streets": 0.2, "streets-d30": 0.3, "streets-d60": 0.6}  # data -> share without a label
AT_EACH_DOSE = ("d", "e")
TILTED = {"pitch": (-8.0, 8.0)}  # degrees
SEEDS = {"core": 6, "other": 4}  # of profile "standard"
FLOOR_ROWS = ("floor-constant", "floor-map")
FAR = MAX_DEPTH["streets"]
MAI = "mai"


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ. attention_steps: steps on `tilted`, or None for as many.
        streets, tilted, other, rooms: height and width of the frames, multiples of 32 (of 16 at "smoke").
        attention: further options of networks with attention. psnl_stride: of all but those on `tilted`, where it is 1.
        head: options of the depth head.
        fcrn: options of FCRN.
        plan: fields of the plan. lr: the learning rate; rates: where it differs, "unet", or "unet on tilted".
        rows: variants that are trained on `streets`; None for all. doses: whether those of `DOSES` are.
    """

    profile: dict[str, Any]
    streets: tuple[int, int] = (64, 128)
    tilted: tuple[int, int] = (48, 96)
    other: tuple[int, int] = (64, 224)
    rooms: tuple[int, int] = (96, 128)
    attention_steps: int | None = None
    attention: dict[str, Any] = field(default_factory=lambda: {"awca_reduction": 4, "psnl_reduction": 2})
    psnl_stride: int = 4
    head: dict[str, Any] = field(default_factory=lambda: {"activation": "log", "min_depth": 0.3})
    fcrn: dict[str, Any] = field(default_factory=lambda: FCRN)
    plan: dict[str, Any] = field(default_factory=lambda: RECIPE)
    lr: float = 1e-2
    rates: dict[str, float] = field(default_factory=lambda: RATES)
    rows: tuple[str, ...] | None = None
    doses: bool = False


# M = 4 at 8 channels. FCRN has its own paper's trunk at "full"; from random weights, on 2x4 cells, it sees nothing.
FCRN = {"trunk": "efficientnet_lite0", "output_stride": 16, "width": 0.125, "pretrained": True, "head_bias": True}
RATES = {"unet": 3e-3, "a": 3e-3, "fcrn": 3e-2}  # by the trials of `PILOT`
RECIPE = {"optimizer": "adamw", "schedule": "cosine", "clip": 1.0, "median_start": True, "colour": 0.2}
PRINTED = {"betas": (0.9, 0.99), "eps": 1e-8, "schedule": "poly", "power": 1.5}
SMALL = ("unet", "a", "fcrn", *LABELS[:4])
STANDARD = Scale(
    {"steps": 600},
    attention_steps=400,
    rows=tuple(variant for variant in (*VARIANTS, *OF_OTHERS) if variant not in ("b", "c")),  # which `tilted` has
    doses=True,
)
QUICK = Scale({"steps": 150, "train_scenes": 256, "test_scenes": 64}, rows=SMALL)
SCALES = {
    "smoke": replace(QUICK, profile={}, streets=(32, 64), tilted=(32, 64), other=(32, 80), rooms=(32, 48)),
    "quick": QUICK,
    "standard": STANDARD,
    "full": Scale(
        {},
        (96, 192),
        (96, 192),
        (96, 320),
        (96, 128),
        attention={},
        psnl_stride=1,
        head={},
        fcrn={"width": 1.0},
        plan=PRINTED,
        lr=1e-4,
        rates={},
        doses=True,
    ),
}
TRIED = ("d", "d-masked", "e", "d-true", "unet", "a", "fcrn", "unet on tilted", "a on tilted", "d on tilted")
PILOT = Pilot(
    dict.fromkeys(TRIED, (3e-3, 1e-2, 3e-2)) | {"monodepth2": (1.5e-4, 5e-4, 1.5e-3)},
    metric="si_rmse",
    of_others=OF_OTHERS,
)


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on `spec.data`; test it on the true depth of streets, of other streets, of rooms, and in the gaps
    of labels.

    Profile "paper" is the paper's own training instead, with `spec.data` "mai": see `at_paper_scale`.

    Tests of `streets`: "streets", "streets-other" and "rooms", each also with "-median" (the prediction scaled per
    image, erratum A14), "gaps" (scored only where the labels of such frames are missing), "train-gaps" (the same on the
    training frames: what the soft labels are about), and "borders" (scored only beside steps in depth). Of its doses:
    "streets" and "gaps". Of `tilted`: "tilted", "borders", and for networks with PSNL "affinities". Images are not
    flipped: soft labels are stored per pixel.

    Raises:
        ValueError: an unknown variant or data set.
    """
    if spec.variant in FLOORS:
        return _floor(spec)
    if spec.variant not in VARIANTS:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(VARIANTS)}")
    if spec.profile == "paper":
        from depthlib.papers.anuw.at_paper_scale import recipe as at_paper_scale

        return at_paper_scale(spec)
    if spec.data not in (*DOSES, "tilted"):
        raise ValueError(f"unknown data {spec.data!r}: expected one of {', '.join((*DOSES, 'tilted'))}")
    scale, tilted = SCALES[spec.profile], spec.data == "tilted"
    own = scale.profile | ({"steps": scale.attention_steps} if tilted and scale.attention_steps else {})
    profile = spec.scaled(**own)
    options = {"psnl_stride": 1} if tilted else {}
    model, options = _model(spec.variant, profile, scale, FAR, **options)
    return Recipe(
        model=model,
        model_options=options,
        task=_task("d-masked" if tilted else spec.variant, FAR),
        train=_frames(spec.data, "train", profile.train_scenes, scale, hidden=spec.variant != "d-true"),
        tests=_tests(spec, scale, profile),
        plan=_plan(spec.variant, spec.data, profile, scale),
        pictures={"streets": 3, "gaps": 3} if spec.data == "streets" and spec.seed == 0 else {},
    )


def _floor(spec: RunSpec) -> Recipe:
    row = replace(spec, variant="a").recipe
    if spec.variant == "floor-ground":  # knows where the ground is, which the frames do not tell
        frames, how = row.tests["tilted"]
        tests: dict[str, tuple[Build, str | Build]] = {"tilted": (Build.of(WithGround, dataset=frames), how)}
        row = replace(row, train=Build.of(WithGround, dataset=row.train), tests=tests)
    return floor_recipe(row, spec.variant)


def _plan(variant: str, data: str, profile: Profile, scale: Scale) -> Plan:
    rate, warmup = scale.rates.get(variant + ON + data if data == "tilted" else variant, scale.lr), profile.steps // 6
    own: dict[str, Any] = scale.plan | ({"warmup": warmup} if scale.plan["schedule"] == "cosine" else {})
    if variant == "fcrn" and scale.fcrn.get("pretrained"):
        own |= {"trunk_rate": 0.1}
    return Plan(steps=profile.steps, batch_size=profile.batch_size, lr=rate, flip=0.0, **own)


def runs(
    profile: str, *, data: str | None = None, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None
) -> list[RunSpec]:
    """All runs behind the notebook, and the floors, once for each training set.

    Args:
        data, variants: only these. seeds: default: those of the profile; in "standard" six for what labels and
            attention do, four for all else.
    """
    if profile == "paper":
        chosen = {MAI: tuple(variant for variant in VARIANTS if variant != "d-true")}  # whose labels nobody knows
    else:
        scale = SCALES[profile]
        chosen = {"streets": scale.rows or (*VARIANTS, *OF_OTHERS), "tilted": TILTED_ROWS}
        chosen |= {dose: AT_EACH_DOSE for dose in DOSES if dose != "streets"} if scale.doses else {}
    specs = []
    for where, rows in chosen.items():
        if data not in (None, where):
            continue
        for variant in rows if variants is None else [one for one in rows if one in variants]:
            core = where == "tilted" or (where == "streets" and variant in LABELS)
            of_row = seeds or get_profile(profile).seeds[: SEEDS["core" if core else "other"]]
            specs += [RunSpec(OF_OTHERS.get(variant, "anuw"), variant, where, profile, seed) for seed in of_row]
        floors = FLOOR_ROWS if where != "tilted" else (*FLOOR_ROWS, "floor-ground")
        specs += [RunSpec("anuw", variant, where, profile) for variant in floors if variants is None]
    return specs


def _model(
    variant: str, profile: Profile, scale: Scale, max_depth: float, **attention: Any
) -> tuple[str, dict[str, Any]]:
    """Name and options. `attention`: options of its modules that differ."""
    head = scale.head | {"max_depth": max_depth}
    if variant == "fcrn":
        own = scale.fcrn if scale.head else {"width": profile.width / 32}  # the ReLU of its paper has no range
        return "fcrn", own | (head if scale.head else {})
    options = {"width": profile.width, **head}
    if variant in ("unet", "a"):
        return {"unet": "unet", "a": "unetpp"}[variant], options
    both = {"awca": variant != "c", "psnl": variant != "b", "psnl_stride": scale.psnl_stride}
    return "anu", options | scale.attention | both | attention


def _task(variant: str, max_depth: float) -> Build:
    if variant == "fcrn":
        return Build.of(BelievedZeros, loss=berhu_loss)
    options: dict[str, Any] = {"max_depth": max_depth}
    if variant in LOSSES:
        options["weights"] = {name: weight for name, weight in WEIGHTS.items() if name not in LOSSES[variant]}
    if variant.startswith("e"):
        literal = variant == "e-literal"
        return Build.of(SoftLabels, loss=anuw_loss, options=options, max_depth=max_depth, literal_zeros=literal)
    told = Supervised if variant in ("d-masked", "d-true") else BelievedZeros
    return Build.of(told, loss=anuw_loss, options=options)


def _frames(data: str, split: str, count: int, scale: Scale, *, hidden: bool) -> Build:
    """Frames of a training distribution; `hidden`: labels have its gaps."""
    size = scale.tilted if data == "tilted" else scale.streets
    knobs: dict[str, Any] = TILTED if data == "tilted" else {}
    share = DOSES.get(data, DOSES["streets"]) if hidden else 0.0
    if share:
        knobs = knobs | {"defect_share": share}
    return Build.of(scenes, family="streets", split=split, count=count, height=size[0], width=size[1], **knobs)


def _tests(spec: RunSpec, scale: Scale, profile: Profile) -> dict[str, tuple[Build, str | Build]]:
    """Every set, scored against the true depth: labels without gaps."""
    count = profile.test_scenes
    if spec.data == "tilted":
        own = _frames("tilted", "test", count, scale, hidden=False)
        tests: dict[str, tuple[Build, str | Build]] = {"tilted": (own, "anuw-streets"), "borders": _borders(own)}
        if spec.variant in ("c", "d"):
            tests["affinities"] = (own, Build.of(PSNLWithoutAffinities, protocol="anuw-streets"))
        return tests
    own = _frames("streets", "test", count, scale, hidden=False)
    gaps = {
        name: (Build.of(GapsOnly, dataset=_frames("streets", split, few, scale, hidden=True)), "anuw-gaps-streets")
        for name, split, few in (("gaps", "test", count), ("train-gaps", "train", min(128, profile.train_scenes)))
    }
    if spec.data != "streets":
        return {"streets": (own, "anuw-streets"), "gaps": gaps["gaps"]}
    few = min(128, count)  # what a test of another world can tell does not hang on many frames
    other = {"height": scale.other[0], "width": scale.other[1], "thin_structures": 2.0, "depth_tail": 2.0}
    rooms = {"height": scale.rooms[0], "width": scale.rooms[1]}
    sets = {
        "streets": (own, "streets"),
        "streets-other": (Build.of(scenes, family="streets", split="test", count=few, **other), "streets"),
        "rooms": (Build.of(scenes, family="rooms", split="test", count=few, **rooms), "rooms"),
    }
    tests = {}
    for name, (frames, protocol) in sets.items():
        tests |= {name: (frames, f"anuw-{protocol}"), f"{name}-median": (frames, f"anuw-{protocol}-median")}
    return tests | gaps | {"borders": _borders(own)}


def _borders(frames: Build) -> tuple[Build, str]:
    return Build.of(BordersOnly, dataset=frames), "anuw-gaps-streets"
