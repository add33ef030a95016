"""Stages in the real training loop: what stands still, and that a killed one ends in the same bits."""

import pytest
import torch
from synergy_parts import Frames, small, state
from torch import nn

from depthlib.papers.synergy.task import StagedTask
from depthlib.scenes.labels import scene_labels
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.fit import Plan, fit

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
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    )


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
    target, valid, labels = labels_at(
        out.depth.shape[-2:], batch["depth"], batch["valid"], scene_labels(batch["semantics"], 4)
    )
    terms = {
        "berhu": berhu_loss(out.depth, target, valid),
        "depth_aware": depth_aware_loss(out.depth, target, valid, max_depth=10.0),
        "joint_gradient": joint_gradient_loss(out.depth, target, valid, out.logits, max_depth=10.0),
        "semantic_focal": semantic_focal_loss(out.logits, labels),
        "cross_entropy": nn.functional.cross_entropy(out.logits, labels),
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
    assert task.tasks == ("depth",)  # no classes, so no semantic branch is asked for
    assert StagedTask(SECOND, {"joint_gradient": 1.0}, max_depth=10.0, classes=4).tasks == ("depth", "semantics")
