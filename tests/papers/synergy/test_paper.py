"""Look Deeper: its printed numbers entered a second time, its claims, its chain of stages, what is measured, one small run."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from scipy.stats import ttest_1samp
from torch import nn

from depthlib.metrics import METRIC_NAMES
from depthlib.models import create_model
from depthlib.models.floors import FixedMap
from depthlib.papers.synergy import rows as synergy
from depthlib.papers.synergy.measures import AttentionOnDepth, ClassScores, DepthRanges, correlations, pooled_scores
from depthlib.papers.synergy.tail_effect import gains, tail_effect, tail_verdict
from depthlib.papers.synergy.task import StagedTask
from depthlib.protocols.inference import measure
from depthlib.protocols.protocol import load_protocol
from depthlib.report import claims as published
from depthlib.report.claims import load_paper
from depthlib.report.errata import errata_table
from depthlib.runs.execute import ensure, ensure_trained
from depthlib.runs.store import RunSpec, Store
from depthlib.scenes.classes import NYU4_OF_NYU13
from depthlib.scenes.labels import class_names, scene_labels
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.fit import Plan, fit

PAPER = load_paper("synergy")
CLAIMS = published.FOLDER / "synergy" / "claims.yaml"
METRICS = ["abs_rel", "log10", "rmse", "rmse_log", "delta1", "delta2", "delta3"]
NAN = float("nan")

# Typed anew from the paper, column by column, the other way round than in the YAML file.
ROWS1 = ["depth", "+SUC", "+SUC+L_DA", "+SUC+L_DA+sem.", "+SUC+L_DA+sem.+CS", "+SUC+L_DA+sem.+LSU", "Proposed"]
TABLE1 = {
    "abs_rel": [0.157, 0.147, 0.126, 0.112, 0.110, 0.105, 0.100],
    "log10": [0.062, 0.057, 0.050, 0.045, 0.044, 0.042, 0.040],
    "rmse": [0.642, 0.572, 0.416, 0.367, 0.363, 0.351, 0.333],
    "rmse_log": [0.208, 0.192, 0.154, 0.140, 0.138, 0.133, 0.127],
    "delta1": [0.763, 0.797, 0.868, 0.896, 0.898, 0.906, 0.915],
    "delta2": [0.943, 0.951, 0.973, 0.978, 0.979, 0.980, 0.983],
    "delta3": [0.985, 0.987, 0.993, 0.994, 0.995, 0.995, 0.996],
}
TABLE2 = {  # ≤ 4 m, ≤ 6 m, ≤ 8 m, all
    "abs_rel": [0.105, 0.101, 0.100, 0.100],
    "log10": [0.042, 0.041, 0.040, 0.040],
    "rmse": [0.300, 0.326, 0.326, 0.333],
    "rmse_log": [0.130, 0.127, 0.127, 0.127],
    "delta1": [0.908, 0.915, 0.915, 0.915],
    "delta2": [0.981, 0.983, 0.983, 0.983],
    "delta3": [0.995, 0.996, 0.996, 0.996],
}
ROWS3 = [
    "Karsch", "Ladicky", "Liu 2014a", "Zhuo", "Li 2015", "Liu 2014b", "Eigen", "Roy", "Eigen and Fergus", "Laina", "Xu", "Li 2017", "Wang",
    "Mousavian", "Jafari", "Laina+sem.", "Proposed-4c", "Proposed-40c",
]
TABLE3 = {
    "abs_rel": [0.349, NAN, 0.335, 0.305, 0.232, 0.230, 0.215, 0.187, 0.158, 0.127, 0.121, 0.143, 0.220, 0.200, 0.157, 0.122, 0.100, 0.098],
    "log10": [0.131, NAN, 0.127, 0.122, 0.094, 0.095, NAN, 0.078, NAN, 0.055, 0.052, 0.063, 0.094, NAN, 0.068, 0.052, 0.040, 0.040],
    "rmse": [1.214, NAN, 1.06, 1.04, 0.821, 0.824, 0.907, 0.744, 0.641, 0.573, 0.586, 0.635, 0.745, 0.816, 0.673, 0.525, 0.333, 0.329],
    "rmse_log": [NAN, NAN, NAN, NAN, NAN, NAN, 0.285, NAN, 0.214, 0.195, NAN, NAN, 0.262, 0.314, 0.216, 0.184, 0.127, 0.125],
    "delta1": [0.447, 0.542, NAN, 0.525, 0.621, 0.614, 0.611, NAN, 0.769, 0.811, 0.811, 0.788, 0.605, 0.568, 0.762, 0.813, 0.915, 0.917],
    "delta2": [0.745, 0.829, NAN, 0.838, 0.886, 0.883, 0.887, NAN, 0.950, 0.953, 0.954, 0.958, 0.890, 0.856, 0.948, 0.958, 0.983, 0.983],
    "delta3": [0.897, 0.941, NAN, 0.962, 0.968, 0.975, 0.971, NAN, 0.988, 0.988, 0.987, 0.991, 0.970, 0.956, 0.988, 0.989, 0.996, 0.996],
}
ROWS4 = ["FCN", "Eigen and Fergus", "Mousavian", "RefineNet", "3DGNN", "Baseline", "Without depth", "Proposed"]
TABLE4 = {  # in per cent, as printed
    "pixel_accuracy": [65.4, 65.6, 68.6, 73.6, NAN, 69.0, 75.7, 81.1],
    "class_accuracy": [46.1, 45.1, 52.3, 58.9, 55.7, 50.5, 55.7, 62.2],
    "mean_iou": [34.0, 34.1, 39.2, 46.5, 43.1, 39.9, 48.9, 50.9],
}
LOWER = ("abs_rel", "log10", "rmse", "rmse_log")


@pytest.mark.parametrize(("key", "rows", "data", "typed"), [
    ("table1", ROWS1, "nyu", TABLE1), ("table3", ROWS3, "nyu", TABLE3),
    ("table4", ROWS4, "nyu40", {metric: [v / 100 for v in values] for metric, values in TABLE4.items()}),
])
def test_tables_twice(key, rows, data, typed):
    frame = PAPER.table(key).to_frame()
    assert list(frame.index) == rows and list(frame.columns) == [(data, metric) for metric in typed]
    for metric, values in typed.items():
        np.testing.assert_allclose(frame[data, metric], values, rtol=1e-12)


def test_table_2_twice_and_it_ends_where_table_1_does():
    table = PAPER.table("table2")
    for metric, values in TABLE2.items():
        assert [table.number("proposed", data, metric) for data in ("nyu-4m", "nyu-6m", "nyu-8m", "nyu")] == values
        assert values[-1] == TABLE1[metric][-1] == TABLE3[metric][-2]
    assert [column.metric for column in table.columns] == METRICS * 4


def test_bold_is_the_best_of_its_column():
    for key in ("table3", "table4"):
        table = PAPER.table(key)
        frame = table.to_frame()
        for i, column in enumerate(table.columns):
            values = frame[column.data, column.metric]
            best = values.min() if column.metric in LOWER else values.max()
            assert [row.bold[i] for row in table.rows] == (values == best).tolist(), column


def test_claims_agree_with_the_tables_they_come_from():
    """The paper contradicts itself nowhere in these; a claim that did would have to say so."""
    seen = 0
    for claim in PAPER.claims:
        for rival, test, metric in claim.comparisons():
            metric = {"pixel_error": "pixel_accuracy", "class_error": "class_accuracy", "iou_error": "mean_iou"}.get(metric, metric)
            sign = 1 if metric in LOWER else -1
            for table in PAPER.tables:
                ours, theirs = (table.number(variant, test, metric) for variant in (claim.better, rival))
                if ours is not None and theirs is not None:
                    assert sign * (theirs - ours) > 0, (claim.key, rival, metric)
                    seen += 1
    assert seen > 40 and not any(claim.contradicted_in_print for claim in PAPER.claims)
    assert PAPER.printed(PAPER.claim("da-helps")) == [(0.126, 0.147), (0.416, 0.572)]


def test_every_claim_can_be_run_or_says_why_not():
    behind = {(spec.variant, spec.data) for spec in synergy.runs("quick")}
    for claim in PAPER.claims:
        if claim.untestable:
            assert len(claim.untestable) > 20 and not claim.comparisons()
            continue
        data = PAPER.stand_ins.get(claim.data, claim.data)
        for variant in (claim.better, *(x for x in claim.than if isinstance(x, str))):
            assert (variant, data) in behind, claim.key
            tests = RunSpec("synergy", variant, data, "smoke").recipe.tests
            for test in claim.tests:
                _, protocol = tests[PAPER.stand_ins.get(test, test)]
                measured = load_protocol(protocol).metrics if isinstance(protocol, str) else None
                assert measured is None or set(claim.metrics) <= set(measured) <= set(METRIC_NAMES), claim.key


@pytest.mark.slow
def test_a_claim_cannot_be_changed_unnoticed():
    content = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    assert content["lock"] == "3f95ae663670"        # a second place to change on purpose
    for change in (
        lambda c: c["claims"]["da-helps"].update(better="suc", than=["suc-da"]), lambda c: c["rule"].update(margin=0.05),
        lambda c: c["claims"]["da-helps-far"].update(metrics=["rmse"]), lambda c: c["stand_ins"].update(sun="rooms"),
    ):
        changed = yaml.safe_load(yaml.safe_dump(content))
        change(changed)
        with pytest.raises(ValueError, match="lock is '3f95ae663670', but the claims are"):
            published._paper("synergy", changed)
    content["errata"]["LD-1"]["why"], content["claims"]["da-helps"]["remark"] = "another reason", "another remark"
    assert published._paper("synergy", content).erratum("LD-1").why == "another reason"


def test_every_erratum_that_is_cited_is_listed():
    known, folder = {erratum.key for erratum in PAPER.errata}, published.FOLDER.parent
    files = [*folder.rglob("*.py"), CLAIMS]
    cited = {path: set(re.findall(r"\bLD-\d+", path.read_text(encoding="utf-8"))) for path in files}
    assert set.union(*cited.values()) <= known
    assert {"LD-1", "LD-3", "LD-4"} <= cited[published.FOLDER / "synergy" / "depth_aware.py"]
    assert errata_table(PAPER)["erratum"].tolist() == [f"LD-{i}" for i in range(1, 17)]


# Recipes


def test_rows_differ_in_what_they_are_about():
    recipes = {name: RunSpec("synergy", name, "rooms", "full").recipe for name in synergy.VARIANTS}
    losses = {name: recipe.task.options["weights"] for name, recipe in recipes.items()}
    assert losses["suc"] == {"berhu": 1} and losses["suc-da"] == {"depth_aware": 1}
    assert losses["sem"] == losses["cs"] == losses["lsu"] == {"depth_aware": 1, "cross_entropy": 1}
    assert losses["proposed"] == losses["proposed-13"] == {"depth_aware": 1, "joint_gradient": 1 / 8, "semantic_focal": 1}
    for a, b in (("suc", "suc-da"), ("suc", "depth"), ("sem", "cs"), ("cs", "lsu"), ("lsu", "proposed"), ("classes", "classes-focal")):
        assert recipes[a].plan == recipes[b].plan and recipes[a].train == recipes[b].train and recipes[a].tests == recipes[b].tests
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
    assert first.recipe.start == RunSpec("synergy", "trunk", "streets", "smoke") and first.recipe.start.recipe.start is None
    rates = [spec.recipe.task.options["stage"]["rates"] for spec in (first, second, last)]
    assert [" ".join(r) for r in rates] == ["backbone depth", "backbone semantics sharing", "backbone depth semantics sharing"]
    assert rates[1]["backbone"] == pytest.approx(rates[1]["semantics"] / 100)
    for spec in synergy.runs("quick"):
        assert spec.recipe.start is None or spec.recipe.start in synergy.runs("quick")
    order = {spec: i for i, spec in enumerate(map(str, synergy.runs("quick")))}
    assert all(order[str(s.recipe.start)] < order[str(s)] for s in synergy.runs("quick") if s.recipe.start)


@pytest.mark.parametrize(("variant", "data", "profile", "message"), [
    ("nope", "rooms", "quick", "unknown variant 'nope'"), ("sem-stage1", "rooms", "quick", "unknown variant 'sem-stage1'"),
    ("suc-stage2", "rooms", "quick", "unknown variant"), ("suc", "streets", "quick", "unknown data 'streets'"),
    ("trunk", "rooms", "quick", "trunk is trained once"),
])
def test_unknown_names(variant, data, profile, message):
    with pytest.raises(ValueError, match=message):
        _ = RunSpec("synergy", variant, data, profile).recipe


def test_the_paper_s_own_data_are_not_connected():
    with pytest.raises(NotImplementedError, match="795 pairs"):
        _ = RunSpec("synergy", "suc", "rooms", "paper").recipe


# Stages, in the real training loop


class Frames(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        depth = 1 + 8 * torch.rand(1, 32, 64, generator=generator)
        labels = torch.randint(13, (32, 64), generator=generator)
        image = torch.rand(3, 32, 64, generator=generator)
        return {"image": image, "depth": depth, "valid": depth > 0, "semantics": labels, "name": f"rooms/test/{index:06d}"}


def small(**options):
    torch.manual_seed(0)
    return create_model("synergy", **{"width": 1 / 32, **options})


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


SECOND = {"name": "semantics", "rates": {"backbone": 1e-5, "semantics": 1e-3, "sharing": 1e-3}}
PLAN = Plan(steps=4, batch_size=2)


@pytest.mark.slow
def test_a_frozen_branch_stands_still_in_the_loop_with_its_batch_norms():
    model = small()
    before = {name: state(model.branches[name]) for name in ("depth", "semantics")}
    fit(model, StagedTask(SECOND, {"semantic_focal": 1.0}, max_depth=10.0, classes=4), Frames(), PLAN, seed=0)
    after = {name: state(model.branches[name]) for name in before}
    assert all(torch.equal(after["depth"][name], value) for name, value in before["depth"].items())
    assert all(not torch.equal(after["semantics"][name], value) for name, value in before["semantics"].items())
    assert any("running_mean" in name for name in before["depth"]) and model.sharing[0].gamma_d != 0.1


@pytest.mark.slow
def test_a_stage_that_was_killed_ends_in_the_same_bits(tmp_path):
    def run(checkpoint, stop=None):
        model = small(classes=13)
        task = StagedTask(SECOND, {"semantic_focal": 1.0}, max_depth=10.0, classes=13, balanced=True)
        return model, fit(model, task, Frames(), PLAN, seed=0, checkpoint=checkpoint, stop_after=stop)

    whole, curve = run(None)
    saved = Checkpoint(tmp_path / "checkpoint.pt", 0.0)
    run(saved, stop=3)
    resumed, again = run(saved)
    assert again.values == curve.values
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))


@pytest.mark.slow
def test_the_loss_of_a_stage_is_the_sum_of_its_terms():
    from depthlib.losses import berhu_loss
    from depthlib.papers.synergy.attention_driven import labels_at
    from depthlib.papers.synergy.depth_aware import depth_aware_loss
    from depthlib.papers.synergy.joint_gradient import joint_gradient_loss
    from depthlib.papers.synergy.semantic_focal import semantic_focal_loss

    model = small(classes=4, activation="sigmoid").eval()
    batch = torch.utils.data.default_collate([Frames()[0], Frames()[1]])
    out = model.outputs(batch["image"])
    target, valid, labels = labels_at(out.depth.shape[-2:], batch["depth"], batch["valid"], scene_labels(batch["semantics"], 4))
    terms = {
        "berhu": berhu_loss(out.depth, target, valid), "depth_aware": depth_aware_loss(out.depth, target, valid, max_depth=10.0),
        "joint_gradient": joint_gradient_loss(out.depth, target, valid, out.logits, max_depth=10.0),
        "semantic_focal": semantic_focal_loss(out.logits, labels), "cross_entropy": nn.functional.cross_entropy(out.logits, labels),
    }
    weights = {"berhu": 0.5, "depth_aware": 2.0, "joint_gradient": 0.25, "semantic_focal": 3.0, "cross_entropy": 0.125}
    task = StagedTask({"name": "all", "rates": {}}, weights, max_depth=10.0, classes=4)
    total, named = task.loss(model, batch)
    assert named.keys() == terms.keys()
    for name, term in terms.items():
        torch.testing.assert_close(named[name], term, msg=name)
    torch.testing.assert_close(total, sum(weights[name] * term for name, term in terms.items()))


def test_a_task_refuses():
    with pytest.raises(ValueError, match="weights: found huber, expected some of .*berhu"):
        StagedTask(SECOND, {"huber": 1.0}, max_depth=10.0)
    with pytest.raises(ValueError, match="classes: found 0, .*semantic_focal needs"):
        StagedTask(SECOND, {"semantic_focal": 1.0}, max_depth=10.0)
    task = StagedTask(SECOND, {"depth_aware": 1.0, "joint_gradient": 1.0}, max_depth=10.0, gradient_mode="none")
    assert task.tasks == ("depth",)         # no classes, so no semantic branch is asked for
    assert StagedTask(SECOND, {"joint_gradient": 1.0}, max_depth=10.0, classes=4).tasks == ("depth", "semantics")


def test_what_a_network_adopts():
    earlier, later = small(classes=0, sharing="none"), small(classes=13)
    nn.init.constant_(earlier.branches["depth"].head.conv.weight, 7.0)
    drawn = state(later.branches["semantics"])
    later.load_from(earlier)
    for name in ("trunk", "bridge"):
        taken, given = state(getattr(later, name)), state(getattr(earlier, name))
        assert all(torch.equal(taken[key], given[key]) for key in given)
    assert (later.branches["depth"].head.conv.weight == 7).all()
    assert all(torch.equal(drawn[name], value) for name, value in state(later.branches["semantics"]).items())
    streets = small(classes=8, depth=False, sharing="none")
    later.load_from(streets)                    # another number of classes: the branch stays, the trunk comes
    assert all(torch.equal(drawn[name], value) for name, value in state(later.branches["semantics"]).items())
    shared, stitched = small(), small(sharing="cross_stitch")
    nn.init.constant_(shared.sharing[1].phi_s, 0.7)
    same = small()
    same.load_from(shared)
    stitched.load_from(shared)
    assert [net.sharing[1].phi_s.item() for net in (same, stitched)] == pytest.approx([0.7, 0.1])


# What is measured


def test_classes_of_scenes():
    rooms = torch.arange(13)
    assert torch.equal(scene_labels(rooms, 13), rooms)
    assert [class_names(4)[k] for k in scene_labels(rooms, 4)] == [NYU4_OF_NYU13[name] for name in class_names(13)]
    with pytest.raises(ValueError, match="found 40, expected one of 4, 8, 13"):
        scene_labels(rooms, 40)


@pytest.mark.slow
def test_class_scores_come_from_one_confusion_matrix():
    """Against counts made here pixel by pixel, not with the package's own matrix."""
    frames, model = Frames(), small(classes=4).eval()
    found = measure(model, frames, {"classes": ClassScores(4)})["classes"]
    counts = np.zeros((4, 4, 4))
    for i in range(4):
        with torch.no_grad():
            logits = model.outputs(frames[i]["image"][None], tasks=("semantics",), full_size=True).logits
            assert torch.equal(model.class_logits(frames[i]["image"][None]), logits)
            given = logits.argmax(1)[0]
        for truth, guess in zip(scene_labels(frames[i]["semantics"], 4).flatten().tolist(), given.flatten().tolist(), strict=True):
            counts[i, truth, guess] += 1

    def scores(m):
        right, truth, guess = np.diag(m), m.sum(1), m.sum(0)
        known = truth > 0
        union = truth + guess - right
        return right.sum() / m.sum(), (right[known] / truth[known]).mean(), (right[union > 0] / union[union > 0]).mean()

    names = ("pixel_accuracy", "class_accuracy", "mean_iou")
    for i in range(4):
        np.testing.assert_allclose([found.metrics[name][i] for name in names], scores(counts[i]), rtol=1e-12)
    np.testing.assert_allclose(found.metrics["iou_error"], 1 - np.array(found.metrics["mean_iou"]))
    pooled = pooled_scores(found.metrics)
    np.testing.assert_allclose([pooled[name] for name in names], scores(counts.sum(0)), rtol=1e-12)
    assert abs(pooled["mean_iou"] - np.mean(found.metrics["mean_iou"])) > 1e-4        # pooling is not averaging


