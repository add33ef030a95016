"""Stages of training: what moves, the paper's schedule, and the bypass."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from synergy_parts import DEPTH_ONLY, picture, small
from torch import Tensor, nn

from depthlib.models.weights import load_weights, round_to_half, save_weights
from depthlib.papers.synergy.network import PARTS
from depthlib.papers.synergy.stages import STAGES, Stage


def snapshot(modules: list[nn.Module]) -> list[Tensor]:
    return [value.clone() for module in modules for value in module.state_dict().values()]


def statistics(modules: list[nn.Module]) -> list[Tensor]:
    norms = [m for module in modules for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    return [norm.running_mean.clone() for norm in norms]


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_moves_its_parts_and_nothing_else(stage: Stage) -> None:
    model = small(activation="sigmoid")
    optimizer = torch.optim.Adam(model.enter(stage))
    model.train()  # what a training loop does afterwards must not wake the frozen parts
    before = {name: snapshot(model.part(name)) for name in PARTS}
    norms = {name: statistics(model.part(name)) for name in before}
    for _ in range(2):
        out = model.outputs(picture())
        terms = {"depth": out.depth.square().mean(), "semantics": out.logits.square().mean()}
        optimizer.zero_grad()
        sum(term for branch, term in terms.items() if branch in stage.rates).backward()
        optimizer.step()
    for name, old in before.items():
        same = [torch.equal(a, b) for a, b in zip(old, snapshot(model.part(name)), strict=True)]
        still = [torch.equal(a, b) for a, b in zip(norms[name], statistics(model.part(name)), strict=True)]
        assert all(same) == (name not in stage.rates), name
        if name in stage.rates:
            assert not any(still), name


def test_the_schedule_is_the_paper_s() -> None:
    assert [stage.rates for stage in STAGES] == [
        {"backbone": 1e-3, "depth": 1e-3},
        {"backbone": 1e-5, "semantics": 1e-3, "sharing": 1e-3},
        {"backbone": 1e-4, "depth": 1e-3, "semantics": 1e-3, "sharing": 1e-3},  # 1e-3 for the paper's 1e-2 (LD-11)
    ]
    assert [stage.bypass for stage in STAGES] == [True, False, False]
    model = small()
    for stage in STAGES:
        groups = model.enter(stage)
        assert {group["name"]: group["lr"] for group in groups} == stage.rates
        for name in PARTS:  # at once, and not only after the next train()
            assert all(module.training == (name in stage.rates) for module in model.part(name)), name
        trained = {id(parameter) for group in groups for parameter in group["params"]}
        assert trained == {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    assert len(trained) == len(list(model.parameters()))  # the last stage trains all, also what was frozen before
    alone = small(**DEPTH_ONLY)
    assert [group["name"] for group in alone.enter(STAGES[2])] == ["backbone", "depth"]
    with pytest.raises(ValueError, match="part: found 'encoder', expected one of backbone, depth, semantics, sharing"):
        model.enter(Stage("x", {"encoder": 1.0}))


@pytest.mark.slow
def test_bypass_separates_the_branches_and_is_stored_with_the_weights(tmp_path: Path) -> None:
    model, separate = small().eval(), small(sharing="none").eval()
    round_to_half(model)
    separate.load_state_dict(model.state_dict(), strict=False)
    options = {"width": 1 / 16}
    with torch.no_grad():
        shared, apart = model(picture()), separate(picture())
        assert not torch.equal(shared, apart)
        model.enter(STAGES[0])
        assert torch.equal(model(picture()), apart)
        save_weights(model, tmp_path / "stage1.safetensors", model_name="synergy", options=options)
        loaded, _ = load_weights(tmp_path / "stage1.safetensors")
        assert loaded.bypassed
        assert torch.equal(loaded(picture()), apart)
        model.enter(STAGES[1])
        assert torch.equal(model(picture()), shared)
