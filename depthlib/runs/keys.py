"""Short hashes of what a result depends on: the key of a training, and the key of each score.

The key of a training covers network, loss, task, data, plan, seed, the trainings it starts from, and the code of these.
The key of a score covers its training, the test set, the measure and the code of these. So a new metric, protocol or
table retrains nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

from depthlib.base.fingerprint import SILENT, code_fingerprint
from depthlib.models import model_module
from depthlib.protocols.protocol import load_protocol

if TYPE_CHECKING:
    from depthlib.runs.recipe import Recipe
    from depthlib.runs.spec import RunSpec

TARGET = re.compile(r"depthlib(\.\w+)+(?=:\w+)")


def training_key(spec: RunSpec) -> str:
    """12 hexadecimal digits over the spec, the training half of its recipe, and its code."""
    code = code_fingerprint(training_modules(spec.recipe), without=SILENT)
    return _hash({"spec": asdict(spec), "recipe": spec.recipe.training(), "code": code})


def score_key(spec: RunSpec, test: str) -> str:
    """12 hexadecimal digits over the training, and the data, the measure and the code of one test."""
    dataset, measure = spec.recipe.tests[test]
    content: dict[str, Any] = {
        "training": spec.key,
        "data": asdict(dataset),
        "keep": spec.recipe.pictures.get(test, 0),
        "measure": _protocol(measure) if isinstance(measure, str) else asdict(measure),
        "code": code_fingerprint(score_modules(spec.recipe, test), without=SILENT),
    }
    return _hash(content)


def training_modules(recipe: Recipe) -> tuple[str, ...]:
    """The modules that train: of the network, the task, the data, and the training loop."""
    return tuple(sorted(_targets(recipe.training()) | {model_module(recipe.model), "depthlib.runs.train"}))


def score_modules(recipe: Recipe, test: str) -> tuple[str, ...]:
    """The modules that score: of the data, the measure, and the inference loop."""
    dataset, measure = recipe.tests[test]
    own = {"depthlib.protocols.evaluate"} if isinstance(measure, str) else _targets(asdict(measure))
    return tuple(sorted(_targets(asdict(dataset)) | own | {"depthlib.protocols.inference"}))


@cache
def _protocol(name: str) -> str:
    return load_protocol(name).fingerprint()


def _targets(content: dict[str, Any]) -> set[str]:
    return {match.group(0) for match in TARGET.finditer(json.dumps(content))}


def _hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