def test_errors_by_range_by_hand():
    truth = torch.tensor([[[0.0, 1.0, 3.0, 3.5, 9.0]]])
    pred = torch.tensor([[[5.0, 1.5, 2.0, 4.0, 6.0]]])
    found = DepthRanges([0.0, 2.0, 4.0, 10.0], far=5.0).measures(pred, truth)
    assert [found[f"share_{i}"] for i in range(3)] == [0.25, 0.5, 0.25]         # the first pixel has no truth
    assert [found[f"error_{i}"] for i in range(3)] == [0.125, 0.375, 0.75]
    assert [found[f"bias_{i}"] for i in range(3)] == [0.125, -0.125, -0.75]
    assert found["bias_far"] == -0.75 == -found["shortfall_far"]


def test_ranges_of_a_network_end_at_the_last_edge():
    frames, ranges = Frames(), DepthRanges([0.0, 4.0, 8.0], far=5.0)
    model = FixedMap(torch.full((1, 32, 64), 20.0))         # 20 m count as 8
    found = measure(model, frames, {"ranges": ranges})["ranges"]
    truth = frames[1]["depth"].double()
    assert found.metrics["bias_1"][1] == pytest.approx(((8 - truth) * ((truth >= 4) & (truth < 8))).mean().item())
    assert found.protocol == "ranges of depth (0.0, 4.0, 8.0), far beyond 5 m"


