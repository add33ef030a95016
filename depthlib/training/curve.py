"""The training curve, and the log that fills it without waiting for a GPU at every step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from depthlib.training.parallel import mean_over_processes, rank_and_size

READ_EVERY = 50  # steps on CUDA, where reading a number waits for all work before it


class TrainingDiverged(RuntimeError):
    """The loss is no longer a finite number."""


@dataclass
class Curve:
    """Values logged at each step: `loss`, learning rate, terms of the loss; None where a step lacks a term."""

    values: dict[str, list[float | None]] = field(default_factory=dict)

    def append(self, row: Mapping[str, float]) -> None:
        steps = len(self)
        # a fixed order, since records are compared
        for name in [*self.values, *(name for name in row if name not in self.values)]:
            self.values.setdefault(name, [None] * steps).append(row.get(name))

    def add_to_last(self, row: Mapping[str, float]) -> None:
        """Further values of the last step."""
        for name, value in row.items():
            self.values.setdefault(name, [None] * len(self))[-1] = value

    def __len__(self) -> int:
        return len(self.values.get("loss", []))


class Log:
    """Collects the loss and its terms and appends them to a curve: every 50 steps on CUDA, at once elsewhere and where
    several processes have to agree.

    Attributes:
        loss: of the last step that was read.
    """

    def __init__(self, curve: Curve, device: torch.device) -> None:
        alone = rank_and_size()[1] == 1
        self.curve, self.every = curve, READ_EVERY if device.type == "cuda" and alone else 1
        self.loss = math.nan
        self._parts: list[dict[str, Tensor]] = []
        self._steps: list[tuple[int, float, list[dict[str, Tensor]]]] = []

    def add(self, values: dict[str, Tensor]) -> None:
        """The loss and the terms, scalars, of a part of a batch."""
        self._parts.append({name: value.detach() for name, value in values.items()})

    def end_step(self, step: int, lr: float) -> None:
        """The parts so far were step number `step`. Raises as `read`."""
        self._steps.append((step, lr, self._parts))
        self._parts = []
        if step % self.every == 0:
            self.read()

    def read(self) -> None:
        """Append what was collected to the curve. Raises TrainingDiverged with the first step whose loss is not
        finite.
        """
        for step, lr, parts in self._steps:
            row = {name: sum(float(part[name]) for part in parts) / len(parts) for name in parts[0]}
            row = mean_over_processes(row)
            if not math.isfinite(row["loss"]):
                self._steps = []
                raise TrainingDiverged(
                    f"step {step}: " + ", ".join(f"{name} = {value:.4g}" for name, value in row.items())
                )
            self.curve.append(row | {"lr": lr})
            self.loss = row["loss"]
        self._steps = []
