"""The training loop, shared by all papers.

All randomness derives from the seed: the order of the images is a function of (seed, epoch), an augmentation of (seed,
step), and the state of torch's own generator is part of the checkpoint. So an interrupted and resumed run ends in the
same bits as an uninterrupted one (same machine, same number of threads).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from depthlib.training.augment import augment
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.mtadam import MTAdam
from depthlib.training.optimizers import make_optimizer
from depthlib.training.parallel import in_parallel, mean_over_processes, rank_and_size
from depthlib.training.schedules import rate_factor

Batch = dict[str, Any]


class Task(Protocol):
    """How a batch becomes a loss. Holds whatever state a paper's training needs besides the weights."""

    def prepare(self, model: nn.Module, dataset: Dataset) -> None:
        """Called once before the first step; may freeze parts of the network."""

    def parameter_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Groups for the optimiser: {"params": [...]}, with an initial "lr" where it is not that of the plan."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The scalar to minimise and its named terms; "mtadam" minimises those terms that have a gradient."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Plan:
    """The settings of one optimisation; the schedule is evaluated at every step.

    Attributes:
        optimizer: "adam", "sgd" or "mtadam", see `make_optimizer`.
        lr: initial, for every parameter group without its own.
        betas, eps: of Adam; `betas[0]` is the momentum of SGD.
        schedule, power, milestones, drop: see `rate_factor`.
        clip: largest gradient norm, or None.
        flip: probability of a horizontal flip of an image and its labels.
        colour: half-width of the random brightness, contrast and saturation factors, e.g. 0.1 for 0.9..1.1.
        amp: bfloat16 autocast where the device is CUDA (no loss scaling needed).
    """

    steps: int
    batch_size: int
    optimizer: str = "adam"
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    schedule: str = "poly"
    power: float = 0.9
    milestones: tuple[float, ...] = ()
    drop: float = 0.1
    clip: float | None = None
    flip: float = 0.5
    colour: float = 0.0
    amp: bool = True


@dataclass
class Curve:
    """Values logged at each step: `loss`, learning rate, terms of the loss; None where a step lacks a term."""

    values: dict[str, list[float | None]] = field(default_factory=dict)

    def append(self, row: Mapping[str, float]) -> None:
        steps = len(self)
        # a fixed order, since records are compared
        for name in [*self.values, *(name for name in row if name not in self.values)]:
            self.values.setdefault(name, [None] * steps).append(row.get(name))

    def __len__(self) -> int:
        return len(self.values.get("loss", []))


class TrainingDiverged(RuntimeError):
    """The loss is no longer a finite number."""