def test_correlations_of_attention():
    a, b = torch.rand(2, 6, 1, 5, 7, generator=torch.Generator().manual_seed(1))
    expected = [np.corrcoef(x.numpy().ravel(), y.numpy().ravel())[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(correlations(a, b), expected, rtol=1e-5)
    assert correlations([torch.ones(1, 3, 3)], [a[0, :, :3, :3]]) == [0.0]
    frames, model = Frames(), small().eval()
    found = measure(model, frames, {"attention": AttentionOnDepth()})["attention"]
    looks = model.attention_maps(frames[2]["image"][None])["depth"].numpy().ravel()
    others = np.mean([frames[i]["depth"].numpy() for i in (0, 1, 3)], axis=0).ravel()
    assert found.metrics["depth_elsewhere"][2] == pytest.approx(np.corrcoef(looks, others)[0, 1], abs=1e-5)
    assert found.metrics["nearness"][2] == pytest.approx(-np.corrcoef(looks, frames[2]["depth"].numpy().ravel())[0, 1], abs=1e-5)


def test_a_cut_of_the_tail_is_no_cut_of_the_prediction():
    truth = torch.tensor([2.0, 3.0, 5.0, 9.0]).view(1, 1, 1, 4)
    pred = torch.tensor([8.0, 3.0, 5.0, 1.0]).view(1, 1, 1, 4)
    near, far = (load_protocol(f"synergy-rooms+{cut}").score(pred, truth, truth > 0) for cut in ("max_depth=4.0", "min_depth=5.0"))
    assert near["rmse"].item() == pytest.approx((36 / 2) ** 0.5)                # 8 m stays 8 m, the two far pixels do not count
    assert far["abs_rel"].item() == pytest.approx(8 / 9)


# The experiment on the tail


def pretend(data, errors):
    """A record with these errors of its images, [images]."""
    images = [f"rooms/test/{i:06d}" for i in range(len(errors))]
    result = {"tests": {data: {"images": images, "metrics": {"rmse": list(errors)}}}}
    return SimpleNamespace(result=result, per_image=lambda test, metric: result["tests"][test]["metrics"][metric])


def pairs_with(gain_short, gain_long, noise, seeds=3, common=False):
    generator, pairs = np.random.default_rng(0), {}
    scenes = generator.normal(size=24)
    for data, gain in (("short", gain_short), ("long", gain_long)):
        luck = noise * generator.normal(size=(2, seeds, 1))
        luck[1] = luck[0] if common else luck[1]
        plain = np.exp(scenes + luck[0])
        pairs[data] = tuple([pretend(data, row) for row in rows] for rows in (plain, np.exp(scenes + luck[1] - gain)))
    return pairs


def test_tail_effect_is_the_difference_of_the_gains():
    pairs = pairs_with(0.1, 0.3, noise=0.01, seeds=4)
    effect = tail_effect(pairs, "short", "long", "rmse")
    assert effect.difference.mean == pytest.approx(0.2, abs=0.03) and (effect.seeds, effect.images) == (4, 24)
    assert tail_verdict([effect]) == "supported"
    assert tail_verdict([effect, tail_effect(pairs, "long", "short", "rmse")]) == "contradicted"


def test_tail_effect_knows_the_luck_of_training():
    """All images of a training share its luck: the interval is that of a t test over the seeds."""
    pairs = pairs_with(0.0, 0.05, noise=0.2, seeds=4)
    found, effect = gains(pairs, "rmse"), tail_effect(pairs, "short", "long", "rmse")
    expected = ttest_1samp((found["long"] - found["short"]).mean(axis=1), 0.0).confidence_interval(0.95)
    assert (effect.difference.low, effect.difference.high) == pytest.approx((expected.low, expected.high))
    assert tail_verdict([effect]) == "not resolved"


def test_tail_effect_needs_seeds():
    """Equal seeds leave no variation, three are too few, and one gives no effect at all."""
    certain = tail_effect(pairs_with(0.1, 0.3, noise=0.0, seeds=4), "short", "long", "rmse")
    few = tail_effect(pairs_with(0.1, 0.3, noise=0.01), "short", "long", "rmse")
    alone = tail_effect(pairs_with(0.1, 0.3, noise=0.0, seeds=1), "short", "long", "rmse")
    assert few.difference.low > 0 and np.isnan(alone.difference.low) and not certain.measurable
    assert {tail_verdict([one]) for one in (certain, few, alone)} == {"not resolved"}


def test_tail_effect_wants_the_same_scenes():
    pairs = pairs_with(0.1, 0.3, noise=0.0)
    pairs["long"][0][0].result["tests"]["long"]["images"][0] = "rooms/test/000099"
    with pytest.raises(ValueError, match="found different test scenes"):
        tail_effect(pairs, "short", "long", "rmse")


@pytest.mark.slow
def test_synergy_runs_end_to_end(tmp_path):
    spec = RunSpec("synergy", "proposed", "rooms", "smoke", overrides={"train_scenes": 4, "test_scenes": 2, "steps": 2, "batch_size": 2})
    store = Store(tmp_path, train=True)
    record = ensure(spec, store, device="cpu")
    assert set(record.result["tests"]) == set(spec.recipe.tests) >= {"rooms-4m", "ranges", "attention", "classes", "rooms-long"}
    assert record.result["curve"].keys() >= {"depth_aware", "joint_gradient", "semantic_focal"}
    made = Store(tmp_path, reference=[], train=False)
    second, first = ensure_trained(spec.recipe.start, made), ensure_trained(spec.recipe.start.recipe.start, made)
    assert [net.load_model().bypassed for net in (record, second, first)] == [False, False, True]
