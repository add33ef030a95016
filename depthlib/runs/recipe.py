"""Recipes: the definition of a training and its evaluation, as data. Papers define recipes; `runs` executes them."""

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
        task: computes the loss of a batch.
        train: the training set.
        transform: of its items, in this order, see `depthlib.data.transforms`.
        val: (dataset, measure) of the validations during training, every `plan.validate_every` steps; they change
            nothing but the curve.
        tests: name -> (dataset, measure): the name of a protocol for depth maps, or a `Build` of a
            `depthlib.protocols.inference.Measure` for other outputs of a network.
        plan: steps, batch size, optimiser.
        pictures: test -> number of predictions kept for pictures; only for tests scored by a protocol.
        ship_weights: whether the weights are committed with the reference results.
        start: the run whose weights are the initial ones; None: initial weights drawn from the seed.
        networks: runs whose trained networks are keyword arguments of the task, such as a teacher.
    """

    model: str
    model_options: dict[str, Any]
    task: Build
    train: Build
    tests: dict[str, tuple[Build, str | Build]]
    plan: Plan
    transform: tuple[Build, ...] = ()
    val: tuple[Build, str | Build] | None = None
    pictures: dict[str, int] = field(default_factory=dict)
    ship_weights: bool = False
    start: RunSpec | None = None
    networks: dict[str, RunSpec] = field(default_factory=dict)

    def needs(self) -> dict[str, RunSpec]:
        """The runs to train first, by purpose: "start", or the name of a network of the task."""
        return ({"start": self.start} if self.start else {}) | self.networks

    def training(self) -> dict[str, Any]:
        """All that determines the weights, as JSON values, other runs by name: part of the key and of the record."""
        content = {
            "model": self.model,
            "model_options": self.model_options,
            "task": asdict(self.task),
            "train": asdict(self.train),
            "transform": [asdict(step) for step in self.transform],
            "plan": asdict(self.plan),
            "needs": {purpose: spec.name for purpose, spec in self.needs().items()},
        }
        values: dict[str, Any] = json.loads(json.dumps(content))
        return values