def fit(
    model: nn.Module,
    task: Task,
    dataset: Dataset,
    plan: Plan,
    *,
    seed: int,
    device: str | torch.device = "cpu",
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[int, float, float], None] | None = None,
    stop_after: int | None = None,
) -> Curve:
    """Train `model` in place and return its training curve.

    Args:
        model: maps images to depth; moved to `device`.
        task: turns (model, batch) into a loss.
        dataset: map-style; its items are dictionaries of tensors.
        plan: steps, batch size, optimiser, schedule.
        seed: of the order of the data and of the augmentation. The weights are drawn before this function.
        checkpoint: where to save the state from time to time; an existing one is resumed.
        on_step: called with (step, loss, images per second) after every step.
        stop_after: end after this many steps; the schedule remains that of the whole plan.
    Raises:
        ValueError: the dataset is smaller than one batch, the batch size is no multiple of the number of processes, or
            the optimizer is unknown or does not fit the plan.
        TrainingDiverged: the loss became NaN or infinite; names the step and the terms.
    """
    device = torch.device(device)
    model.to(device, memory_format=torch.channels_last).train()
    torch.manual_seed(seed)
    task.prepare(model, dataset)
    optimizer = make_optimizer(
        plan.optimizer, task.parameter_groups(model), lr=plan.lr, betas=plan.betas, eps=plan.eps,
        weight_decay=plan.weight_decay,
    )
    rates = [group["lr"] for group in optimizer.param_groups]
    rank, processes = rank_and_size()       # 0 and 1, except under torchrun, where each has a share of the batch
    if isinstance(optimizer, MTAdam) and (processes > 1 or plan.clip is not None):
        raise ValueError(
            f"optimizer: found mtadam with {processes} processes and clip {plan.clip}, expected one process and no clip"
        )
    loss_of = in_parallel(model, task, device)
    curve = Curve()
    first = 0
    if checkpoint is not None and (saved := checkpoint.load(device)) is not None:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        task.load_state_dict(saved["task"])
        restore_random_state(saved["random"])
        curve, first = Curve(saved["curve"]), saved["step"]

    steps = plan.steps if stop_after is None else min(plan.steps, stop_after)
    batches = DataLoader(
        dataset, batch_sampler=BatchOrder(len(dataset), plan.batch_size, seed, first, steps, rank, processes),
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),       # else the loader would draw from the generator of dropout
    )
    started = time.perf_counter()
    for step, batch in enumerate(batches, start=first):
        batch = {k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for k, v in batch.items()}
        share = range(rank, plan.batch_size, processes)
        batch = augment(batch, seed=seed, step=step, flip=plan.flip, colour=plan.colour, positions=share)
        batch["image"] = batch["image"].contiguous(memory_format=torch.channels_last)

        factor = rate_factor(
            plan.schedule, step, plan.steps, power=plan.power, milestones=plan.milestones, drop=plan.drop,
        )
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=plan.amp and device.type == "cuda"):
            loss, terms = loss_of(batch)
        row = mean_over_processes(
            {"loss": float(loss.detach()), **{name: float(term.detach()) for name, term in terms.items()}}
        )
        if not math.isfinite(row["loss"]):
            raise TrainingDiverged(f"step {step}: " + ", ".join(f"{name} = {value:.4g}" for name, value in row.items()))
        if isinstance(optimizer, MTAdam):
            optimizer.step([term for term in terms.values() if term.requires_grad])
        else:
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if plan.clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
            optimizer.step()

        curve.append(row | {"lr": plan.lr * factor})
        if on_step is not None:
            on_step(
                step + 1, curve.values["loss"][-1],
                plan.batch_size * (step + 1 - first) / (time.perf_counter() - started),
            )
        if checkpoint is not None and rank == 0 and step + 1 < steps and checkpoint.due():
            checkpoint.save({
                "model": model.state_dict(), "optimizer": optimizer.state_dict(), "task": task.state_dict(),
                "random": random_state(), "curve": curve.values, "step": step + 1,
            })
    return curve


class BatchOrder:
    """Yields the indices of each batch of steps `first` to `steps`: a new permutation every epoch, full batches only.

    With several processes, process `rank` gets every `processes`-th image of each batch.
    """

    def __init__(
        self, size: int, batch_size: int, seed: int, first: int, steps: int, rank: int = 0, processes: int = 1,
    ):
        if steps > 0 and size < batch_size:
            raise ValueError(f"dataset: found {size} images, expected at least one batch of {batch_size}")
        if batch_size % processes:
            raise ValueError(f"batch_size: found {batch_size}, expected a multiple of the {processes} processes")
        self.rank, self.processes = rank, processes
        self.size, self.batch_size, self.seed, self.first, self.steps = size, batch_size, seed, first, steps

    def __len__(self) -> int:
        return self.steps - self.first

    def __iter__(self) -> Iterator[list[int]]:
        per_epoch = max(1, self.size // self.batch_size)
        known, order = -1, None
        for step in range(self.first, self.steps):
            epoch, position = divmod(step, per_epoch)
            if epoch != known:
                generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
                known, order = epoch, torch.randperm(self.size, generator=generator).tolist()
            yield order[position * self.batch_size : (position + 1) * self.batch_size][self.rank :: self.processes]


def random_state() -> dict[str, Any]:
    """The state of torch's generators, on the CPU and on each CUDA device."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Restore what `random_state` returned; CUDA generators only where it holds them."""
    torch.set_rng_state(state["cpu"].cpu())
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda"]])
