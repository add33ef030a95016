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
| `suc-concat` | berHu, levels concatenated | - | - | ours: what Sec. 3.2 chose the sum over |
| `lsu-no-identity` | L_DA | 4, cross entropy | LSU without identity | ours: what Sec. 3.2 warns of |
| `proposed-edges` | L_DA + L_JG | 4, focal | LSU | ours: L_g(d, s) at a weight that acts |
| `outdoors`, `outdoors-scratch` | L_DA + L_JG | 8, focal | LSU | ours: 200 streets, after rooms and from ImageNet |
| `floor-constant`, `floor-map`, `floor-classes` | see `depthlib.runs.floors` | | | ours: the floors |

Profile "paper" has the rows on the paper's own data, `nyu` and `kitti`, with 40 for 13 classes: see `at_paper_scale`.

`<variant>-stage1` and `<variant>-stage2` are the runs that the last stage continues from. Rows share the stages in
which they do not differ, so they are paired. Below profile "full" the trunk has ImageNet weights and stride 16: frames
of 96x128 have 6x8 cells, the paper's 8x10. The rates of the stages are the paper's, times one factor; the trunk learns
at a tenth of the first stage's.

The rows of Table 4 without depth see their labels for as many steps as `proposed-13`, the second and third stage, with
the trunk at the same rates. What they lack is the first stage, which has no labels of classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.papers.synergy.frames import OUTDOORS, TAILS, Tests, frames, tests_of_classes, tests_of_depth
from depthlib.papers.synergy.plan_rate import AtPlanRate
from depthlib.papers.synergy.stages import STAGES, Stage
from depthlib.papers.synergy.task import StagedTask
from depthlib.papers.synergy.variants import ABROAD, ALONE, VARIANTS, Variant, place, stages_of
from depthlib.runs.floors import floor_recipe
from depthlib.runs.pilot import Pilot
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.training.fit import Plan

PRINTED_RATE = 1e-3  # of the parts that a stage trains at full speed, see `STAGES`


TABLE1 = ("depth", "suc", "suc-da", "sem", "cs", "lsu", "proposed")
TAIL = ("suc", "suc-da")  # the pair of the experiment on the depth tail; only the loss differs
CLOSELY = ("depth", "suc", "suc-da", "proposed")  # rows whose errors are told apart by depth
SIX_SEEDS = TABLE1  # of profile "standard", with the tails; all other rows have `OTHER_SEEDS`
OTHER_SEEDS = 4
CUT_FIRST = ("outdoors", "outdoors-scratch", "laina-sem", "suc-concat", "proposed-edges")  # if time is short
OWN = ("nyu", "kitti")  # data of profile "paper", where the other profiles have rooms and streets
FLOOR_ROWS = {"floor-constant": "suc", "floor-map": "suc", "floor-classes": "classes"}  # -> row with the same tests


@dataclass(frozen=True)
class Scale:
    """What this paper sets for itself in a profile.

    Attributes:
        profile: fields of the profile that differ; `steps` are those of the first stage.
        shares: steps of the three stages, in steps of the first stage.
        network: options of all networks.
        lr: of the parts that learn at 1e-3 in print; all other rates of the stages are scaled alike.
        plan: fields of the plan.
        trunk_rate: factor on the rate of the trunk in the first stage.
        validate: whether the errors on `VAL` frames are followed in training.
        rows: variants that are trained; None for all. tails: whether those of `TAIL` are on all of `TAILS`.
    """

    profile: Mapping[str, Any]
    shares: tuple[float, float, float]
    network: Mapping[str, Any]
    lr: float
    plan: Mapping[str, Any]
    trunk_rate: float = 1.0
    validate: bool = False
    rows: tuple[str, ...] | None = None
    tails: bool = True


CELLS = {"trunk": "efficientnet_lite0", "output_stride": 16, "width": 0.125, "pretrained": True}
HEAD = {"activation": "log", "min_depth": 0.3, "head_bias": True}
RECIPE = {"optimizer": "adamw", "schedule": "cosine", "clip": 1.0, "median_start": True, "colour": 0.2}
VAL = 32
STANDARD = Scale(
    {"steps": 400, "train_scenes": 1024}, (1.0, 0.4, 0.6), CELLS | HEAD, 1e-2, RECIPE, trunk_rate=0.1, validate=True
)
QUICK = replace(
    STANDARD,
    profile={"steps": 120, "train_scenes": 256, "test_scenes": 64},
    validate=False,
    rows=("suc", "suc-da", "lsu", "proposed"),
    tails=False,
)
SCALES = {
    "smoke": replace(STANDARD, profile={}, shares=(1.0, 1.0, 1.0)),
    "quick": QUICK,
    "standard": STANDARD,
    # The rate drops to a tenth every 20 of 60 epochs (erratum LD-17). From random weights, as no package brings those
    # of a ResNet-50.
    "full": Scale(
        {"batch_size": 12},
        (1.0, 1.0, 1.0),
        {"width": 1.0},
        PRINTED_RATE,
        {"schedule": "step", "milestones": (1 / 3, 2 / 3), "drop": 0.1},
    ),
}
SCALES["paper"] = replace(SCALES["full"], tails=False)
PILOT = Pilot(
    {f"{row}-stage1": (3e-3, 1e-2, 3e-2) for row in ("depth", "suc", "suc-da", "proposed", "laina", "suc-concat")},
    data="rooms",
    test="rooms",
)


