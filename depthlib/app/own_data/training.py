"""The training itself: steps with a bar, the best network by what is held out, and what is written at the end."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset

from depthlib.app.own_data.forms import Items
from depthlib.app.own_data.from_views import AllMotion, FromViews, ViewError, best_baseline
from depthlib.app.own_data.network import DepthAndMotion, Scaled, fitted, rescale
from depthlib.app.own_data.page import write_page
from depthlib.app.own_data.scores import (
    Score,
    label_measures,
    labelled_table,
    labels_of_other_folder,
    scored,
    view_table,
    write_table,
)
from depthlib.app.own_data.setup import Setup
from depthlib.app.own_data.views import Stereo, Video
from depthlib.base.devices import pick_device
from depthlib.base.paths import atomic_write
from depthlib.data.images import resize
from depthlib.data.transforms import RandomFlip
from depthlib.models.weights import round_to_half, save_weights
from depthlib.runs.train import sha256
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.curve import TrainingDiverged
from depthlib.training.fit import Plan, Task, fit
from depthlib.training.stopping import signals_held
from depthlib.training.tasks import Supervised

LOSS = "depthlib.papers.start.loss:log_depth_loss"
MOST_VALIDATED = 64  # items that are looked at during the training; the table is of all
WORK, SETTINGS, CHECKPOINT, BEST, WEIGHTS = (
    "unfinished",
    "settings.json",
    "checkpoint.pt",
    "best.safetensors",
    "weights.safetensors",
)
OnStep = Callable[[int, float, float], None]


@dataclass(frozen=True)
class Steps:
    """`rounds`: how often the held out items are looked at."""

    steps: int = 500
    batch: int = 4
    lr: float = 1e-3
    seed: int = 0
    rounds: int = 10
    device: str = "auto"


@dataclass
class Trained:
    """What is at the end: files in `out`, the tables, the step of the best network, and its error then and before."""

    out: Path
    table: list[Score]
    test: list[Score] | None
    best_step: int
    best: float
    curve: dict[str, list[float | None]]


def usable_out(out: Path, folder: Path) -> None:
    """Raise ValueError where `out` is a file, lies in the data, or holds a finished training."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"out: found the file {out}, expected a folder")
    inner, outer = (Path(os.path.realpath(path)) for path in (out, folder))  # `resolve` raises for a loop of links
    if inner == outer or outer in inner.parents:
        raise ValueError(f"out: found {out}, which lies in the folder of the data, expected another one")
    if (out / WEIGHTS).exists():
        raise ValueError(f"out: found a finished training in {out}, expected another folder, or none of this name")


def train(setup: Setup, steps: Steps, out: Path, on_step: OnStep) -> Trained:
    """Train, and write weights, tables, pictures and a page into `out`. An interrupted training there is resumed.

    Raises:
        ValueError: an unfinished training with other settings, or a plan that does not fit the data.
        TrainingDiverged: the loss became NaN; then nothing is left in `out`.
    """
    device = str(pick_device(steps.device))
    count = len(setup.train)  # type: ignore[arg-type]
    batch = min(steps.batch, count)
    model, before, task, plan = _built(setup, steps, batch)
    work = out / WORK
    fresh = not work.exists()
    _same_settings(work, setup, steps)
    best = Best(work / BEST, _validation(setup, model, device))
    try:
        with signals_held():
            curve = fit(
                model,
                task,
                AllMotion(setup.train, setup.val) if isinstance(setup.form, Video) else setup.train,
                plan,
                seed=steps.seed,
                transform=RandomFlip(0.5, swap_views=True) if isinstance(setup.form, Stereo) else None,
                validate=best,
                device=device,
                checkpoint=Checkpoint(work / CHECKPOINT),
                on_step=on_step,
            )
    except (TrainingDiverged, ValueError):
        shutil.rmtree(work)
        if fresh and not any(out.iterdir()):
            out.rmdir()
        raise
    model.cpu().load_state_dict(load_file(work / BEST))
    round_to_half(model)
    model.eval()
    table, test = _tables(setup, before, model, device)
    model.cpu()
    found = Trained(out, table, test, best.step(curve.values), best.value, curve.values)
    _write(setup, steps, found, before, model)
    shutil.rmtree(work)
    return found


