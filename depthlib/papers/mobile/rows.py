"""Mobile relative depth: the rows of Tables 1 to 7 as recipes. (IP: intermediate prediction.)

| variant | data | network | learns from | row |
|---|---|---|---|---|
| `<encoder>-nnconv5` | rooms | encoder + NNConv5 | dense metres, L1 | Table 1, all ten; Table 2 |
| `efficientnet_lite0-nnconv5`, `-nnconv5-imagenet` | rooms | the same | the same | ours: what pretraining is worth |
| `<encoder>-fbnet` | rooms | encoder + FBNet decoder | the same | Table 2 |
| `mobilenet_v2-x112` | rooms | the student | the same | Table 2 last row; Table 3 NYUv2 |
| `diw`, `rw`, `mc` | diw, rw, mc | the student | ordinal pairs; relative maps; depth up to a scale | Table 3 |
| `rw-diw`, `mc-diw`, `mc-rw-diw` | diw | from `rw`, `mc`, `mc-rw` | its last set | Table 3; baseline of Tables 4 to 7 |
| `mc-rw` | rw | from `mc` | its last set | none: a link of the chain |
| `mc-rw-diw-1ip`, `mc-rw-diw-2ip` | diw | + 1, 2 IP in all stages | its last set | Table 4, upper half |
| `pi` | diw | the student | teacher: RMSE (PI) | Table 5 |
| `ranking-pi` | diw | the student | pairs; PI | Table 5 |
| `kd` | diw | the student | pairs; PI; affinities (PA) | Table 5; Table 4 No IP |
| `kd-gan` | diw | the student, a critic | + holistic loss | Table 5 |
| `kd-1ip`, `kd-2ip` | diw | + 1, 2 IP | as `kd` | Table 4; `kd-2ip` Table 5 last row, Table 6 no loss rebalancing |
| `mtadam` | diw | + 2 IP | as `kd-2ip`, optimiser MTAdam | Table 6 |
| `wi-easy-hard` | diw | + 2 IP | seven terms rebalanced, weights initialised | Table 6, WI + easy to hard |
| `easy-hard` | diw | + 2 IP | three terms rebalanced (FIP) | Table 6, no WI + easy to hard, FIP |
| `hard-easy` | diw | + 2 IP | three terms rebalanced (FIP) | Table 6 last row; Table 7 Ours |
| `wi-fip`, `no-fip` | diw | + 2 IP | `easy-hard` with WI; `hard-easy` without FIP | ours: erratum MB-23 |
| `pruned-1.9`, `pruned-1.5`, `pruned-1.0` | diw | `hard-easy`, pruned | as `hard-easy` | Table 7 v1, v2, v3 |
| `search-1.9`, `search-1.5`, `search-1.0` | diw | pruning, see `pruning.py` | as `kd`, a few steps | none: links |
| `unpruned` | diw | `hard-easy`, whole | as `hard-easy` | ours: the control of the three pruned ones |
| `teacher` | y3d | EncDecResNet | relative maps | Table 7, Chen et al. [4] |
| `hourglass` | diw | network of Chen et al. [3] | ordinal pairs | Table 7, Chen et al. DIW |
| `floor-constant`, `floor-map` | rooms | see `depthlib.runs.floors` | dense metres | ours: floors of Tables 1, 2 |
| `floor-rank`, `floor-log` | diw | the same | the dense depth behind the pairs | ours: the floors of Tables 3 to 7 |

In print the encoders start from ImageNet. Here below profile "full" those of the students do, and of Tables 1 and 2 the
row that says so; EfficientNet-Lite0 is the student's encoder there, since its weights come as a package. All other
encoders, the hourglass and the teacher start from random weights, at "full" the students, too.

Tests of every network: "diw" (metrics whdr, and whdr_ramp of "higher up is farther"), "mc" and, of maps without a unit,
"mc-aligned" (si_mse, si_rmse, si_rmse_pairs, and each with _constant, in the two readings of `ScaleInvariant`), "nyu"
(rmse after the z-score of Chen et al. 2016, and rmse_ramp). Networks on rooms also have "rooms", protocol "scenes", in
metres.

Curves: the terms before weighting ("ranking", "rmse", "pairwise", "holistic", "critic"), and with rebalancing the
weights of that step ("weight_ranking", "weight_rmse", "weight_pairwise"); without FIP "rmse_0", "weight_rmse_0" etc.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from depthlib.base.build import Build
from depthlib.losses.regression import l1_loss
from depthlib.papers.mobile.measures import MetresOfRelative, PairOrder, ScaleInvariant
from depthlib.papers.mobile.pruning import LONGER, PRUNED, SEARCHES, pruned_recipe
from depthlib.papers.mobile.scales import PAIRS_TESTED, PART, SCALES, Scale
from depthlib.papers.mobile.sets import labelled
from depthlib.papers.mobile.task import PairsAndTeacher, RelativeDepth, ScaleFreeDepth
from depthlib.papers.mobile.variants import DATA, DESIGN, FROM_IMAGENET, VARIANTS, Variant
from depthlib.runs.floors import floor_recipe
from depthlib.runs.pilot import Pilot
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.training.fit import Plan
from depthlib.training.tasks import Supervised

FLOOR_ROWS = {"floor-constant": "rooms", "floor-map": "rooms", "floor-rank": "diw", "floor-log": "diw"}  # -> data
ANNOUNCED = ("mc", "mc-rw", "mc-rw-diw", "kd", "kd-2ip", "hard-easy", *SEARCHES, *PRUNED)
SEEDS = {"announced": 6, "other": 4}
EPOCHS = 5  # of the paper's training on pairs: the rebalancing has a lambda for each
EVENTS = 5  # of the rebalancing in an epoch
MOST_ROOMS = 512  # test images in metres

# As many rates for each side of a claim, the chain among them.
PILOT = Pilot(
    {name: (3e-4, 1e-3, 3e-3) for name in ("diw", "mc-rw-diw", "pi", "kd", "kd-2ip", "hard-easy")},
    data="diw",
    test="diw",
    metric="whdr",
)


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on its data and measure it; see the table at the top of this file.

    Profile "paper" is the paper's own training instead, with other names of data: see `at_paper_scale`.

    Raises ValueError for an unknown variant, or other data than the variant has.
    """
    if spec.profile == "paper":
        from depthlib.papers.mobile.at_paper_scale import recipe as at_paper_scale

        return at_paper_scale(spec)
    if spec.variant in FLOOR_ROWS:
        return _floor(spec)
    if spec.variant not in DATA:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(DATA)}")
    if spec.data != DATA[spec.variant]:
        raise ValueError(f"unknown data {spec.data!r} for {spec.variant!r}: expected {DATA[spec.variant]}")
    scale = SCALES[spec.profile]
    profile = spec.scaled(**scale.profile)
    if spec.variant in DESIGN:
        return _design(spec, scale, profile)
    if spec.variant in VARIANTS:
        return _student(spec, scale, profile)
    if spec.variant in (*SEARCHES, *PRUNED, LONGER):
        return pruned_recipe(spec, _student(replace(spec, variant="hard-easy"), scale, profile))
    return {"teacher": _teacher, "hourglass": _hourglass}[spec.variant](spec, scale, profile)


