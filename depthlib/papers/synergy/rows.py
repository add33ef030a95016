"""Look Deeper into Depth: the rows of its tables as recipes, each a chain of runs, one per stage.

| variant | depth learns by | classes | sharing | row |
|---|---|---|---|---|
| `depth` | berHu, no up-skips | - | - | Table 1, depth |
| `suc` | berHu | - | - | + SUC |
| `suc-da` | L_DA | - | - | + SUC + L_DA |
| `sem` | L_DA | 4, cross entropy | none | + sem. |
| `cs` | L_DA | 4, cross entropy | cross-stitch | + sem. + CS |
| `lsu` | L_DA | 4, cross entropy | LSU | + sem. + LSU |
| `proposed` | L_DA + L_JG | 4, focal | LSU | Proposed; Tables 2 and 3 |
| `proposed-13` | L_DA + L_JG | 13, focal | LSU | Tables 3 and 4, where the paper has 40 |
| `laina`, `laina-sem` | berHu, up-projections, no up-skips | -, 4 | none | Table 3, Laina and Laina + sem. |
| `classes` | - | 13, cross entropy | - | Table 4, Baseline |
| `classes-focal` | - | 13, focal | - | Table 4, Without depth |
| `classes-balanced` | - | 13, focal, rare classes weigh more | - | ours: what the text says of alpha (erratum LD-7) |
| `floor-constant`, `floor-map`, `floor-classes` | see `depthlib.runs.floors` | | | ours: the floors |

`<variant>-stage1` and `<variant>-stage2` are the runs that the last stage continues from. Rows share the stages in
which they do not differ. `trunk` stands in for ImageNet pretraining: one backbone for all rows and seeds, trained on
the class labels of streets; it has seen neither depth nor rooms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.papers.synergy.measures import AttentionOnDepth, ClassScores, DepthRanges
from depthlib.papers.synergy.stages import STAGES, Stage
from depthlib.papers.synergy.task import StagedTask
from depthlib.runs.floors import floor_recipe
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.scenes.sets import scenes
from depthlib.training.fit import Plan

BERHU, AWARE = {"berhu": 1.0}, {"depth_aware": 1.0}
# 1/8 undoes the gain of the Sobel kernels; at the paper's 1 the gradient term dominates a short run (erratum LD-15).
EDGES = AWARE | {"joint_gradient": 1 / 8}
ENTROPY, FOCAL = {"cross_entropy": 1.0}, {"semantic_focal": 1.0}
FAR = 5.0  # metres; beyond it a pixel of a room counts as far


@dataclass(frozen=True)
class Variant:
    """A row.

    Attributes:
        network: options of the network.
        depth, classes: terms of the loss on the depth and on the classes, with their weights.
        first: the variant whose first stage the row continues from; None for its own.
        balanced: see `StagedTask`.
    """

    network: Mapping[str, Any]
    depth: Mapping[str, float] = field(default_factory=dict)
    classes: Mapping[str, float] = field(default_factory=dict)
    first: str | None = None
    balanced: bool = False


ALONE = {"classes": 0, "sharing": "none"}
FOUR, THIRTEEN, LABELS = {"classes": 4}, {"classes": 13}, {"classes": 13, "depth": False, "sharing": "none"}
VARIANTS = {
    "depth": Variant(ALONE | {"skips": False}, BERHU),
    "suc": Variant(ALONE, BERHU),
    "suc-da": Variant(ALONE, AWARE),
    "sem": Variant(FOUR | {"sharing": "none"}, AWARE, ENTROPY, "suc-da"),
    "cs": Variant(FOUR | {"sharing": "cross_stitch"}, AWARE, ENTROPY, "suc-da"),
    "lsu": Variant(FOUR | {"sharing": "lsu"}, AWARE, ENTROPY, "suc-da"),
    "proposed": Variant(FOUR | {"sharing": "lsu"}, EDGES, FOCAL),
    "proposed-13": Variant(THIRTEEN | {"sharing": "lsu"}, EDGES, FOCAL, "proposed"),
    "laina": Variant(ALONE | {"skips": False, "up": "projection"}, BERHU),
    "laina-sem": Variant(FOUR | {"sharing": "none", "skips": False, "up": "projection"}, BERHU, ENTROPY, "laina"),
    "classes": Variant(LABELS, {}, ENTROPY),
    "classes-focal": Variant(LABELS, {}, FOCAL),
    "classes-balanced": Variant(LABELS, {}, FOCAL, balanced=True),
}
TABLE1 = ("depth", "suc", "suc-da", "sem", "cs", "lsu", "proposed")
SHOWN = ("suc", "suc-da", "cs", "lsu", "proposed", "proposed-13")  # whose weights are shipped for the lesson
TAIL = ("suc", "suc-da")  # the pair of the experiment on the depth tail; only the loss differs
FLOOR_ROWS = {"floor-constant": "suc", "floor-map": "suc", "floor-classes": "classes"}  # -> row with the same tests
TAILS = {"rooms-short": 0.25, "rooms": 1.0, "rooms-long": 2.0}  # data -> `depth_tail` of the scenes


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ; `steps` are those of the first stage.
        shares: steps of `trunk` and of the three stages, in steps of the first stage.
        width: factor on the channels; 1 is the paper's.
        pace: factor on the learning rates of all stages.
        schedule: fields of the plan.
    """

    profile: Mapping[str, Any]
    shares: tuple[float, float, float, float]
    width: float
    pace: float
    schedule: Mapping[str, Any]


