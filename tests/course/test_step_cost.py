"""The time of a training step, measured on random images."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
import torch

from depthlib.course import step_cost as module
from depthlib.course.step_cost import network_parameters, step_cost
from depthlib.runs.spec import RunSpec
from depthlib.training.tasks import Supervised


def sample(generator: torch.Generator) -> dict[str, Any]:
    depth = 1 + torch.rand(1, 32, 48, generator=generator)
    return {"image": torch.rand(3, 32, 48, generator=generator), "depth": depth, "valid": depth > 0}


@pytest.mark.parametrize("variant", ["e", "fcrn"])
def test_every_row_can_be_timed_without_data_or_weights(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """FCRN would download its ImageNet weights."""
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", lambda *_, **__: pytest.fail("weights were downloaded"))
    spec = RunSpec("anuw", variant, "mai", "paper", overrides={"width": 4})
    if variant == "fcrn":
        recipe = spec.recipe
        spec.__dict__["recipe"] = replace(recipe, model_options=recipe.model_options | {"pretrained": True})
    assert 0 < step_cost(spec, sample, "cpu") < 60 and network_parameters(spec) > 1000


@pytest.mark.slow
def test_a_slow_step_is_told_as_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, loss = RunSpec("anuw", "unet", "mai", "paper", overrides={"width": 4}), Supervised.loss

    def slow(self: Supervised, model: Any, batch: Any) -> Any:
        time.sleep(0.5)
        return loss(self, model, batch)

    step_cost(spec, sample, "cpu")  # the first step of a process loads parts of torch
    monkeypatch.setattr(Supervised, "loss", slow)
    assert step_cost(spec, sample, "cpu") > 0.5


def test_what_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(module, "fit", full)
    assert step_cost(RunSpec("anuw", "unet", "mai", "paper", overrides={"width": 4}), sample, "cpu") is None