def recipe(spec: RunSpec) -> Recipe:
    """One stage of a variant on `spec.data`, a key of `TAILS`, or `OUTDOORS`; it starts from the stage before.

    Tests: see `depthlib.papers.synergy.frames`; of stages that are not the last only the errors on their own data, and
    "classes".

    Raises ValueError for an unknown variant or data set.
    """
    if spec.profile == "paper":
        from depthlib.papers.synergy.at_paper_scale import recipe as at_paper_scale

        return at_paper_scale(spec)
    if spec.variant in FLOOR_ROWS:
        row = "outdoors" if spec.data == OUTDOORS else FLOOR_ROWS[spec.variant]
        return floor_recipe(replace(spec, variant=row).recipe, spec.variant)
    name, number, start = place(spec)
    variant = VARIANTS[name]
    known = (OUTDOORS,) if variant is ABROAD else tuple(TAILS)
    if spec.data not in known:
        raise ValueError(f"unknown data {spec.data!r}: expected one of {', '.join(known)}")
    scale = SCALES[spec.profile]
    profile = spec.scaled(**scale.profile)
    network = {**variant.network, **ALONE} if number == 1 else variant.network
    if name == "outdoors":
        start = replace(spec, variant="proposed", data="rooms")
    last, own = number == 3, spec.data
    tests = tests_of_depth(own, profile.test_scenes, closely=name in CLOSELY) if variant.depth else {}
    tests |= tests_of_classes(own, profile.test_scenes, network["classes"]) if network["classes"] else {}
    train = min(200, profile.train_scenes) if own == OUTDOORS else profile.train_scenes
    return Recipe(
        model="synergy",
        model_options={**network, **scale.network, "max_depth": farthest(own)},
        task=task_of(variant, number, network["classes"], scale, own),
        train=frames("train", train, own),
        val=_val(tests, own, profile) if scale.validate else None,
        tests=tests if last else {test: tests[test] for test in (own, "classes") if test in tests},
        plan=plan_of(scale, profile, variant, number),
        pictures={own: 3} if last and variant.depth and spec.seed == 0 else {},
        start=start,
    )


def _val(tests: Tests, data: str, profile: Profile) -> tuple[Build, str | Build]:
    return frames("val", min(VAL, profile.test_scenes), data), (tests[data] if data in tests else tests["classes"])[1]


def farthest(data: str) -> float:
    """The largest depth of a data set, in metres."""
    return MAX_DEPTH["streets" if data in (OUTDOORS, OWN[1]) else "rooms"]


def plan_of(scale: Scale, profile: Profile, variant: Variant, number: int) -> Plan:
    steps = max(1, round(profile.steps * scale.shares[number - 1]))
    own: dict[str, Any] = dict(scale.plan)
    if own["schedule"] == "cosine":
        own["warmup"] = steps // 6
    # The heads start at the median once; a later stage would lose what they have learned.
    own["median_start"] = bool(own.get("median_start") and (number == 1 or variant is ABROAD))
    if number == 1 or variant is ABROAD:
        own["trunk_rate"] = scale.trunk_rate
    elif not variant.depth and scale.trunk_rate != 1:  # as the trunk of `proposed-13` in this stage
        own["trunk_rate"] = STAGES[number - 1].rates["backbone"] / PRINTED_RATE
    every = -(-steps // 8) if scale.validate else 0
    return Plan(steps=steps, batch_size=profile.batch_size, lr=scale.lr, validate_every=every, **own)


def runs(profile: str, *, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook, each after those that it starts from.

    Args:
        variants: default: the rows of the profile, those of `TAIL` on all tails where it has them, and the floors.
        seeds: default: those of the profile; in "standard" six for Table 1 and the tails, four for all else.
    """
    scale, (home, away) = SCALES[profile], OWN if profile == "paper" else ("rooms", OUTDOORS)
    rows = variants or scale.rows or tuple(VARIANTS)
    wanted = [(name, away if VARIANTS[name] is ABROAD else home) for name in rows]
    if scale.tails:
        wanted += [(name, data) for data in TAILS if data != "rooms" for name in TAIL if name in rows]
    chained: dict[tuple[str, str, int], None] = {}
    for name, data in wanted:
        most = None if name in SIX_SEEDS else OTHER_SEEDS
        repetitions = seeds or get_profile(profile).seeds[:most]
        chained |= {(run, data, seed): None for run in stages_of(name) for seed in repetitions}
    floors = [
        RunSpec("synergy", floor, data, profile)
        for floor, row in FLOOR_ROWS.items()
        for data in dict.fromkeys(data for _, data in wanted)
        if variants is None and (row in TAIL or (row in rows and data in ("rooms", OUTDOORS)))  # none of classes on OWN
    ]
    return [*(RunSpec("synergy", run, data, profile, seed) for run, data, seed in chained), *floors]


def task_of(variant: Variant, number: int, classes: int, scale: Scale, data: str) -> Build:
    """What a stage minimises: those terms of the stage that the variant has."""
    stage: Stage = STAGES[number - 1]
    weights = {1: variant.depth, 2: variant.classes, 3: {**variant.depth, **variant.classes}}[number]
    if not variant.depth:  # classes alone: nothing to freeze
        stage = Stage(stage.name, {part: stage.rates[part] for part in ("backbone", "semantics")})
    rates = {part: scale.lr / PRINTED_RATE * rate for part, rate in stage.rates.items()}
    options: dict[str, Any] = {"balanced": True} if variant.balanced else {}
    # The first stage predicts no classes yet whose edges the depth could follow.
    options |= {"gradient_mode": "none"} if number == 1 else {"semantic_weight": variant.edges}
    return Build.of(
        AtPlanRate if number == 1 or not variant.depth or variant is ABROAD else StagedTask,
        stage={"name": stage.name, "rates": rates, "bypass": stage.bypass},
        weights=weights,
        max_depth=farthest(data),
        classes=classes,
        **options,
    )
