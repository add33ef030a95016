"""Carrying out a recipe: build, train, round, evaluate, write."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from depthlib import __version__
from depthlib.base.build import Build
from depthlib.base.devices import pick_device
from depthlib.base.paths import atomic_write
from depthlib.models import create_model
from depthlib.models.weights import round_to_half, save_weights
from depthlib.protocols.evaluate import evaluate
from depthlib.protocols.protocol import load_protocol
from depthlib.protocols.remembering import remembering
from depthlib.runs.recipe import Recipe
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.fit import Curve, Task, fit
from depthlib.training.parallel import join, rank_and_size

OnStep = Callable[[int, float, float], None]


Networks = Mapping[str, torch.nn.Module]


def build_model(recipe: Recipe, seed: int, start: torch.nn.Module | None = None) -> torch.nn.Module:
    """The network before its first step: drawn from the seed alone, or what `start` has learned.

    A network that is not of the kind of `start` says itself what it takes over, with a method `adopt`.
    """
    torch.manual_seed(seed)
    model = create_model(recipe.model, **recipe.model_options)
    if hasattr(model, "adopt") and start is not None:
        model.adopt(start)
    elif start is not None:
        model.load_state_dict(start.state_dict())
    return model


def build_task(recipe: Recipe, networks: Networks) -> Task:
    """The task, with the finished networks that it asks for."""
    return recipe.task.make(**{name: networks[name] for name in recipe.networks})


def first_steps(recipe: Recipe, *, seed: int, steps: int = 20, networks: Networks | None = None) -> Curve:
    """Really train the first steps, on the CPU, outside any store: what a stored notebook is checked with.

    `networks` are those that the recipe needs, see `Store.networks`.

    One thread, whatever the machine has: the number of threads decides in which order numbers are added, and at a high
    learning rate the rounding is visible after ten steps.
    """
    threads, networks = torch.get_num_threads(), networks or {}
    torch.set_num_threads(1)
    try:
        model = build_model(recipe, seed, networks.get("start"))
        return fit(model, build_task(recipe, networks), recipe.train.make(), recipe.plan, seed=seed, stop_after=steps)
    finally:
        torch.set_num_threads(threads)


def execute(
    recipe: Recipe, folder: Path, *, seed: int, identity: dict[str, Any], networks: Networks, device: str = "auto",
    on_step: OnStep | None = None, checkpoint_seconds: float = 20.0,
) -> None:
    """Carry out `recipe` and write a run's folder; `record.json` comes last. Resumes from a checkpoint in `folder`.

    Args:
        identity: what the record says of itself besides the recipe: its key and its spec.
        networks: what `recipe.needs()` names.
        on_step: see `fit`.
        checkpoint_seconds: how much work a kill may cost.
    """
    clock = [time.monotonic()]
    chosen = join(pick_device(device))
    if chosen.type == "cuda":       # the same bits on every repetition, where torch has a deterministic form
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    train = recipe.train.make()
    clock.append(time.monotonic())
    model = build_model(recipe, seed, networks.get("start"))
    checkpoint = Checkpoint(folder / "checkpoint.pt", checkpoint_seconds)
    curve = fit(model, build_task(recipe, networks), train, recipe.plan, seed=seed, device=chosen, checkpoint=checkpoint, on_step=on_step)
    if rank_and_size()[0] > 0:      # the first process writes for all
        return
    clock.append(time.monotonic())
    round_to_half(model)            # what is measured is what is kept

    tests, pictures = {}, {}
    with remembering(model):        # some data sets differ in their labels alone
        for dataset, wanted in _by_dataset(recipe.tests):
            data = dataset.make()
            fingerprint = data.fingerprint()
            for name, protocol in wanted.items():
                if isinstance(protocol, str):
                    evaluation, kept = evaluate(
                        model, data, load_protocol(protocol), device=chosen, keep=recipe.pictures.get(name, 0))
                else:
                    evaluation, kept = protocol.make()(model, data, device=chosen), torch.empty(0)
                tests[name] = {
                    "protocol": evaluation.protocol, "data": fingerprint, "images": evaluation.images,
                    "metrics": evaluation.metrics, "skipped": evaluation.skipped,
                }
                if name in recipe.pictures:
                    pictures[name] = kept.half()
    result: dict[str, Any] = {
        "format": 1, **identity, "recipe": recipe.as_dict(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "train_data": train.fingerprint(), "curve": curve.values, "tests": {name: tests[name] for name in recipe.tests},
    }
    sample = train[0]["image"]
    save_weights(
        model.cpu(), folder / "weights.safetensors", model_name=recipe.model, options=recipe.model_options,
        input_size=list(sample.shape[-2:]), **identity,
    )
    with atomic_write(folder / "predictions.safetensors") as temporary:
        save_file({name: value.contiguous() for name, value in pictures.items()}, temporary)
    clock.append(time.monotonic())
    _write_json(folder / "provenance.json", provenance(chosen, clock))
    _write_json(folder / "record.json", result)
    checkpoint.remove()


def _by_dataset(tests: Mapping[str, tuple[Build, str | Build]]) -> list[tuple[Build, dict[str, str | Build]]]:
    """Each data set with the protocols, by the name of the test, that look at it."""
    found: dict[str, tuple[Build, dict[str, str | Build]]] = {}
    for name, (dataset, protocol) in tests.items():
        found.setdefault(repr(dataset), (dataset, {}))[1][name] = protocol
    return list(found.values())


def provenance(device: torch.device, clock: list[float]) -> dict[str, Any]:
    """What a record does not depend on, and a reader wants to know.

    Args:
        clock: seconds at the start, after the training data, the training, and the evaluation were done. Of a run that was
            interrupted they count the last part.
    """
    data, training, evaluation = (round(b - a, 1) for a, b in zip(clock, clock[1:], strict=False))
    import numpy

    instructions = torch.backends.cpu.get_cpu_capability()
    return {
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "seconds": round(clock[-1] - clock[0], 1),
        "seconds_data": data, "seconds_training": training, "seconds_evaluation": evaluation,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} ({instructions})",
        "threads": torch.get_num_threads(), "python": platform.python_version(), "torch": torch.__version__,
        "numpy": numpy.__version__, "depthlib": __version__,
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """One top-level entry a line; numbers with nine digits, which hold a float32 exactly."""
    lines = [f"{json.dumps(key)}: {json.dumps(_nine_digits(value))}" for key, value in content.items()]
    with atomic_write(path) as temporary:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _nine_digits(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: _nine_digits(v) for key, v in value.items()}
    return [_nine_digits(v) for v in value] if isinstance(value, list) else value