def _built(setup: Setup, steps: Steps, batch: int) -> tuple[DepthAndMotion, nn.Module, Task, Plan]:
    """The network to be trained, the one before, the task and the plan."""
    start = setup.start
    before: nn.Module = start.before
    video = isinstance(setup.form, Video)
    if setup.labels:
        nearest, deepest = _range(setup.train)
        depth = fitted(start, nearest, deepest)
        rescale(depth, *_to_labels(depth, setup.train))
        if setup.focal is not None and start.trained is not None:
            before = Scaled(before, setup.focal / start.trained)
    elif isinstance(setup.form, Stereo) and setup.form.metric:
        depth = fitted(start, *setup.form.range())
    else:
        depth = fitted(start, math.inf, -math.inf)
    model = DepthAndMotion(depth, steps.seed, video)
    if isinstance(setup.form, Stereo) and not setup.form.metric:
        baseline = best_baseline(depth, setup.train, setup.items[0]["K"])
        for items in (setup.items, setup.val):
            if isinstance(items, Items) and isinstance(items.form, Stereo):  # else a part of the first
                items.form.baseline = baseline
                items.forget()
    plan = Plan(
        steps=steps.steps,
        batch_size=batch,
        optimizer="adamw",
        lr=steps.lr,
        schedule="cosine",
        warmup=steps.steps // 20,
        clip=1.0,
        colour=0.2 if setup.labels else 0.1,
        flip=0.0 if isinstance(setup.form, Stereo) else 0.5,
        validate_every=max(1, steps.steps // steps.rounds),
    )
    task: Task = Supervised(LOSS) if setup.labels else FromViews(alone=steps.steps // 5 if video else 0)
    return model, before, task, plan


def _range(dataset: Dataset) -> tuple[float, float]:
    """The 0.1 and 99.9 percentiles of the labels, in metres, over at most `MOST_VALIDATED` items."""
    depths = torch.cat([item["depth"][item["valid"]][::7] for item in (dataset[n] for n in _spread(dataset))])
    low, high = (depths.kthvalue(max(1, round(share * len(depths)))).values for share in (0.001, 0.999))
    return float(low), float(high)


@torch.no_grad()
def _to_labels(model: nn.Module, dataset: Dataset) -> tuple[Tensor, float]:
    """Eight pictures, and the median ratio of their labels to what the network says."""
    items = [dataset[n] for n in _spread(dataset, 8)]
    image, depth, valid = (torch.stack([item[name] for item in items]) for name in ("image", "depth", "valid"))
    predicted = resize(model.eval()(image).float(), depth.shape[-2:])
    return image, float((depth / predicted)[valid].median())


def _spread(dataset: Dataset, most: int = MOST_VALIDATED) -> list[int]:
    count = len(dataset)  # type: ignore[arg-type]
    return torch.linspace(0, count - 1, min(count, most)).round().long().unique().tolist()


def _validation(setup: Setup, model: DepthAndMotion, device: str) -> Callable[[nn.Module], float]:
    few = Subset(setup.val, _spread(setup.val))
    measures = {"": label_measures(True)[""]} if setup.labels else {"": ViewError(model)}
    name = "abs_rel" if setup.labels else "view_error"
    return lambda network: scored("", network, few, measures, device).errors[name]


class Best:
    """As the `validate` of `fit`: keeps the weights with the lowest error in a file, whose head says which it is."""

    def __init__(self, path: Path, error: Callable[[nn.Module], float]) -> None:
        self.path, self.error, self.value = path, error, math.inf
        if path.exists():
            with safe_open(path, framework="pt") as file:
                self.value = float(file.metadata()["error"])

    def __call__(self, model: nn.Module) -> dict[str, float]:
        value = self.error(model)
        if value < self.value or not self.path.exists():
            state = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
            with atomic_write(self.path) as temporary:
                save_file(state, temporary, metadata={"error": repr(value)})
            self.value = value
        return {"val": value}

    def step(self, curve: dict[str, list[float | None]]) -> int:
        """The step after which the best was found."""
        return 1 + curve["val"].index(self.value)


def _same_settings(work: Path, setup: Setup, steps: Steps) -> None:
    """Write down what the training is made of; of an interrupted one it must be the same."""
    settings: dict[str, Any] = {
        "data": setup.items.fingerprint(),
        "items": setup.form.words,
        "held out": len(setup.val),  # type: ignore[arg-type]
        "train": len(setup.train),  # type: ignore[arg-type]
        "frame": list(setup.frame),
        "weights": sha256(setup.start.path),
        "notes": setup.form.notes,
        **{name: value for name, value in asdict(steps).items() if name != "device"},
    }
    file = work / SETTINGS
    if file.exists():
        earlier = json.loads(file.read_text(encoding="utf-8"))
        if changed := [name for name in settings if earlier.get(name) != settings[name]]:
            name = changed[0]
            raise ValueError(
                f"out: found an unfinished training in {work.parent} with {name} {earlier.get(name)!r}, expected "
                f"{settings[name]!r}: give the same options to resume it, another --out, or delete the folder"
            )
        return
    with atomic_write(file) as temporary:
        temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _tables(
    setup: Setup, before: nn.Module, model: DepthAndMotion, device: str
) -> tuple[list[Score], list[Score] | None]:
    if setup.labels:
        table = labelled_table(before, model, setup.train, setup.val, device)
        rows = (("before", before), ("after", model))
        measures = label_measures(True)
        test = None if setup.test is None else [scored(name, net, setup.test, measures, device) for name, net in rows]
        return table, test
    table = view_table(before, model, setup.train, setup.val, device)
    if setup.test is None:
        return table, None
    return table, labels_of_other_folder(before, model.cpu(), setup.train, setup.test, setup.metric, device)


def _write(setup: Setup, steps: Steps, found: Trained, before: nn.Module, model: DepthAndMotion) -> None:
    """Weights last: a folder that holds them is whole."""
    out, start = found.out, setup.start
    write_table(out / "errors.csv", found.table)
    if found.test is not None:
        write_table(out / "errors-test.csv", found.test)
    write_page(out, setup, found.table, found.test, found.curve, found.best_step, before, model)
    temporary = out / WORK / WEIGHTS
    save_weights(
        model.depth,
        temporary,
        model_name=start.name,
        options=start.options,
        input_size=list(setup.frame),
        unit="metre" if setup.metric else "unscaled",
        focal=setup.focal,
        learned_from=setup.form.words,
        steps=found.best_step,
    )
    temporary.replace(out / WEIGHTS)
