"""What a training step costs on this device: some steps of the real network at the real size, on random images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import torch
from torch.utils.data import Dataset

from depthlib.base.cost import parameters
from depthlib.base.devices import pick_device
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.runs.train import build_model, build_task, transform
from depthlib.training.fit import fit

WARM_UP, TIMED = 3, 10  # steps on a GPU; on a CPU one step has to do
Sample = Callable[[torch.Generator], dict[str, Any]]


class RandomItems(Dataset):
    """`count` items of `sample`, each with random numbers of its own and a name."""

    def __init__(self, sample: Sample, count: int) -> None:
        self.sample, self.count = sample, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.sample(torch.Generator().manual_seed(index)) | {"name": f"random/{index}"}


def network_parameters(spec: RunSpec) -> int:
    """Number of parameters of the network that a run trains."""
    return parameters(build_model(_from_scratch(spec.recipe), 0))


def step_cost(spec: RunSpec, sample: Sample, device: str = "auto") -> float | None:
    """Seconds of a training step of a run, the median; None where it does not fit into the memory of the device.

    Nothing is read, written or downloaded.

    Networks that the task needs and weights to start from are random ones of the same size.

    Args:
        sample: an item of the training set's size, without its name.
        device: see `pick_device`.
    """
    chosen, recipe = pick_device(device), spec.recipe
    networks = {name: build_model(_from_scratch(needed.recipe), 0) for name, needed in recipe.networks.items()}
    model, plan = build_model(_from_scratch(recipe), 0), recipe.plan
    moments: list[float] = []
    speeds: list[float] = []

    def tick(step: int, loss: float, speed: float) -> None:
        if chosen.type == "cuda":
            torch.cuda.synchronize(chosen)
        moments.append(time.perf_counter())
        speeds.append(speed)

    deterministic = torch.are_deterministic_algorithms_enabled()
    try:
        torch.use_deterministic_algorithms(chosen.type == "cuda", warn_only=True)  # as in a training
        fit(
            model,
            build_task(recipe, networks),
            RandomItems(sample, 2 * plan.batch_size),
            plan,
            seed=0,
            transform=transform(recipe),
            device=chosen,
            on_step=tick,
            stop_after=WARM_UP + TIMED if chosen.type == "cuda" else 1,
        )
    except torch.OutOfMemoryError:
        return None
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=True)
    steady = moments[WARM_UP - 1 :] if len(moments) > WARM_UP else []
    each = [after - before for before, after in zip(steady, steady[1:], strict=False)]
    return median(each) if each else plan.batch_size / speeds[-1]


def _from_scratch(recipe: Recipe) -> Recipe:
    return replace(recipe, model_options=_without_weights(recipe.model_options))


def _without_weights(options: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_weights(value) if isinstance(value, dict) else value
        for name, value in options.items()
        if name != "pretrained"
    }
