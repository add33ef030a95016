"""The recipes of the synergy paper: what tells the rows apart, their stages, and one of them from end to end."""

import pytest

from depthlib.papers.synergy import rows as synergy
from depthlib.runs.execute import ensure, ensure_trained
from depthlib.runs.store import RunSpec, Store


def test_rows_differ_in_what_they_are_about():
    recipes = {name: RunSpec("synergy", name, "rooms", "full").recipe for name in synergy.VARIANTS}
    losses = {name: recipe.task.options["weights"] for name, recipe in recipes.items()}
    assert losses["suc"] == {"berhu": 1} and losses["suc-da"] == {"depth_aware": 1}
    assert losses["sem"] == losses["cs"] == losses["lsu"] == {"depth_aware": 1, "cross_entropy": 1}
    assert (
        losses["proposed"] == losses["proposed-13"] == {"depth_aware": 1, "joint_gradient": 1 / 8, "semantic_focal": 1}
    )
    for a, b in (
        ("suc", "suc-da"),
        ("suc", "depth"),
        ("sem", "cs"),
        ("cs", "lsu"),
        ("lsu", "proposed"),
        ("classes", "classes-focal"),
    ):
        assert (
            recipes[a].plan == recipes[b].plan
            and recipes[a].train == recipes[b].train
            and recipes[a].tests == recipes[b].tests
        )
    assert recipes["suc"].model_options == recipes["suc-da"].model_options
    assert {k for k, v in recipes["cs"].model_options.items() if v != recipes["lsu"].model_options[k]} == {"sharing"}
    assert recipes["lsu"].model_options == recipes["proposed"].model_options
    plan = recipes["proposed"].plan
    assert (plan.batch_size, plan.schedule, plan.drop, plan.milestones) == (12, "step", 0.1, (1 / 3, 2 / 3))


def test_tails_differ_in_the_tail_alone():
    recipes = {data: RunSpec("synergy", "suc-da", data, "quick").recipe for data in synergy.TAILS}
    options = {data: recipe.train.options for data, recipe in recipes.items()}
    assert options["rooms-short"] == options["rooms"] | {"depth_tail": 0.25}
    assert options["rooms-long"] == options["rooms"] | {"depth_tail": 2.0}
    usual = recipes["rooms"]
    for recipe in recipes.values():
        assert (recipe.task, recipe.plan, recipe.model_options) == (usual.task, usual.plan, usual.model_options)


def test_chains_of_stages():
    assert synergy.stages_of("suc") == ("suc-stage1", "suc")
    assert synergy.stages_of("lsu") == ("suc-da-stage1", "lsu-stage2", "lsu")
    assert synergy.stages_of("proposed-13") == ("proposed-stage1", "proposed-13-stage2", "proposed-13")
    assert synergy.stages_of("classes") == ("classes-stage1", "classes")
    last = RunSpec("synergy", "lsu", "rooms", "smoke", seed=3)
    second, first = last.recipe.start, last.recipe.start.recipe.start
    assert [s.variant for s in (first, second)] == ["suc-da-stage1", "lsu-stage2"] and {first.seed, second.seed} == {3}
    assert (
        first.recipe.start == RunSpec("synergy", "trunk", "streets", "smoke")
        and first.recipe.start.recipe.start is None
    )
    rates = [spec.recipe.task.options["stage"]["rates"] for spec in (first, second, last)]
    assert [" ".join(r) for r in rates] == [
        "backbone depth",
        "backbone semantics sharing",
        "backbone depth semantics sharing",
    ]
    assert rates[1]["backbone"] == pytest.approx(rates[1]["semantics"] / 100)
    for spec in synergy.runs("quick"):
        assert spec.recipe.start is None or spec.recipe.start in synergy.runs("quick")
    order = {spec: i for i, spec in enumerate(map(str, synergy.runs("quick")))}
    assert all(order[str(s.recipe.start)] < order[str(s)] for s in synergy.runs("quick") if s.recipe.start)


@pytest.mark.parametrize(
    ("variant", "data", "profile", "message"),
    [
        ("nope", "rooms", "quick", "unknown variant 'nope'"),
        ("sem-stage1", "rooms", "quick", "unknown variant 'sem-stage1'"),
        ("suc-stage2", "rooms", "quick", "unknown variant"),
        ("suc", "streets", "quick", "unknown data 'streets'"),
        ("trunk", "rooms", "quick", "trunk is trained once"),
    ],
)
def test_unknown_names(variant, data, profile, message):
    with pytest.raises(ValueError, match=message):
        _ = RunSpec("synergy", variant, data, profile).recipe


def test_the_paper_s_own_data_are_not_connected():
    with pytest.raises(NotImplementedError, match="795 pairs"):
        _ = RunSpec("synergy", "suc", "rooms", "paper").recipe


@pytest.mark.slow
def test_synergy_runs_end_to_end(tmp_path):
    spec = RunSpec(
        "synergy",
        "proposed",
        "rooms",
        "smoke",
        overrides={"train_scenes": 4, "test_scenes": 2, "steps": 2, "batch_size": 2},
    )
    store = Store(tmp_path, train=True)
    record = ensure(spec, store, device="cpu")
    assert (
        set(record.result["tests"])
        == set(spec.recipe.tests)
        >= {"rooms-4m", "ranges", "attention", "classes", "rooms-long"}
    )
    assert record.result["curve"].keys() >= {"depth_aware", "joint_gradient", "semantic_focal"}
    made = Store(tmp_path, reference=[], train=False)
    second, first = ensure_trained(spec.recipe.start, made), ensure_trained(spec.recipe.start.recipe.start, made)
    assert [net.load_model().bypassed for net in (record, second, first)] == [False, False, True]
