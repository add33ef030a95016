"""The evaluation half of a recipe: trained weights, test sets, measures; one file of scores per test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from depthlib.base.build import Build
from depthlib.base.devices import pick_device
from depthlib.base.paths import atomic_write
from depthlib.protocols.evaluate import ProtocolErrors
from depthlib.protocols.inference import Evaluation, Measure, Progress, measure
from depthlib.runs.files import SCORE, tensors_beside
from depthlib.runs.json_files import write_json
from depthlib.runs.train import sha256

if TYPE_CHECKING:
    from depthlib.runs.recipe import Recipe

DIGITS = 6  # of an error of one image


def score(
    recipe: Recipe,
    tests: Iterable[str],
    model: torch.nn.Module,
    folder: Path,
    *,
    identity: dict[str, dict[str, Any]],
    device: str = "auto",
    progress: Progress | None = None,
) -> None:
    """Write `<test>.json.xz` for each test, and `<test>.safetensors` where the measure keeps tensors, into `folder`.

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
            _write(folder / f"{name}{SCORE}", evaluation, {"test": name, **identity[name], "data": fingerprint})


def _by_dataset(recipe: Recipe, tests: Iterable[str]) -> list[tuple[Build, dict[str, Measure]]]:
    """Each data set with its measures, by the name of the test."""
    found: dict[str, tuple[Build, dict[str, Measure]]] = {}
    for name in tests:
        dataset, wanted = recipe.tests[name]
        found.setdefault(repr(dataset), (dataset, {}))[1][name] = _measure(wanted, keep=recipe.pictures.get(name, 0))
    return list(found.values())


def _measure(wanted: str | Build, keep: int = 0) -> Measure:
    return ProtocolErrors(wanted, keep=keep) if isinstance(wanted, str) else wanted.make()


def validator(recipe: Recipe, device: str = "auto") -> Callable[[torch.nn.Module], dict[str, float]] | None:
    """Measures a network as `recipe.val` says: name of the metric, with "val_" before it -> mean over the images."""
    if recipe.val is None or not recipe.plan.validate_every:
        return None
    dataset, wanted = recipe.val
    data, one, chosen = dataset.make(), _measure(wanted), pick_device(device)

    def validate(model: torch.nn.Module) -> dict[str, float]:
        found = measure(model, data, {"val": one}, device=chosen)["val"]
        return {f"val_{name}": value for name, value in found.means().items()}

    return validate


def _write(path: Path, evaluation: Evaluation, identity: dict[str, Any]) -> None:
    """Write the tensors first: the file of scores marks both as complete, and holds the checksum of the tensors."""
    tensors = tensors_beside(path)
    path.unlink(missing_ok=True)  # those of other tensors
    if evaluation.tensors:
        with atomic_write(tensors) as temporary:
            save_file({name: value.half().contiguous() for name, value in evaluation.tensors.items()}, temporary)
        identity = identity | {"tensors": sha256(tensors)}
    else:
        tensors.unlink(missing_ok=True)
    write_json(
        path,
        identity
        | {
            "protocol": evaluation.protocol,
            "images": evaluation.images,
            "metrics": evaluation.metrics,
            "skipped": evaluation.skipped,
            "pixels": evaluation.pixels,
        },
        digits=DIGITS,
    )