# Tuned on the first stage of `suc` until it learned at all: three times the paper's rates (1e-3, 3e-3, 1e-2 tried), the
# ReLU of FCRN (two bounded heads tried), half the width for twice the batch. From random weights its test error stays
# near that of a constant.
QUICK = Scale(
    {"steps": 80, "batch_size": 8, "train_scenes": 128},
    (4.0, 1.0, 0.4, 0.6),
    1 / 16,
    3.0,
    {"schedule": "poly", "power": 0.9},
)
SCALES = {
    "smoke": replace(QUICK, profile={}, shares=(1.0, 1.0, 1.0, 1.0)),
    "quick": QUICK,
    # The rate drops to a tenth every 20 of 60 epochs; the paper does not give the number of epochs of a stage.
    "full": Scale(
        {"batch_size": 12},
        (1.0, 1.0, 1.0, 1.0),
        1.0,
        1.0,
        {"schedule": "step", "milestones": (1 / 3, 2 / 3), "drop": 0.1},
    ),
}


def recipe(spec: RunSpec) -> Recipe:
    """One stage of a variant on `spec.data`, a key of `TAILS`; it starts from the stage before.

    Tests of a last stage: its own rooms, at all true depths ("rooms"), at those below a limit ("rooms-4m", "rooms-6m",
    "rooms-8m") and at those beyond `FAR` ("rooms-far"); "rooms-long", which are not in its training set; "ranges",
    "attention" and "classes", see `depthlib.papers.synergy.measures`. Other stages have the first and the last of them.

    Raises:
        ValueError: an unknown variant or data set.
        NotImplementedError: profile "paper", whose data set is not connected to this recipe yet.
    """
    if spec.variant in FLOOR_ROWS:
        return floor_recipe(replace(spec, variant=FLOOR_ROWS[spec.variant]).recipe, spec.variant)
    if spec.variant == "trunk":
        return _trunk(spec)
    name, _, stage = spec.variant.partition("-stage")
    if spec.variant not in stages_of(name):
        known = ", ".join(VARIANTS)
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {known}, or a stage before its last")
    if spec.data not in TAILS:
        raise ValueError(f"unknown data {spec.data!r}: expected one of {', '.join(TAILS)}")
    scale, profile = _scale(spec)
    variant, number = VARIANTS[name], int(stage or 3)
    network = variant.network if number > 1 or not variant.depth else {**variant.network, **ALONE}
    chain = stages_of(name)
    position = chain.index(spec.variant)
    trunk = replace(spec, variant="trunk", data="streets", seed=0)
    last = number == 3
    return Recipe(
        model="synergy",
        model_options={**network, "width": scale.width, "max_depth": MAX_DEPTH["rooms"]},
        task=_task(variant, number, network["classes"], scale.pace),
        train=_rooms("train", profile.train_scenes, spec.data),
        tests=_tests(variant, network["classes"], profile, spec.data, last),
        plan=_plan(scale, profile, number),
        pictures={"rooms": 4} if last and variant.depth and spec.seed == 0 else {},
        ship_weights=spec.profile == "quick" and spec.seed == 0 and spec.data == "rooms" and spec.variant in SHOWN,
        start=replace(spec, variant=chain[position - 1]) if position else trunk,
    )


def _trunk(spec: RunSpec) -> Recipe:
    """The backbone of all rows, trained on the class labels of streets."""
    if spec.data != "streets" or spec.seed:
        raise ValueError(f"trunk is trained once: found {spec.data!r}, seed {spec.seed}, expected 'streets', seed 0")
    scale, profile = _scale(spec)
    rates = {"backbone": 1e-3 * scale.pace, "semantics": 1e-3 * scale.pace}
    size = {"height": 64, "width": 128}
    test = Build.of(scenes, family="streets", split="test", count=profile.test_scenes, **size)
    return Recipe(
        model="synergy",
        model_options={"classes": 8, "depth": False, "sharing": "none", "width": scale.width},
        task=Build.of(
            StagedTask,
            stage={"name": "trunk", "rates": rates},
            weights=ENTROPY,
            classes=8,
            max_depth=MAX_DEPTH["streets"],
        ),
        train=Build.of(scenes, family="streets", split="train", count=profile.train_scenes, **size),
        tests={"classes": (test, Build.of(ClassScores, classes=8))},
        plan=_plan(scale, profile, 0),
        ship_weights=spec.profile == "quick",
    )


