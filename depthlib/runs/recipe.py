"""A recipe: all that defines a training and its evaluation, as data. Papers write recipes; `training.run` carries them out."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from depthlib.base.build import Build
from depthlib.protocols.protocol import load_protocol
from depthlib.training.fit import Plan

if TYPE_CHECKING:
    from depthlib.runs.spec import RunSpec

TARGET = re.compile(r"depthlib(\.\w+)+(?=:\w+)")


@dataclass(frozen=True)
class Recipe:
    """How to train and test one network.

    Attributes:
        model, model_options: arguments of `create_model`.
        task: how a batch becomes a loss.
        train: the training set.
        tests: name -> (dataset, how it is scored): the name of a protocol for depth maps, or a `Build` of a function
            (model, dataset, device) -> `Evaluation` for whatever else a network says.
        plan: steps, batch size, optimiser.
        pictures: test -> how many of its predictions are kept for pictures.
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
        """The runs that must be finished first, by what they are for: "start", or the name of a network of the task."""
        return ({"start": self.start} if self.start else {}) | self.networks

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values, protocols with all their fields, runs by their names: what a run's key and record hold."""
        content = {name: value for name, value in asdict(self).items() if name not in ("start", "networks")}
        named = sorted({protocol for _, protocol in self.tests.values() if isinstance(protocol, str)})
        content["protocols"] = {name: asdict(load_protocol(name)) for name in named}
        content["needs"] = {purpose: spec.name for purpose, spec in self.needs().items()}
        return json.loads(json.dumps(content))

    def modules(self) -> tuple[str, ...]:
        """The modules that carry this recipe out; their code is part of the run's key."""
        from depthlib.models import model_module

        named = {match.group(0) for match in TARGET.finditer(json.dumps(asdict(self)))}
        return tuple(sorted(named | {model_module(self.model), "depthlib.runs.execute"}))
