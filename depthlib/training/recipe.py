"""A recipe: all that defines a training and its evaluation, as data. Papers write recipes; `training.run` carries them out."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from depthlib.protocols.protocol import load_protocol
from depthlib.training.fit import Plan

TARGET = re.compile(r"depthlib(\.\w+)+(?=:\w+)")


@dataclass(frozen=True)
class Build:
    """Something to be made: "depthlib.<module>:<name>" and its keyword arguments (JSON values; a Build may be among them)."""

    target: str
    options: dict[str, Any] = field(default_factory=dict)

    def make(self) -> Any:
        from depthlib.training.tasks import resolve

        return resolve(self.target)(**{k: v.make() if isinstance(v, Build) else v for k, v in self.options.items()})


@dataclass(frozen=True)
class Recipe:
    """How to train and test one network.

    Attributes:
        model, model_options: arguments of `create_model`.
        task: how a batch becomes a loss.
        train: the training set.
        tests: name -> (dataset, protocol).
        plan: steps, batch size, optimiser.
        pictures: test -> how many of its predictions are kept for pictures.
        ship_weights: whether the weights are committed with the reference results.
    """

    model: str
    model_options: dict[str, Any]
    task: Build
    train: Build
    tests: dict[str, tuple[Build, str]]
    plan: Plan
    pictures: dict[str, int] = field(default_factory=dict)
    ship_weights: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values, the protocols with all their fields: what a run's key and record hold."""
        content = json.loads(json.dumps(asdict(self)))
        content["protocols"] = {name: asdict(load_protocol(name)) for name in sorted({protocol for _, protocol in self.tests.values()})}
        return json.loads(json.dumps(content))

    def modules(self) -> tuple[str, ...]:
        """The modules that carry this recipe out; their code is part of the run's key."""
        from depthlib.models import model_module

        named = {match.group(0) for match in TARGET.finditer(json.dumps(asdict(self)))}
        return tuple(sorted(named | {model_module(self.model), "depthlib.training.run"}))
