"""The recipes of the mobile paper: which runs need which, and what tells them apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depthlib.papers.mobile import rows as mobile
from depthlib.papers.mobile.scales import SCALES
from depthlib.papers.mobile.variants import DATA, DESIGN, FROM_IMAGENET, VARIANTS
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec


def made(variant: str, profile: str = "standard", seed: int = 0) -> Recipe:
    return RunSpec("mobile", variant, DATA[variant], profile, seed).recipe


@pytest.mark.slow
@pytest.mark.parametrize("profile", SCALES)
def test_all_variants_resolve_and_every_run_comes_after_those_it_needs(profile: str) -> None:
    before: set[str] = set()
    specs = mobile.runs(profile, variants=tuple(DATA), seeds=[0])
    assert {spec.variant for spec in specs} - {"teacher-rw"} == set(DATA)  # the first part of a teacher at "paper"
    for spec in specs:
        for need in spec.recipe.needs().values():
            assert need.variant in {*DATA, "teacher-rw"}
            assert need.name in before, f"{spec.variant} comes before {need.variant}"
        errors = {"diw", "mc", "nyu-aligned" if profile == "paper" and spec.data != "nyu" else "nyu"}
        wanted = {"size", "rounds"} if spec.variant.startswith("search") else errors
        assert wanted <= spec.recipe.tests.keys()
        before.add(spec.name)
    chosen = {spec.variant for spec in mobile.runs(profile)} - {*mobile.FLOOR_ROWS, "teacher-rw"}
    rows = SCALES[profile].rows
    assert chosen == set(DATA) if rows is None else set(rows) <= chosen <= {*rows, *mobile.SEARCHES}


def test_seeds_stand_where_the_claims_are() -> None:
    seeds: dict[str, list[int]] = {}
    for spec in mobile.runs("standard"):
        seeds.setdefault(spec.variant, []).append(spec.seed)
    six = {variant for variant, of in seeds.items() if of == list(range(6))}
    assert six == {"mc", "mc-rw", "mc-rw-diw", "kd", "kd-2ip", "hard-easy", *mobile.SEARCHES, "pruned-1.0"}
    assert {variant for variant, of in seeds.items() if of == [0]} == {"teacher", *mobile.FLOOR_ROWS}
    assert all(of == list(range(4)) for variant, of in seeds.items() if len(of) not in (1, 6))
    assert len(set(seeds) - {*mobile.FLOOR_ROWS, *mobile.SEARCHES}) == 16
    assert {spec.seed for spec in mobile.runs("quick")} == {0}


def test_a_chain_goes_on_from_the_same_seed_and_the_teacher_is_shared() -> None:
    spec = RunSpec("mobile", "mc-rw-diw", "diw", "quick", seed=1)
    chain = [(run.variant, run.data, run.seed) for run in mobile.runs("quick", variants=("mc-rw-diw",), seeds=[1])]
    assert chain == [("mc", "mc", 1), ("mc-rw", "rw", 1), ("mc-rw-diw", "diw", 1)]
    assert spec.recipe.start == RunSpec("mobile", "mc-rw", "rw", "quick", seed=1)
    assert RunSpec("mobile", "kd", "diw", "quick", seed=1).recipe.networks["teacher"].seed == 0
    for heads in (1, 2):  # all stages of a chain with heads have them
        stages = mobile.runs("full", variants=(f"mc-rw-diw-{heads}ip",), seeds=[0])
        assert [stage.recipe.model_options["intermediate"] for stage in stages] == [heads] * 3


def test_below_full_students_start_from_imagenet_at_a_tenth_of_the_rate_and_nothing_else_does() -> None:
    for variant in DATA:
        recipe = made(variant)
        learned = "pretrained" in recipe.model_options
        assert learned == (
            variant in VARIANTS or variant in (FROM_IMAGENET, "unpruned") or variant[:6] in ("search", "pruned")
        )
        assert (recipe.plan.trunk_rate, recipe.plan.median_start) == (0.1 if learned else 1.0, DATA[variant] == "rooms")
        assert (recipe.plan.optimizer, recipe.plan.clip) == (
            ("mtadam", None) if variant == "mtadam" else ("adamw", 1.0)
        )
        assert "pretrained" not in made(variant, "full").model_options or variant == FROM_IMAGENET


def test_rows_that_a_claim_compares_differ_in_nothing_else() -> None:
    assert made("diw") == replace(made("kd"), task=made("diw").task, networks={})
    assert made("pi") == replace(made("kd"), task=made("pi").task)
    assert made("hard-easy") == replace(made("easy-hard"), task=made("hard-easy").task)
    assert made("hard-easy") == replace(made("kd-2ip"), task=made("hard-easy").task)
    assert made("mc-rw-diw") == replace(made("diw"), start=made("mc-rw-diw").start)
    pruned, longer = made("pruned-1.0", seed=2), made("unpruned", seed=2)
    assert longer == replace(pruned, start=RunSpec("mobile", "hard-easy", "diw", "standard", 2))
    assert longer.training()["plan"] == made("hard-easy").training()["plan"]
    lite, imagenet = made("efficientnet_lite0-nnconv5"), made(FROM_IMAGENET)
    assert lite == replace(
        imagenet, model_options=lite.model_options, plan=replace(imagenet.plan, trunk_rate=1.0)
    ) and imagenet.model_options == {**lite.model_options, "pretrained": True}


def test_learning_rates_and_schedules_of_the_paper_at_full() -> None:
    plans = {name: made(name, "full").plan for name in ("mc", "rw", "diw", "mobilenet_v2-x112")}
    assert {plan.optimizer for plan in (plans["mc"], plans["rw"], plans["diw"])} == {"adam"}
    assert [plans[name].lr for name in ("mc", "rw", "diw")] == pytest.approx([4e-4, 4e-4, 1e-4])
    assert plans["mc"].milestones == pytest.approx((4 / 12, 8 / 12)) and plans["mc"].drop == 0.5
    assert (
        plans["rw"].milestones == plans["diw"].milestones == pytest.approx((50 / 250, 100 / 250, 150 / 250, 200 / 250))
    )
    nyu = plans["mobilenet_v2-x112"]
    assert (nyu.optimizer, nyu.lr, nyu.betas[0], nyu.weight_decay, nyu.drop) == ("sgd", 0.01, 0.9, 1e-4, 0.1)
    assert nyu.milestones == pytest.approx((10 / 30, 20 / 30)) and nyu.warmup == 0
    assert "first_output" not in made("diw", "full").model_options


@pytest.mark.parametrize("profile", ["quick", "standard", "full"])
def test_the_course_of_lambda_is_that_of_five_epochs_however_long_the_training(profile: str) -> None:
    for variant in ("hard-easy", "easy-hard", "no-fip"):
        recipe = made(variant, profile)
        options = recipe.task.options["rebalance"]
        assert recipe.plan.steps == 5 * options["steps_per_epoch"] and options["events"] == 5


def test_the_rows_of_table_6_differ_in_what_the_table_says() -> None:
    names = ("kd-2ip", "mtadam", "easy-hard", "hard-easy", "wi-easy-hard", "wi-fip", "no-fip")
    options = {name: made(name, "quick").task.options for name in names}
    assert options["kd-2ip"] == options["mtadam"] and "rebalance" not in options["kd-2ip"]
    orders = {
        name: (o["rebalance"]["order"], o["rebalance"].get("initialise", False), o["separate"])
        for name, o in options.items()
        if "rebalance" in o
    }
    assert orders == {
        "easy-hard": ("easy_to_hard", False, False),
        "hard-easy": ("hard_to_easy", False, False),
        "wi-easy-hard": ("easy_to_hard", True, True),
        "wi-fip": ("easy_to_hard", True, False),
        "no-fip": ("hard_to_easy", False, True),
    }


def test_the_pilot_tries_as_many_rates_on_each_side_of_every_announced_claim() -> None:
    from depthlib.report.claims import load_paper

    tried = mobile.PILOT.rates
    assert len({len(rates) for rates in tried.values()}) == 1
    for claim in load_paper("mobile").claims:
        sides = {claim.better, *claim.than} - set(mobile.PRUNED)  # those go on from hard-easy at its rate
        assert not claim.announced or sides <= set(tried), claim.key


def test_unknown_variants_data_and_profiles_are_refused() -> None:
    for spec, error, words in (
        (RunSpec("mobile", "dwi", "diw", "smoke"), ValueError, "unknown variant 'dwi'"),
        (RunSpec("mobile", "diw", "mc", "smoke"), ValueError, "unknown data 'mc' for 'diw': expected diw"),
        (RunSpec("mobile", "teacher", "y3d", "smoke", seed=1), ValueError, "trained once"),
    ):
        with pytest.raises(error, match=words):
            mobile.recipe(spec)


def test_every_design_row_is_built_as_its_name_says() -> None:
    for name in DESIGN:
        recipe = made(name, "full")
        encoder, decoder = name.removesuffix("-imagenet").rsplit("-", 1)
        assert recipe.model_options["encoder"] == encoder
        assert (recipe.model, recipe.model_options.get("full", False)) == {
            "nnconv5": ("nnconv5", False),
            "fbnet": ("mobile", True),
            "x112": ("mobile", False),
        }[decoder]
    assert replace(VARIANTS["hard-easy"], rebalance=None) == VARIANTS["kd-2ip"]