def _scale(spec: RunSpec) -> tuple[Scale, Profile]:
    if spec.profile not in SCALES:
        raise NotImplementedError(
            f"synergy at profile {spec.profile!r} needs the labelled NYU set (795 pairs to train, batch 12) and an "
            f"ImageNet trunk, which are not connected to this recipe yet: expected one of {', '.join(SCALES)}"
        )
    scale = SCALES[spec.profile]
    return scale, spec.scaled(**scale.profile)


def _plan(scale: Scale, profile: Profile, stage: int) -> Plan:
    steps = max(1, round(profile.steps * scale.shares[stage]))
    return Plan(steps=steps, batch_size=profile.batch_size, lr=1e-3 * scale.pace, **scale.schedule)


def stages_of(name: str) -> tuple[str, ...]:
    """The variants of the runs that lead to `name`, itself last; empty for an unknown name.

    Without a branch for classes there is no second stage. Without one for depth the first stage trains the classes.
    """
    if name not in VARIANTS:
        return ()
    variant = VARIANTS[name]
    second = (f"{name}-stage2",) if variant.depth and variant.classes else ()
    return (f"{variant.first or name}-stage1", *second, name)


def runs(profile: str, *, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook, each after those that it starts from.

    Args:
        variants: default: the rows of the tables on "rooms", and the pair `TAIL` on the other data.
        seeds: default: those of the profile.
    """
    rows = variants or tuple(VARIANTS)
    wanted = [(name, "rooms") for name in rows]
    wanted += [(name, data) for data in TAILS if data != "rooms" for name in TAIL if name in rows]
    chained: dict[tuple[str, str, int], None] = {}
    for name, data in wanted:
        chained |= {(run, data, s): None for run in stages_of(name) for s in seeds or get_profile(profile).seeds}
    trunk = RunSpec("synergy", "trunk", "streets", profile, 0)
    floors = [
        RunSpec("synergy", name, data, profile)
        for name, row in FLOOR_ROWS.items()
        for data in TAILS
        if variants is None and (row == "suc" or data == "rooms")
    ]
    return [trunk, *(RunSpec("synergy", run, data, profile, seed) for run, data, seed in chained), *floors]


def _task(variant: Variant, number: int, classes: int, pace: float) -> Build:
    """What a stage minimises: those terms of the stage that the variant has."""
    stage: Stage = STAGES[number - 1]
    if not variant.depth and number == 1:  # classes alone: nothing to freeze
        stage = Stage("classes", {"backbone": 1e-3, "semantics": 1e-3})
    weights = {1: variant.depth or variant.classes, 2: variant.classes, 3: {**variant.depth, **variant.classes}}[number]
    rates = {part: pace * rate for part, rate in stage.rates.items()}
    # The first stage predicts no classes yet whose edges the depth could follow.
    options = {"gradient_mode": "none"} if number == 1 else {}
    return Build.of(
        StagedTask,
        stage={"name": stage.name, "rates": rates, "bypass": stage.bypass},
        weights=weights,
        max_depth=MAX_DEPTH["rooms"],
        classes=classes,
        balanced=variant.balanced,
        **options,
    )


def _rooms(split: str, count: int, data: str) -> Build:
    tail = {} if TAILS[data] == 1 else {"depth_tail": TAILS[data]}
    return Build.of(scenes, family="rooms", split=split, count=count, **tail)


def _tests(
    variant: Variant, classes: int, profile: Profile, data: str, last: bool
) -> dict[str, tuple[Build, str | Build]]:
    own, tests = _rooms("test", profile.test_scenes, data), {}
    if variant.depth:
        tests[data] = (own, "synergy-rooms")
    if variant.depth and last:
        tests["ranges"] = (own, Build.of(DepthRanges, edges=[0.0, 2.0, 4.0, 6.0, 8.0, 10.0], far=FAR))
        tests["attention"] = (own, Build.of(AttentionOnDepth))
    if variant.depth and last and data == "rooms":
        tests |= {f"rooms-{cut}m": (own, f"synergy-rooms+max_depth={cut}.0") for cut in (4, 6, 8)}
        tests["rooms-far"] = (own, f"synergy-rooms+min_depth={FAR}")
        tests["rooms-long"] = (_rooms("test", profile.test_scenes, "rooms-long"), "synergy-rooms")
    if classes:
        tests["classes"] = (own, Build.of(ClassScores, classes=classes))
    return tests
