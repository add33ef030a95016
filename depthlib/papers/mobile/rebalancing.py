"""Loss rebalancing (Lee and Kim 2020): the weights of losses are updated periodically by their rates of decrease.

Independent of networks and optimisers: the input is the values of the losses, the output their weights. Sec. 3.3 of the
mobile paper; erratum MB-13.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

ORDERS = ("hard_to_easy", "easy_to_hard")
LOWEST, HIGHEST = 0.5, 2.0  # range of the factor of one event
SMALLEST = 1e-12  # a loss below it counts as this much


def rebalanced(
    weights: Mapping[str, float],
    losses: Mapping[str, float],
    before: Mapping[str, float],
    total_before: float,
    lam: float,
    *,
    clip: bool = True,
) -> dict[str, float]:
    """w_i (1 + lam ((T / T') (l'_i / l_i) - 1)), the factor clipped to [1/2, 2]. T = sum of w_i l_i.

    lam > 0 raises the losses that fell faster than their sum, the easy ones; lam < 0 the hard ones. Without clipping,
    and if total_before is the sum of w_i l'_i, the sum of w_i l_i is the same before and after.

    Args:
        weights: w_i. losses, before: l_i and l'_i, means since the last event and over the time before that one.
        total_before: T', the sum of w_i l'_i with the weights after the last event.
    """
    losses = {name: max(value, SMALLEST) for name, value in losses.items()}
    ratio = sum(weights[name] * losses[name] for name in weights) / max(total_before, SMALLEST)
    updated = {}
    for name, weight in weights.items():
        factor = 1 + lam * (ratio * max(before[name], SMALLEST) / losses[name] - 1)
        updated[name] = weight * (min(max(factor, LOWEST), HIGHEST) if clip else factor)
    return updated


def initial_weights(weights: Mapping[str, float], losses: Mapping[str, float]) -> dict[str, float]:
    """Weights that equalise the weighted losses and keep their sum: T / (n l_i). "WI" of Table 6."""
    losses = {name: max(value, SMALLEST) for name, value in losses.items()}
    total = sum(weights[name] * losses[name] for name in weights)
    return {name: total / (len(weights) * losses[name]) for name in weights}


def lam_of_epoch(epoch: int, order: str = "hard_to_easy") -> float:
    """-3, -1.5, 0, 1.5, 3, 3, ... for "hard_to_easy", the paper's order; the negative, that of the original, for
    "easy_to_hard".

    The paper gives no formula (erratum MB-13). Raises ValueError for another order.
    """
    if order not in ORDERS:
        raise ValueError(f"order: found {order!r}, expected one of {', '.join(ORDERS)}")
    lam = min(-3.0 + 1.5 * epoch, 3.0)
    return lam if order == "hard_to_easy" else -lam


class LossRebalancer:
    """The weights of named losses over a training.

        rebalancer = LossRebalancer(("ranking", "rmse", "pairwise"), steps_per_epoch=1000)
        total = rebalancer.total(terms)     # before the backward pass
        rebalancer.observe(terms)           # once a step, after it

    The first event stores the reference losses; with `initialise` it also equalises the weighted losses. Each later
    event applies `rebalanced`. The weights are never normalised: the paper's final ones, 0.1, 0.285 and 0.9, add up to
    1.285.

    Args:
        names: of the losses, which must be non-negative.
        steps_per_epoch: N; the K events of an epoch follow its steps ceil(k N / K), k = 1 to K.
        events: K; 5 in the paper, 4 in the original.
        order: see `lam_of_epoch`.
        initialise: "WI" of Table 6.
        clip: see `rebalanced`.

    Raises ValueError for unfit options.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        steps_per_epoch: int,
        events: int = 5,
        order: str = "hard_to_easy",
        initialise: bool = False,
        clip: bool = True,
    ) -> None:
        if isinstance(names, str) or not names or len(set(names)) != len(names):
            raise ValueError(f"names: found {names!r}, expected distinct names of losses")
        if not 1 <= events <= steps_per_epoch:
            raise ValueError(f"events: found {events}, expected 1 to steps_per_epoch, {steps_per_epoch}")
        lam_of_epoch(0, order)
        self.steps_per_epoch, self.order, self.initialise, self.clip = steps_per_epoch, order, initialise, clip
        self.behind = {math.ceil(k * steps_per_epoch / events) for k in range(1, events + 1)}
        self.weights = {name: 1 / len(names) for name in names}
        self.before: dict[str, float] | None = None
        self.total_before = 0.0
        self.step = 0
        self._sums, self._samples = dict.fromkeys(names, 0.0), 0

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum, to be minimised. Raises ValueError unless the keys of `terms` are the names."""
        self._require_names(terms)
        return torch.stack([self.weights[name] * terms[name] for name in self.weights]).sum()

    def observe(self, terms: Mapping[str, Tensor | float], samples: int = 1) -> bool:
        """Record the unweighted losses of one step, means over `samples`; update the weights if an event is due.

        With several processes each must get the means over all of them, else their weights diverge.

        Returns:
            whether this was an event.

        Raises ValueError for other names, or a loss that is negative or not finite.
        """
        self._require_names(terms)
        for name in self.weights:
            value = float(terms[name].detach()) if isinstance(terms[name], Tensor) else float(terms[name])
            if not 0 <= value < math.inf:
                raise ValueError(f"{name}: found the loss {value}, expected a finite value of at least 0")
            self._sums[name] += samples * value
        self._samples += samples
        epoch, position = divmod(self.step, self.steps_per_epoch)
        self.step += 1
        if position + 1 not in self.behind:
            return False
        losses = {name: total / self._samples for name, total in self._sums.items()}
        if self.before is not None:
            lam = lam_of_epoch(epoch, self.order)
            self.weights = rebalanced(self.weights, losses, self.before, self.total_before, lam, clip=self.clip)
        elif self.initialise:
            self.weights = initial_weights(self.weights, losses)
        self.before = losses
        self.total_before = sum(self.weights[name] * losses[name] for name in losses)
        self._sums, self._samples = dict.fromkeys(self.weights, 0.0), 0
        return True

    def state_dict(self) -> dict[str, Any]:
        """The mutable state as numbers, for an exact resume."""
        return {
            "weights": dict(self.weights),
            "before": self.before and dict(self.before),
            "total_before": self.total_before,
            "step": self.step,
            "sums": dict(self._sums),
            "samples": self._samples,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`. Raises ValueError for the state of other losses."""
        self._require_names(state["weights"])
        self.weights, self.total_before, self.step = dict(state["weights"]), state["total_before"], state["step"]
        self.before = state["before"] and dict(state["before"])
        self._sums, self._samples = dict(state["sums"]), state["samples"]

    def _require_names(self, terms: Mapping[str, object]) -> None:
        if terms.keys() != self.weights.keys():
            raise ValueError(f"terms: found {', '.join(terms)}, expected {', '.join(self.weights)}")
