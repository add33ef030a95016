"""A recipe: all that defines a training and its evaluation, as data. Papers write recipes; `runs` carries them out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from depthlib.base.build import Build
from depthlib.training.fit import Plan

if TYPE_CHECKING:
    from depthlib.runs.spec import RunSpec


@dataclass(frozen=True)
class Recipe:
    """How to train and test one network.

    Attributes:
        model, model_options: arguments of `create_model`.
        task: how a batch becomes a loss.
        train: the training set.
        tests: name -> (dataset, how it is scored): the name of a protocol for depth maps, or a `Build` of a
            `depthlib.protocols.inference.Measure` for whatever else a network says.
        plan: steps, batch size, optimiser.
        pictures: test -> how many of its predictions are kept for pictures; only where a protocol scores.
        ship_weights: whether the weights are committed with the reference results.
        start: the run whose network this one goes on from; None for weights drawn from the seed.
        networks: finished runs whose networks the task gets as keyword arguments, such as a teacher.
    """

    model: str
    model_options: dict[str, Any]
    task: Build
    train: Build
    tests: dict[str, tuple[Build, str | Build]]
    plan: Plan
    pictures: dict[str, int] = field(default_factory=dict)
    ship_weights: bool = False
    start: RunSpec | None = None
    networks: dict[str, RunSpec] = field(default_factory=dict)

    def needs(self) -> dict[str, RunSpec]:
        """The runs that must be trained first, by what they are for: "start", or the name of a network of the task."""
        return ({"start": self.start} if self.start else {}) | self.networks

    def training(self) -> dict[str, Any]:
        """What decides the weights, as plain JSON values, other runs by their names: part of a run's key, and of its record."""
        content = {
            "model": self.model, "model_options": self.model_options, "task": asdict(self.task), "train": asdict(self.train),
            "plan": asdict(self.plan), "needs": {purpose: spec.name for purpose, spec in self.needs().items()},
        }
        return json.loads(json.dumps(content))
