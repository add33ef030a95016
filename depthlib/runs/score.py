"""The evaluation half of a recipe: trained weights, test sets, measures; one file of scores per test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from depthlib.base.build import Build
from depthlib.base.devices import pick_device
from depthlib.base.paths import atomic_write
from depthlib.protocols.evaluate import ProtocolErrors
from depthlib.protocols.inference import Evaluation, Measure, Progress, measure
from depthlib.runs.json_files import write_json

if TYPE_CHECKING:
    from depthlib.runs.recipe import Recipe


def score(
    recipe: Recipe, tests: Iterable[str], model: torch.nn.Module, folder: Path, *, identity: dict[str, dict[str, Any]],
    device: str = "auto", progress: Progress | None = None,
) -> None:
    """Write `<test>.json` for each test, and `<test>.safetensors` where the measure keeps tensors, into `folder`.

    Tests on one data set share one pass of inference.

    Args:
        identity: by test, the key of the score and the hash of the weights, stored in the file.
    """
    chosen = pick_device(device)
    for dataset, named in _by_dataset(recipe, tests):
        data = dataset.make()
        found = measure(model, data, named, device=chosen, progress=progress)
        fingerprint = data.fingerprint()
        for name, evaluation in found.items():
            _write(folder / f"{name}.json", evaluation, {"test": name, **identity[name], "data": fingerprint})


def _by_dataset(recipe: Recipe, tests: Iterable[str]) -> list[tuple[Build, dict[str, Measure]]]:
    """Each data set with its measures, by the name of the test."""
    found: dict[str, tuple[Build, dict[str, Measure]]] = {}
    for name in tests:
        dataset, wanted = recipe.tests[name]
        one = ProtocolErrors(wanted, keep=recipe.pictures.get(name, 0)) if isinstance(wanted, str) else wanted.make()
        found.setdefault(repr(dataset), (dataset, {}))[1][name] = one
    return list(found.values())


def _write(path: Path, evaluation: Evaluation, identity: dict[str, Any]) -> None:
    """Write the tensors first: the file of scores marks both as complete."""
    tensors = path.with_suffix(".safetensors")
    if evaluation.tensors:
        with atomic_write(tensors) as temporary:
            save_file({name: value.half().contiguous() for name, value in evaluation.tensors.items()}, temporary)
    else:
        tensors.unlink(missing_ok=True)
    write_json(
        path,
        identity
        | {
            "protocol": evaluation.protocol, "images": evaluation.images, "metrics": evaluation.metrics,
            "skipped": evaluation.skipped, "pixels": evaluation.pixels,
        },
    )
