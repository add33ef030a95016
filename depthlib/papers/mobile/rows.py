"""Mobile relative depth: the rows of Tables 1 to 7 as recipes. (IP: intermediate prediction.)

| variant | data | network | learns from | row |
|---|---|---|---|---|
| `<encoder>-nnconv5` | rooms | encoder + NNConv5 | dense metres, L1 | Table 1, all ten; Table 2 |
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
| `teacher` | y3d | EncDecResNet | relative maps | Table 7, Chen et al. [4] |
| `hourglass` | diw | network of Chen et al. [3] | ordinal pairs | Table 7, Chen et al. DIW |
| `trunk` | classes | the student's encoder | classes, no depth | none: stands in for ImageNet |
| `floor-constant`, `floor-map` | rooms | see `depthlib.runs.floors` | dense metres | ours: floors of Tables 1, 2 |
| `floor-rank`, `floor-log` | diw | the same | the dense depth behind the pairs | ours: the floors of Tables 3 to 7 |

Tests of every network: "diw" (metrics whdr, and whdr_ramp of "higher up is farther"), "mc" (si_mse, si_rmse,
si_rmse_pairs, and each with _constant), "nyu" (rmse after the z-score of Chen et al. 2016, and rmse_ramp). Networks on
rooms also have "rooms", protocol "scenes", in metres.

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
from depthlib.papers.mobile.pruning import PRUNED, SEARCHES, pruned_recipe
from depthlib.papers.mobile.sets import test_set, training_set
from depthlib.papers.mobile.task import ClassesOfCells, PairsAndTeacher, RelativeDepth, ScaleFreeDepth
from depthlib.papers.mobile.variants import (
    DATA,
    DESIGN,
    FAMILIES,
    LEFT_OUT,
    PAIRS_TESTED,
    SCALES,
    SHOWN,
    VARIANTS,
    Scale,
    Variant,
)
from depthlib.runs.floors import floor_recipe
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.training.fit import Plan
from depthlib.training.tasks import Supervised

FLOOR_ROWS = {"floor-constant": "rooms", "floor-map": "rooms", "floor-rank": "diw", "floor-log": "diw"}  # -> data


def recipe(spec: RunSpec) -> Recipe:
    """Train a variant on its data and measure it; see the table at the top of this file.

    Raises:
        ValueError: an unknown variant, or other data than the variant has.
        NotImplementedError: profile "paper", whose data sets are not connected to this recipe yet.
    """
    if spec.variant in FLOOR_ROWS:
        return _floor(spec)
    if spec.variant not in DATA:
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {', '.join(DATA)}")
    if spec.data != DATA[spec.variant]:
        raise ValueError(f"unknown data {spec.data!r} for {spec.variant!r}: expected {DATA[spec.variant]}")
    if spec.profile not in SCALES:
        raise NotImplementedError(
            f"mobile at profile {spec.profile!r} needs NYUv2, DIW, ReDWeb, depth for Mannequin Challenge and ImageNet "
            f"weights, which are not connected to this recipe yet: expected one of {', '.join(SCALES)}"
        )
    scale = SCALES[spec.profile]
    profile = spec.scaled(**scale.profile)
    if spec.variant in DESIGN:
        return _design(spec, scale, profile)
    if spec.variant in VARIANTS:
        return _student(spec, scale, profile)
    if spec.variant in SEARCHES or spec.variant in PRUNED:
        return _pruned(spec, scale, profile)
    return {"trunk": _trunk, "teacher": _teacher, "hourglass": _hourglass}[spec.variant](spec, scale, profile)


def runs(profile: str, *, variants: tuple[str, ...] | None = None, seeds: list[int] | None = None) -> list[RunSpec]:
    """All runs behind the notebook, each after those that it starts from.

    Args:
        variants: default: all rows; in "quick" without `LEFT_OUT`.
        seeds: default: those of the profile. Trunk and teacher are trained once.
    """
    small = profile in ("smoke", "quick")
    rows = variants or tuple(name for name in DATA if not (small and name in LEFT_OUT))
    chained: dict[tuple[str, int], RunSpec] = {}
    for name in rows:
        for seed in [0] if name in ("trunk", "teacher") else seeds or get_profile(profile).seeds:
            for run in _needed(RunSpec("mobile", name, DATA[name], profile, seed)):
                chained[run.variant, run.seed] = run
    floors = [RunSpec("mobile", name, data, profile) for name, data in FLOOR_ROWS.items() if variants is None]
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
    tests = {"floor-rank": ("diw", "nyu"), "floor-log": ("mc", "nyu")}[spec.variant]
    return floor_recipe(student, spec.variant, train=student.train.options["frames"], tests=tests)


def _design(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """Tables 1 and 2: dense metres of rooms, L1, SGD."""
    encoder, _, decoder = spec.variant.rpartition("-")
    options = {"encoder": encoder} | ({"full": True} if decoder == "fbnet" else {})
    return Recipe(
        model="nnconv5" if decoder == "nnconv5" else "mobile",
        model_options=options,
        task=Build.of(Supervised, loss=l1_loss),
        train=_train(spec.data, scale, profile),
        tests={"rooms": (_test("rooms", scale, profile), "scenes")} | _tests(scale, profile, "metres"),
        plan=_plan(
            spec.data,
            scale,
            profile,
            {
                "lr": scale.rates["rooms"],
                "optimizer": "sgd",
                "weight_decay": 1e-4,
                "milestones": scale.milestones,
                "drop": 0.1,
            },
        ),
    )


def _student(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """Tables 3 to 6: the student on one set, starting from the trunk or from its training on another set."""
    variant = VARIANTS[spec.variant]
    drops = (1 / 3, 2 / 3) if variant.data == "mc" else (0.2, 0.4, 0.6, 0.8)
    before = replace(spec, variant=variant.before, data=DATA[variant.before])
    distilled = set(variant.terms) != {"ranking"}
    return Recipe(
        model="mobile",
        model_options={"encoder": scale.encoder, "intermediate": variant.heads},
        task=_task(variant, scale, profile),
        train=_train(spec.data, scale, profile),
        tests=_tests(scale, profile, "log"),
        plan=_plan(
            spec.data,
            scale,
            profile,
            {"lr": scale.rates[variant.data], "optimizer": variant.optimizer, "milestones": drops, "drop": 0.5},
        ),
        ship_weights=spec.profile == "quick" and spec.seed == 0 and spec.variant in SHOWN,
        start=replace(before, seed=0) if variant.before == "trunk" else before,
        networks={"teacher": replace(spec, variant="teacher", data=DATA["teacher"], seed=0)} if distilled else {},
    )


def _pruned(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """Table 7: the network of `hard-easy`, narrowed, and fine-tuned with the training of `hard-easy`."""
    student = _student(replace(spec, variant="hard-easy"), scale, profile)
    return pruned_recipe(spec, replace(student, ship_weights=spec.profile == "quick" and spec.seed == 0))


def _task(variant: Variant, scale: Scale, profile: Profile) -> Build:
    if variant.data == "mc":
        return Build.of(ScaleFreeDepth)
    if variant.data == "rw":
        return Build.of(RelativeDepth, pairs=scale.pairs)
    options: dict[str, Any] = {"terms": variant.terms}
    if variant.rebalance is not None:
        epoch = max(1, profile.train_scenes // profile.batch_size)
        options["rebalance"] = {"steps_per_epoch": epoch, "events": min(5, epoch), **variant.rebalance}
        options["separate"] = variant.separate
    if "holistic" in variant.terms:
        options["critic"] = scale.critic
    return Build.of(PairsAndTeacher, **options)


def _trunk(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """The encoder of all students, trained on classes."""
    _require_seed_0(spec)
    return Recipe(
        model="mobile_classes",
        model_options={"encoder": scale.encoder, "classes": 21},
        task=Build.of(ClassesOfCells, offsets=FAMILIES),
        train=_train(spec.data, scale, profile),
        tests={},
        plan=_plan(spec.data, scale, profile, {"lr": scale.rates["classes"], "schedule": "poly"}),
        ship_weights=spec.profile == "quick",
    )


def _teacher(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """EncDecResNet on relative maps of rooms and streets: it has more labels than any student."""
    _require_seed_0(spec)
    return Recipe(
        model="enc_dec_resnet",
        model_options=dict(scale.teacher),
        task=Build.of(RelativeDepth, pairs=scale.pairs),
        train=_train(spec.data, scale, profile),
        tests=_tests(scale, profile, "log"),
        plan=_plan(spec.data, scale, profile, {"lr": scale.rates["y3d"], "schedule": "poly"}),
        ship_weights=spec.profile == "quick",
    )


def _hourglass(spec: RunSpec, scale: Scale, profile: Profile) -> Recipe:
    """Chen et al. [3] on DIW alone."""
    return Recipe(
        model="diw_hourglass",
        model_options={} if spec.profile == "full" else {"width": 1 / 8},
        task=_task(VARIANTS["diw"], scale, profile),
        train=_train(spec.data, scale, profile),
        tests=_tests(scale, profile, "log"),
        plan=_plan(
            spec.data, scale, profile, {"lr": scale.rates["diw"], "milestones": (0.2, 0.4, 0.6, 0.8), "drop": 0.5}
        ),
    )


def _require_seed_0(spec: RunSpec) -> None:
    if spec.seed:
        raise ValueError(f"{spec.variant} is trained once: found seed {spec.seed}, expected 0")


def _plan(data: str, scale: Scale, profile: Profile, settings: Mapping[str, Any]) -> Plan:
    steps = max(1, round(profile.steps * scale.shares[data]))
    return Plan(steps=steps, batch_size=profile.batch_size, **{"schedule": "step", "colour": 0.2, **settings})


def _train(data: str, scale: Scale, profile: Profile) -> Build:
    return training_set(data, profile.train_scenes, scale.frames, scale.size)


def _test(data: str, scale: Scale, profile: Profile) -> Build:
    return test_set(data, profile.test_scenes, scale.frames, scale.size, pairs=PAIRS_TESTED)


def _tests(scale: Scale, profile: Profile, output: str) -> dict[str, tuple[Build, str | Build]]:
    rooms = _train("rooms", scale, profile)
    return {
        "diw": (_test("diw", scale, profile), Build.of(PairOrder)),
        "mc": (_test("mc", scale, profile), Build.of(ScaleInvariant, output=output)),
        "nyu": (_test("rooms", scale, profile), Build.of(MetresOfRelative, reference=rooms)),
    }
