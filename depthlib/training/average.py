"""Exponential moving average of a network's weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """a <- d a + (1 - d) w after each step, with d = min(decay, (1 + n)/(10 + n)) for the n-th update, n = 0, 1, ...

    The average starts at the weights given; the growing d soon forgets them, where a constant one would keep them for
    1/(1 - decay) steps.

    Everything floating in the state of the network is averaged, the running mean and variance of batch norm too. Those
    of the network belong to its last weights, and copied they would differ from the statistics under the averaged
    weights in first order. Their average does not: for a given input of a convolution the mean of its output is linear
    in the weights, so that the average of the means is the mean under the average; of the variances, which are
    quadratic, it is too large by the variance of the weights, a second order. Counters are copied.

    Args:
        model: on its final device.
        decay: 0 (the last weights) up to below 1.

    Raises:
        ValueError: another decay.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay: found {decay!r}, expected 0 <= decay < 1")
        self.decay, self.updates = decay, 0
        self.values = {name: value.clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the weights of the model in, after a step of the optimiser."""
        share = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        averaged: list[Tensor] = []
        current: list[Tensor] = []
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                averaged.append(self.values[name])
                current.append(value)
            else:
                self.values[name].copy_(value)
        torch._foreach_lerp_(averaged, current, share)  # one kernel for all tensors
        self.updates += 1

    def copy_to(self, model: nn.Module) -> None:
        """Give a network of the same kind the averaged weights. The average itself is not changed by its training."""
        model.load_state_dict(self.values)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: the tensors themselves and the number of updates."""
        return {"values": self.values, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict()`, on the device of the model given at first.

        Raises:
            ValueError: the state of another network.
        """
        expected = {name: list(value.shape) for name, value in self.values.items()}
        found = {name: list(value.shape) for name, value in state["values"].items()}
        if wrong := [name for name in (*expected, *found) if expected.get(name) != found.get(name)]:
            name = wrong[0]
            raise ValueError(f"{name}: found {found.get(name)}, expected {expected.get(name)}, as in this network")
        for name, value in self.values.items():
            value.copy_(state["values"][name])
        self.updates = state["updates"]
