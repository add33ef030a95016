"""The recipes of the synergy paper: what tells the rows apart, their stages, and one of them from end to end."""

from dataclasses import replace

import pytest

from depthlib.papers.synergy import rows as synergy
from depthlib.papers.synergy.frames import FEW, OUTDOORS, TAILS
from depthlib.runs.execute import ensure, ensure_trained
from depthlib.runs.floors import FLOORS
from depthlib.runs.pilot import rate_in_use, trials
from depthlib.runs.store import RunSpec, Store


def made(variant, data="rooms", profile="standard", **options):
    return RunSpec("synergy", variant, data, profile, **options).recipe


IN_DOORS = {name: variant for name, variant in synergy.VARIANTS.items() if variant is not synergy.ABROAD}


@pytest.mark.parametrize("profile", ["standard", "full"])
def test_rows_differ_in_what_they_are_about(profile):
    recipes = {name: made(name, profile=profile) for name in IN_DOORS}
    losses = {name: recipe.task.options["weights"] for name, recipe in recipes.items()}
    assert losses["suc"] == {"berhu": 1} and losses["suc-da"] == {"depth_aware": 1}
    assert losses["sem"] == losses["cs"] == losses["lsu"] == {"depth_aware": 1, "cross_entropy": 1}
    assert (
        losses["proposed"] == losses["proposed-13"] == {"depth_aware": 1, "joint_gradient": 1 / 8, "semantic_focal": 1}
    )
    for a, b in (
        ("suc", "suc-da"),
        ("suc", "depth"),
        ("suc", "suc-concat"),
        ("sem", "cs"),
        ("cs", "lsu"),
        ("lsu", "lsu-no-identity"),
        ("lsu", "proposed"),
        ("classes", "classes-focal"),
        ("classes-focal", "classes-balanced"),
        ("proposed", "proposed-edges"),
    ):
        first, second = recipes[a], recipes[b]
        assert first.plan == second.plan and first.train == second.train
        assert {name: second.tests[name] for name in first.tests if name in second.tests} == {
            name: first.tests[name] for name in second.tests if name in first.tests
        }
    assert recipes["suc"].model_options == recipes["suc-da"].model_options
    for a, b, differing in (("cs", "lsu", {"sharing"}), ("lsu", "lsu-no-identity", {"sharing"})):
        options = recipes[b].model_options
        assert {k for k, v in recipes[a].model_options.items() if v != options[k]} == differing
    assert recipes["lsu"].model_options == recipes["proposed"].model_options
    edges, usual = (recipes[name].task.options for name in ("proposed-edges", "proposed"))
    assert edges == usual | {"semantic_weight": 5.0} and usual["semantic_weight"] == 0.1


def test_the_papers_settings_at_full_size():
    recipe = made("proposed", profile="full")
    plan = recipe.plan
    assert (plan.batch_size, plan.schedule, plan.drop, plan.milestones) == (12, "step", 0.1, (1 / 3, 2 / 3))
    assert (plan.optimizer, plan.betas, plan.trunk_rate, plan.median_start) == ("adam", (0.9, 0.999), 1.0, False)
    assert recipe.model_options == {"classes": 4, "sharing": "lsu", "width": 1.0, "max_depth": 10.0}
    rates = [spec.task.options["stage"]["rates"] for spec in chain("proposed", profile="full")]
    assert rates[0] == {"backbone": 1e-3, "depth": 1e-3} and rates[1]["backbone"] == 1e-5
    assert rates[2] == pytest.approx({"backbone": 1e-4, "depth": 1e-3, "semantics": 1e-3, "sharing": 1e-3})


def chain(name, **options):
    recipes = [made(name, **options)]
    while recipes[0].start:
        recipes.insert(0, recipes[0].start.recipe)
    return recipes


def test_only_the_first_stage_starts_from_imagenet_and_at_the_median():
    first, second, last = (recipe.plan for recipe in chain("proposed"))
    assert [plan.median_start for plan in (first, second, last)] == [True, False, False]
    assert [plan.trunk_rate for plan in (first, second, last)] == [0.1, 1.0, 1.0]
    assert [plan.steps for plan in (first, second, last)] == [400, 160, 240]
    assert [plan.warmup for plan in (first, second, last)] == [66, 26, 40]
    ends = chain("proposed")[2].task.options["stage"]["rates"]["backbone"], first.lr * first.trunk_rate
    assert ends[0] == pytest.approx(ends[1]), "the trunk goes on as it was"
    options = made("proposed").model_options
    assert options["pretrained"] and (options["trunk"], options["output_stride"]) == ("efficientnet_lite0", 16)


