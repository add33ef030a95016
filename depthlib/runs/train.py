"""The training half of a recipe: build, train, round, write the weights and their metadata."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from depthlib.base.devices import pick_device
from depthlib.data.transforms import Compose
from depthlib.models import create_model
from depthlib.models.weights import round_to_half, save_weights
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.curve import Curve
from depthlib.training.fit import Task, fit
from depthlib.training.parallel import join, rank_and_size

if TYPE_CHECKING:
    from depthlib.runs.recipe import Recipe

OnStep = Callable[[int, float, float], None]
Networks = Mapping[str, torch.nn.Module]
Validate = Callable[[torch.nn.Module], Mapping[str, float]]


def build_model(recipe: Recipe, seed: int, start: torch.nn.Module | None = None) -> torch.nn.Module:
    """The network before its first step, with weights drawn from the seed or copied from `start`.

    A network of another class than `start` selects what to copy in a method `load_from`.
    """
    torch.manual_seed(seed)
    model = create_model(recipe.model, **recipe.model_options)
    if hasattr(model, "load_from") and start is not None:
        cast(Any, model).load_from(start)
    elif start is not None:
        model.load_state_dict(start.state_dict())
    return model


def build_task(recipe: Recipe, networks: Networks) -> Task:
    """The task, with the trained networks it needs."""
    task: Task = recipe.task.make(**{name: networks[name] for name in recipe.networks})
    return task


def transform(recipe: Recipe) -> Compose | None:
    """The transforms of the training items."""
    return Compose([step.make() for step in recipe.transform]) if recipe.transform else None


def first_steps(recipe: Recipe, *, seed: int, steps: int = 20, networks: Networks | None = None) -> Curve:
    """Train the first steps on the CPU, outside any store, as the check of a stored notebook.

    `networks` are those of `depthlib.runs.execute.needed_networks`. Uses one thread: the number of threads determines
    the order of summation, and at a high learning rate the rounding is visible after ten steps.
    """
    threads, networks = torch.get_num_threads(), networks or {}
    torch.set_num_threads(1)
    try:
        model = build_model(recipe, seed, networks.get("start"))
        return fit(
            model,
            build_task(recipe, networks),
            recipe.train.make(),
            recipe.plan,
            seed=seed,
            transform=transform(recipe),
            stop_after=steps,
        )
    finally:
        torch.set_num_threads(threads)


def train(
    recipe: Recipe,
    folder: Path,
    *,
    seed: int,
    identity: dict[str, Any],
    networks: Networks,
    validate: Validate | None = None,
    device: str = "auto",
    on_step: OnStep | None = None,
    checkpoint_seconds: float = 20.0,
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Train, and write `weights.safetensors` into `folder`. Resumes from a checkpoint there, which the caller removes.

    Args:
        identity: the key and spec of the run, stored with the weights.
        networks: those of `recipe.needs()`.
        validate, on_step: see `fit`.
        checkpoint_seconds: time between checkpoints.

    Returns:
        the result, which is the same on every repetition, and its provenance; None in all processes but the first.
    """
    clock = [time.monotonic()]
    chosen = join(pick_device(device))
    if chosen.type == "cuda":  # the same bits on every repetition, where torch has a deterministic kernel
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    dataset = recipe.train.make()
    clock.append(time.monotonic())
    model = build_model(recipe, seed, networks.get("start"))
    checkpoint = Checkpoint(folder / "checkpoint.pt", checkpoint_seconds)
    curve = fit(
        model,
        build_task(recipe, networks),
        dataset,
        recipe.plan,
        seed=seed,
        transform=transform(recipe),
        validate=validate,
        device=chosen,
        workers=min(8, os.cpu_count() or 1) if chosen.type == "cuda" else 0,
        checkpoint=checkpoint,
        on_step=on_step,
    )
    if rank_and_size()[0] > 0:  # the first process writes for all
        return None
    clock.append(time.monotonic())
    round_to_half(model)  # the scores are those of the stored weights
    weights = folder / "weights.safetensors"
    save_weights(
        model.cpu(),
        weights,
        model_name=recipe.model,
        options=recipe.model_options,
        input_size=list(dataset[0]["image"].shape[-2:]),
        **identity,
    )
    result = {
        "recipe": recipe.training(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "train_data": dataset.fingerprint(),
        "curve": curve.values,
        "weights": sha256(weights),
    }
    return result, provenance(chosen, clock)


def sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance(device: torch.device, clock: list[float]) -> dict[str, Any]:
    """Information about a run on which its result does not depend.

    Args:
        clock: seconds at the start, after loading the training data, and after the training; for an interrupted run
            those of its last part.
    """
    import numpy

    from depthlib import __version__

    data, training = (round(b - a, 1) for a, b in zip(clock, clock[1:], strict=False))
    instructions = torch.backends.cpu.get_cpu_capability()
    return {
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(time.monotonic() - clock[0], 1),
        "seconds_data": data,
        "seconds_training": training,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} ({instructions})",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "depthlib": __version__,
    }