def runs(profile: str, *, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook, each after those that it starts from.

    Args:
        variants: default: the rows of the profile and the floors.
        seeds: default: those of the profile, six for the rows of announced claims, four for all others. The teacher is
            trained once.
    """
    data, floor_rows = DATA, FLOOR_ROWS
    if profile == "paper":
        from depthlib.papers.mobile.at_paper_scale import data_of

        data = {name: data_of(name) for name in DATA}
        floor_rows = {name: data_of(name) for name in ("floor-constant", "floor-map")}
    chained: dict[tuple[str, int], RunSpec] = {}
    for name in variants or SCALES[profile].rows or DATA:
        default = get_profile(profile).seeds[: SEEDS["announced" if name in ANNOUNCED else "other"]]
        for seed in [0] if name == "teacher" else seeds or default:
            for run in _needed(RunSpec("mobile", name, data[name], profile, seed)):
                chained[run.variant, run.seed] = run
    floors = [RunSpec("mobile", name, own, profile) for name, own in floor_rows.items() if variants is None]
    return [*chained.values(), *floors]


def _needed(spec: RunSpec) -> list[RunSpec]:
    """The run after all runs that it needs."""
    before = [run for need in spec.recipe.needs().values() for run in _needed(need)]
    return [*before, spec]


def _floor(spec: RunSpec) -> Recipe:
    """In metres where the networks are; else from the dense depth behind the pairs, since a pair fills no map."""
    if spec.data == "rooms":
        return floor_recipe(replace(spec, variant="mobilenet_v2-nnconv5").recipe, spec.variant)
    student = replace(spec, variant="diw").recipe
    tests = {"floor-rank": ("diw", "nyu", "mc-aligned"), "floor-log": ("mc", "nyu")}[spec.variant]
    return floor_recipe(student, spec.variant, train=student.train.options["frames"], tests=tests)


def _design(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """Tables 1 and 2: dense metres of rooms, L1, in print SGD."""
    encoder, decoder = spec.variant.removesuffix("-imagenet").rsplit("-", 1)
    options: dict[str, Any] = {"encoder": encoder} | ({"full": True} if decoder == "fbnet" else {})
    options |= {"pretrained": True} if spec.variant == FROM_IMAGENET else {}
    printed = {"optimizer": "sgd", "weight_decay": 1e-4, "milestones": (1 / 3, 2 / 3), "drop": 0.1}
    tested = _labelled("rooms", "test", min(MOST_ROOMS, profile.test_scenes), scale)
    return Recipe(
        model="nnconv5" if decoder == "nnconv5" else "mobile",
        model_options=options,
        task=Build.of(Supervised, loss=l1_loss),
        train=_train("rooms", scale, profile),
        tests={"rooms": (tested, "scenes")} | _tests(scale, profile, metres=True),
        plan=_plan(spec, scale, profile, printed, pretrained="pretrained" in options),
    )


def _student(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """Tables 3 to 6: the student on one set, from ImageNet or from its training on another set."""
    variant = VARIANTS[spec.variant]
    before = variant.before and replace(spec, variant=variant.before, data=DATA[variant.before])
    distilled = set(variant.terms) != {"ranking"}
    printed = {"milestones": (1 / 3, 2 / 3) if variant.data == "mc" else (0.2, 0.4, 0.6, 0.8), "drop": 0.5}
    plan = _plan(spec, scale, profile, printed, pretrained=scale.student.get("pretrained", False))
    return Recipe(
        model="mobile",
        model_options={**scale.student, "intermediate": variant.heads},
        task=task_of(variant, scale, plan.steps),
        train=_train(spec.data, scale, profile),
        tests=_tests(scale, profile),
        plan=replace(plan, optimizer="mtadam", clip=None) if variant.mtadam else plan,
        start=before or None,
        networks={"teacher": replace(spec, variant="teacher", data=DATA["teacher"], seed=0)} if distilled else {},
    )


def task_of(variant: Variant, scale: Scale, steps: int) -> Build:
    if variant.data == "mc":
        return Build.of(ScaleFreeDepth)
    if variant.data == "rw":
        return Build.of(RelativeDepth, pairs=scale.pairs)
    options: dict[str, Any] = {"terms": variant.terms}
    if variant.rebalance is not None:
        epoch = max(1, steps // EPOCHS)  # of the course of lambda, however often the pictures are seen
        options["rebalance"] = {"steps_per_epoch": epoch, "events": min(EVENTS, epoch), **variant.rebalance}
        options["separate"] = variant.separate
    if "holistic" in variant.terms:
        options["critic"] = scale.critic
    return Build.of(PairsAndTeacher, **options)


def _teacher(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """EncDecResNet on relative maps of rooms and streets: it has more labels than any student."""
    if spec.seed:
        raise ValueError(f"{spec.variant} is trained once: found seed {spec.seed}, expected 0")
    return Recipe(
        model="enc_dec_resnet",
        model_options=dict(scale.teacher),
        task=Build.of(RelativeDepth, pairs=scale.pairs),
        train=_train(spec.data, scale, profile),
        tests=_tests(scale, profile),
        plan=_plan(spec, scale, profile, {"schedule": "poly"}),
    )


def _hourglass(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """Chen et al. [3] on DIW alone."""
    return Recipe(
        model="diw_hourglass",
        model_options=dict(scale.hourglass),
        task=task_of(VARIANTS["diw"], scale, profile.steps),
        train=_train(spec.data, scale, profile),
        tests=_tests(scale, profile),
        plan=_plan(spec, scale, profile, {"milestones": (0.2, 0.4, 0.6, 0.8), "drop": 0.5}),
    )


def _plan(
    spec: RunSpec, scale: Scale, profile: Profile, printed: Mapping[str, Any], *, pretrained: bool = False
) -> Plan:
    """`printed`: the paper's optimiser and schedule, which a scale without a plan of its own has."""
    steps = max(1, round(profile.steps * scale.shares[spec.data]))
    own: dict[str, Any] = {"schedule": "step", **printed}
    if scale.plan is not None:
        metres = spec.data == "rooms"
        own = {**scale.plan, "warmup": steps // 6, "median_start": metres, "trunk_rate": 0.1 if pretrained else 1.0}
    rate = scale.rates.get(spec.variant, scale.rates[spec.data])
    return Plan(steps=steps, batch_size=profile.batch_size, lr=rate, colour=0.2, **own)


def _train(data: str, scale: Scale, profile: Profile) -> Build:
    """A set with two families has half of its pictures of each."""
    count = profile.train_scenes // PART[data] // (2 if data in ("diw", "y3d") else 1)
    return _labelled(data, "train", max(1, count), scale)


def _labelled(data: str, split: str, count: int, scale: Scale, pairs: int = 1) -> Build:
    return labelled(data, split, count, scale.frames, scale.size, pairs)


def _tests(scale: Scale, profile: Profile, *, metres: bool = False) -> dict[str, tuple[Build, str | Build]]:
    count = min(scale.others_tested, profile.test_scenes)
    pairs = _labelled("diw", "test", profile.test_scenes, scale, PAIRS_TESTED)
    rooms = _labelled("rooms", "train", min(scale.others_tested, max(1, profile.train_scenes // PART["rooms"])), scale)
    short = _labelled("mc", "test", count, scale)
    tests: dict[str, tuple[Build, str | Build]] = {
        "diw": (pairs, Build.of(PairOrder)),
        "mc": (short, Build.of(ScaleInvariant, output="metres" if metres else "log")),
        "nyu": (_labelled("rooms", "test", count, scale), Build.of(MetresOfRelative, reference=rooms)),
    }
    aligned = (short, Build.of(ScaleInvariant, output="aligned", reference=rooms))
    return tests if metres else tests | {"mc-aligned": aligned}