def test_the_rows_of_table_4_learn_their_labels_alike():
    """As many steps, and the trunk at the same rates."""
    depth = chain("proposed-13")[1:]
    for row in ("classes", "classes-focal", "classes-balanced"):
        alone = chain(row)
        assert len(alone) == len(depth) == 2
        for a, b in zip(alone, depth, strict=True):
            assert a.plan.steps == b.plan.steps and a.train == b.train and "semantic_weight" not in a.model_options
            whole = b.task.options["stage"]["rates"]
            assert a.plan.lr == pytest.approx(whole["semantics"])
            assert a.plan.lr * a.plan.trunk_rate == pytest.approx(whole["backbone"])


def test_tails_differ_in_the_tail_alone_and_are_all_asked_on_the_usual_rooms():
    recipes = {data: made("suc-da", data) for data in TAILS}
    options = {data: recipe.train.options for data, recipe in recipes.items()}
    assert options["rooms-short"] == options["rooms"] | {"depth_tail": 0.25}
    assert options["rooms-long"] == options["rooms"] | {"depth_tail": 2.0}
    usual = recipes["rooms"]
    for data, recipe in recipes.items():
        assert (recipe.task, recipe.plan, recipe.model_options) == (usual.task, usual.plan, usual.model_options)
        for test in ("rooms", "rooms-far"):
            assert recipe.tests[test][0] == usual.tests[test][0], data
        assert recipe.tests[data][0].options.get("depth_tail", 1.0) == TAILS[data]


def test_chains_of_stages():
    assert synergy.stages_of("suc") == ("suc-stage1", "suc")
    assert synergy.stages_of("lsu") == ("suc-da-stage1", "lsu-stage2", "lsu")
    assert synergy.stages_of("proposed-13") == ("proposed-stage1", "proposed-13-stage2", "proposed-13")
    assert synergy.stages_of("proposed-edges") == ("proposed-stage1", "proposed-stage2", "proposed-edges")
    assert synergy.stages_of("classes") == ("classes-stage2", "classes")
    last = RunSpec("synergy", "lsu", "rooms", "smoke", seed=3)
    second, first = last.recipe.start, last.recipe.start.recipe.start
    assert [s.variant for s in (first, second)] == ["suc-da-stage1", "lsu-stage2"] and {first.seed, second.seed} == {3}
    assert first.recipe.start is None
    rates = [spec.recipe.task.options["stage"]["rates"] for spec in (first, second, last)]
    assert [" ".join(r) for r in rates] == [
        "backbone depth",
        "backbone semantics sharing",
        "backbone depth semantics sharing",
    ]
    assert rates[1]["backbone"] == pytest.approx(rates[1]["semantics"] / 100)
    for profile in ("quick", "standard"):
        order = {spec: i for i, spec in enumerate(map(str, synergy.runs(profile)))}
        assert all(order[str(s.recipe.start)] < order[str(s)] for s in synergy.runs(profile) if s.recipe.start)


def test_outdoors_two_networks_differ_in_where_they_come_from_alone():
    first, second = made("outdoors", OUTDOORS, seed=2), made("outdoors-scratch", OUTDOORS, seed=2)
    assert (first.start.variant, first.start.data, first.start.seed) == ("proposed", "rooms", 2)
    assert second.start is None and first == replace(second, start=first.start)
    assert first.train.options["count"] == 200 and first.model_options["max_depth"] == 80.0
    assert first.plan.median_start and first.plan.trunk_rate == 0.1


