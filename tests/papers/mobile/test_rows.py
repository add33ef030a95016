"""The recipes of the mobile paper: which runs need which, and what tells them apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depthlib.papers.mobile import rows as mobile
from depthlib.papers.mobile.variants import DATA, DESIGN, LEFT_OUT, VARIANTS
from depthlib.runs.spec import RunSpec


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["smoke", "quick", "full"])
def test_all_variants_resolve_and_every_run_comes_after_those_it_needs(profile: str) -> None:
    made: set[str] = set()
    specs = mobile.runs(profile, variants=tuple(DATA), seeds=[0])
    assert {spec.variant for spec in specs} == set(DATA)
    for spec in specs:
        for need in spec.recipe.needs().values():
            assert need.variant == "trunk" or need.variant in DATA
            assert need.name in made, f"{spec.variant} comes before {need.variant}"
        assert (
            {"diw", "mc", "nyu"} <= spec.recipe.tests.keys()
            or spec.variant == "trunk"
            or spec.variant.startswith("search")
        )
        made.add(spec.name)
    chosen = {spec.variant for spec in mobile.runs(profile)} - set(mobile.FLOOR_ROWS)
    assert chosen == (set(DATA) if profile == "full" else set(DATA) - set(LEFT_OUT))


def test_a_chain_goes_on_from_the_same_seed_and_the_trunk_and_teacher_are_shared() -> None:
    spec = RunSpec("mobile", "mc-rw-diw", "diw", "quick", seed=1)
    chain = [(run.variant, run.data, run.seed) for run in mobile.runs("quick", variants=("mc-rw-diw",), seeds=[1])]
    assert chain == [("trunk", "classes", 0), ("mc", "mc", 1), ("mc-rw", "rw", 1), ("mc-rw-diw", "diw", 1)]
    assert spec.recipe.start == RunSpec("mobile", "mc-rw", "rw", "quick", seed=1)
    assert RunSpec("mobile", "kd", "diw", "quick", seed=1).recipe.networks["teacher"].seed == 0
    for heads in (1, 2):  # all stages of a chain with heads have them
        stages = mobile.runs("full", variants=(f"mc-rw-diw-{heads}ip",), seeds=[0])[1:]
        assert [stage.recipe.model_options["intermediate"] for stage in stages] == [heads] * 3


def test_learning_rates_keep_the_papers_ratios_and_schedules() -> None:
    plans = {
        name: RunSpec("mobile", name, DATA[name], "full").recipe.plan
        for name in ("mc", "rw", "diw", "mobilenet_v2-x112")
    }
    assert [plans[name].lr for name in ("mc", "rw", "diw")] == pytest.approx([4e-4, 4e-4, 1e-4])
    assert plans["mc"].milestones == pytest.approx((4 / 12, 8 / 12)) and plans["mc"].drop == 0.5
    assert (
        plans["rw"].milestones == plans["diw"].milestones == pytest.approx((50 / 250, 100 / 250, 150 / 250, 200 / 250))
    )
    nyu = plans["mobilenet_v2-x112"]
    assert (nyu.optimizer, nyu.lr, nyu.betas[0], nyu.weight_decay, nyu.drop) == ("sgd", 0.01, 0.9, 1e-4, 0.1)
    assert nyu.milestones == pytest.approx((10 / 30, 20 / 30))
    # "quick" is tuned, but no row against another: one rate for all that learns from pairs.
    assert len({RunSpec("mobile", name, "diw", "quick").recipe.plan.lr for name in DATA if DATA[name] == "diw"}) == 1


def test_the_rows_of_table_6_differ_in_what_the_table_says() -> None:
    options = {
        name: RunSpec("mobile", name, "diw", "quick").recipe.task.options
        for name in ("kd-2ip", "mtadam", "easy-hard", "hard-easy", "wi-easy-hard", "wi-fip", "no-fip")
    }
    assert options["kd-2ip"] == options["mtadam"] and "rebalance" not in options["kd-2ip"]
    assert RunSpec("mobile", "mtadam", "diw", "quick").recipe.plan.optimizer == "mtadam"
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
    quick = RunSpec("mobile", "hard-easy", "diw", "quick").recipe
    assert quick.plan.steps == 5 * options["hard-easy"]["rebalance"]["steps_per_epoch"], (
        "lambda has five values, one an epoch"
    )


def test_unknown_variants_data_and_profiles_are_refused() -> None:
    for spec, error, words in (
        (RunSpec("mobile", "dwi", "diw", "smoke"), ValueError, "unknown variant 'dwi'"),
        (RunSpec("mobile", "diw", "mc", "smoke"), ValueError, "unknown data 'mc' for 'diw': expected diw"),
        (RunSpec("mobile", "teacher", "y3d", "smoke", seed=1), ValueError, "trained once"),
        (RunSpec("mobile", "diw", "diw", "paper"), NotImplementedError, "NYUv2"),
    ):
        with pytest.raises(error, match=words):
            mobile.recipe(spec)


def test_every_design_row_is_built_as_its_name_says() -> None:
    for name in DESIGN:
        recipe = RunSpec("mobile", name, "rooms", "full").recipe
        encoder, _, decoder = name.rpartition("-")
        assert recipe.model_options["encoder"] == encoder
        assert (recipe.model, recipe.model_options.get("full", False)) == {
            "nnconv5": ("nnconv5", False),
            "fbnet": ("mobile", True),
            "x112": ("mobile", False),
        }[decoder]
    assert replace(VARIANTS["hard-easy"], rebalance=None) == VARIANTS["kd-2ip"]