def test_runs_behind_the_notebook():
    seeds = {}
    for spec in synergy.runs("standard"):
        seeds.setdefault((spec.variant, spec.data), []).append(spec.seed)
    six = {row for row, own in seeds.items() if own == list(range(6))}
    lasts = {(name, "rooms") for name in synergy.TABLE1} | {(name, data) for name in synergy.TAIL for data in TAILS}
    assert {row for row in six if "-stage" not in row[0]} == lasts
    others = {row for row, own in seeds.items() if own == list(range(4))}
    assert {row[0] for row in others if "-stage" not in row[0]} == set(synergy.VARIANTS) - set(synergy.TABLE1)
    assert set(seeds) - six - others == {row for row in seeds if row[0] in FLOORS}
    assert set(synergy.CUT_FIRST) < set(synergy.VARIANTS) - set(synergy.TABLE1), "no announced claim is cut"
    quick = {spec.variant for spec in synergy.runs("quick")}
    assert quick == {
        *synergy.stages_of("suc"),
        *synergy.stages_of("suc-da"),
        *synergy.stages_of("lsu"),
        *synergy.stages_of("proposed"),
        "floor-constant",
        "floor-map",
    }
    assert {spec.data for spec in synergy.runs("quick")} == {"rooms"}


def test_the_deciding_tests_have_all_frames_and_the_others_fewer():
    counts = {name: frames.options["count"] for name, (frames, _) in made("proposed").tests.items()}
    whole = {"rooms", "rooms-4m", "rooms-far", "rooms-factor", "rooms-far-factor"}
    assert {name for name, count in counts.items() if count == 512} == whole
    assert {count for name, count in counts.items() if name not in whole} == {FEW}
    assert set(made("proposed-stage1").tests) == {"rooms"} and set(made("proposed-stage2").tests) == {
        "rooms",
        "classes",
    }
    assert made("proposed").pictures == {"rooms": 3} and made("proposed", seed=1).pictures == {}


def test_rates_are_tried_alike_for_both_sides_and_reach_the_plan():
    assert {trial.variant for trial in trials("synergy", "standard", [100])} == {
        f"{row}-stage1" for row in ("depth", "suc", "suc-da", "proposed", "laina", "suc-concat")
    }
    assert len({tuple(rates) for rates in synergy.PILOT.rates.values()}) == 1
    assert rate_in_use("synergy", "suc-da-stage1", "standard") == 1e-2
    for row in synergy.PILOT.rates:
        assert made(row).task.target.endswith(":AtPlanRate") and synergy.PILOT.test in made(row).tests


@pytest.mark.parametrize(
    ("variant", "data", "profile", "message"),
    [
        ("nope", "rooms", "quick", "unknown variant 'nope'"),
        ("sem-stage1", "rooms", "quick", "unknown variant 'sem-stage1'"),
        ("suc-stage2", "rooms", "quick", "unknown variant"),
        ("classes-stage1", "rooms", "quick", "unknown variant"),
        ("suc", "streets", "quick", "unknown data 'streets': expected one of rooms-short, rooms, rooms-long"),
        ("outdoors", "rooms", "quick", "unknown data 'rooms': expected one of streets"),
    ],
)
def test_unknown_names(variant, data, profile, message):
    with pytest.raises(ValueError, match=message):
        _ = RunSpec("synergy", variant, data, profile).recipe


@pytest.mark.slow
def test_synergy_runs_end_to_end(tmp_path):
    few = {"train_scenes": 4, "test_scenes": 2, "steps": 2, "batch_size": 2}
    spec = RunSpec("synergy", "proposed", "rooms", "smoke", overrides=few)
    store = Store(tmp_path, train=True)
    record = ensure(spec, store, device="cpu")
    assert set(record.result["tests"]) == set(spec.recipe.tests) >= {"rooms-4m", "ranges", "attention", "classes"}
    curve = record.result["curve"]
    assert curve.keys() >= {"depth_aware", "joint_gradient", "semantic_focal", "val_abs_rel"}
    stored = Store(tmp_path, reference=[], train=False)
    second, first = ensure_trained(spec.recipe.start, stored), ensure_trained(spec.recipe.start.recipe.start, stored)
    assert [net.load_model().bypassed for net in (record, second, first)] == [False, False, True]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["classes", "outdoors-scratch"])
def test_rows_without_a_first_stage_run_end_to_end(variant, tmp_path):
    few = {"train_scenes": 2, "test_scenes": 2, "steps": 2, "batch_size": 2}
    data = OUTDOORS if variant.startswith("out") else "rooms"
    spec = RunSpec("synergy", variant, data, "smoke", overrides=few)
    record = ensure(spec, Store(tmp_path, train=True), device="cpu")
    assert set(record.result["tests"]) == set(spec.recipe.tests) and len(record.result["curve"]["loss"]) == 2
