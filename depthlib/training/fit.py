"""The training loop, shared by all papers.

All randomness derives from the seed: the order of the images is a function of (seed, epoch), an augmentation of (seed,
step), and the state of torch's own generator is part of the checkpoint. So an interrupted and resumed run ends in the
same bits as an uninterrupted one (same machine, same number of threads).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from depthlib.data.transforms import StepSampler, Transform, Transformed, collate
from depthlib.training.augment import augment
from depthlib.training.average import WeightAverage
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.curve import Curve, Log
from depthlib.training.mtadam import MTAdam
from depthlib.training.optimizers import make_optimizer, with_trunk_rate
from depthlib.training.parallel import in_parallel, rank_and_size
from depthlib.training.schedules import rate_factor
from depthlib.training.start import start_at_median

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
        optimizer: "adam", "adamw", "sgd" or "mtadam", see `make_optimizer`.
        lr: initial, for every parameter group without its own.
        trunk_rate: factor on the learning rate of `model.trunk`, the part that starts from other weights.
        betas, eps: of Adam; `betas[0]` is the momentum of SGD.
        schedule, power, milestones, drop, warmup: see `rate_factor`.
        clip: largest gradient norm, or None.
        accumulate: parts of a batch that go through the network one after the other, where a batch does not fit.
            The loss of a step is the mean of theirs.
        average: decay of the moving average of the weights that is returned, see `WeightAverage`; None returns the
            last.
        median_start: whether the depth heads start at the median of the labels, see `start_at_median`.
        validate_every: steps between two validations, see `fit`; 0 for none.
        flip: probability of a horizontal flip of an image and its labels.
        colour: half-width of the random brightness, contrast and saturation factors, e.g. 0.1 for 0.9..1.1;
            colour_share: share of the images that get them.
        amp: bfloat16 autocast where the device is CUDA (no loss scaling needed).
    """

    steps: int
    batch_size: int
    optimizer: str = "adam"
    lr: float = 1e-3
    trunk_rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    schedule: str = "poly"
    power: float = 0.9
    milestones: tuple[float, ...] = ()
    drop: float = 0.1
    warmup: int = 0
    clip: float | None = None
    accumulate: int = 1
    average: float | None = None
    median_start: bool = False
    validate_every: int = 0
    flip: float = 0.5
    colour: float = 0.0
    colour_share: float = 1.0
    amp: bool = True


def fit(
    model: nn.Module,
    task: Task,
    dataset: Dataset,
    plan: Plan,
    *,
    seed: int,
    transform: Transform | None = None,
    validate: Callable[[nn.Module], Mapping[str, float]] | None = None,
    device: str | torch.device = "cpu",
    workers: int = 0,
    compiled: bool = False,
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
        transform: of each item as it is read, before the items of a batch must have one size; the draw is a function of
            (seed, step, item).
        validate: called with the network in evaluation mode every `plan.validate_every` steps and after the last; its
            numbers join the curve.
        workers: processes that read the data; the result does not depend on them.
        compiled: use torch.compile, on CUDA alone.
        checkpoint: where to save the state from time to time; an existing one is resumed.
        on_step: called with (step, loss, images per second) after every step; on CUDA the loss is that of the last step
            that was read back.
        stop_after: end after this many steps; the schedule remains that of the whole plan.
    Raises:
        ValueError: the dataset is smaller than one batch, the batch size is no multiple of the number of processes and
            parts, or the optimizer is unknown or does not fit the plan.
        TrainingDiverged: the loss became NaN or infinite; names the step and the terms.
    """
    device = torch.device(device)
    model.to(device, memory_format=torch.channels_last).train()
    torch.manual_seed(seed)
    task.prepare(model, dataset)
    if plan.median_start:
        start_at_median(model, dataset)
    groups = task.parameter_groups(model)
    if plan.trunk_rate != 1:
        groups = with_trunk_rate(groups, model, lr=plan.lr, factor=plan.trunk_rate)
    optimizer = make_optimizer(
        plan.optimizer, groups, lr=plan.lr, betas=plan.betas, eps=plan.eps, weight_decay=plan.weight_decay
    )
    rates = [group["lr"] for group in optimizer.param_groups]
    average = WeightAverage(model, plan.average) if plan.average is not None else None
    rank, processes = rank_and_size()  # 0 and 1, except under torchrun, where each has a share of the batch
    if isinstance(optimizer, MTAdam) and (processes > 1 or plan.clip is not None or plan.accumulate > 1):
        raise ValueError(
            f"optimizer: found mtadam with {processes} processes, clip {plan.clip}, accumulate {plan.accumulate}, "
            f"expected "
            "one process, no clip, whole batches"
        )
    if plan.batch_size % (processes * plan.accumulate):
        raise ValueError(
            f"batch_size: found {plan.batch_size}, expected a multiple of {processes} processes x {plan.accumulate} "
            f"parts"
        )
    loss_of = in_parallel(model, task, device)
    if compiled and device.type == "cuda":
        loss_of = torch.compile(loss_of)
    curve, first = Curve(), 0
    if checkpoint is not None and (saved := checkpoint.load(device)) is not None:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        task.load_state_dict(saved["task"])
        if average is not None:
            average.load_state_dict(saved["average"])
        restore_random_state(saved["random"])
        curve, first = Curve(saved["curve"]), saved["step"]

    steps = plan.steps if stop_after is None else min(plan.steps, stop_after)
    log = Log(curve, device)
    started = time.perf_counter()
    for step, batch in enumerate(
        batches(
            dataset, plan, seed=seed, first=first, steps=steps, transform=transform, workers=workers, device=device
        ),
        start=first,
    ):
        batch = {k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for k, v in batch.items()}
        batch = augment(
            batch,
            seed=seed,
            step=step,
            flip=plan.flip,
            colour=plan.colour,
            colour_share=plan.colour_share,
            positions=range(rank, plan.batch_size, processes),
        )
        batch["image"] = batch["image"].contiguous(memory_format=torch.channels_last)

        factor = rate_factor(
            plan.schedule,
            step,
            plan.steps,
            power=plan.power,
            milestones=plan.milestones,
            drop=plan.drop,
            warmup=plan.warmup,
        )
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        optimizer.zero_grad(set_to_none=True)
        for part in parts(batch, plan.accumulate):
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=plan.amp and device.type == "cuda"):
                loss, terms = loss_of(part)
            log.add({"loss": loss, **terms})
            if not isinstance(optimizer, MTAdam):
                (loss / plan.accumulate).backward()
        log.end_step(step, lr=plan.lr * factor)
        if isinstance(optimizer, MTAdam):
            optimizer.step([term for term in terms.values() if term.requires_grad])
        else:
            if plan.clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
            optimizer.step()
        if average is not None:
            average.update(model)

        done = step + 1
        if validate is not None and plan.validate_every and (done % plan.validate_every == 0 or done == plan.steps):
            log.read()
            curve.add_to_last(validated(model, validate))
        if on_step is not None:
            on_step(done, log.loss, plan.batch_size * (done - first) / (time.perf_counter() - started))
        if checkpoint is not None and rank == 0 and done < steps and checkpoint.due():
            log.read()
            checkpoint.save(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "task": task.state_dict(),
                    "average": average.state_dict() if average is not None else {},
                    "random": random_state(),
                    "curve": curve.values,
                    "step": done,
                }
            )
    log.read()
    if average is not None and steps == plan.steps:
        average.copy_to(model)
    return curve


def batches(
    dataset: Dataset,
    plan: Plan,
    *,
    seed: int,
    first: int,
    steps: int,
    transform: Transform | None,
    workers: int,
    device: torch.device,
) -> DataLoader:
    """The batches of steps `first` to `steps`, the share of this process."""
    order = BatchOrder(len(dataset), plan.batch_size, seed, first, steps, *rank_and_size())  # type: ignore[arg-type]
    return DataLoader(
        dataset if transform is None else Transformed(dataset, transform, seed),
        batch_sampler=order if transform is None else StepSampler(order, first),
        collate_fn=collate,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # else the loader would draw from the generator of dropout
    )


def parts(batch: Batch, count: int) -> Iterator[Batch]:
    """The batch in `count` equal parts: of each, every `count`-th image, as processes share a batch."""
    if count == 1:
        yield batch
        return
    for part in range(count):
        yield {
            k: v[part::count] if isinstance(v, Tensor) and v.ndim or isinstance(v, list) else v
            for k, v in batch.items()
        }


def validated(model: nn.Module, validate: Callable[[nn.Module], Mapping[str, float]]) -> dict[str, float]:
    """What `validate` finds; network and random numbers are left as they were."""
    training = {module: module.training for module in model.modules()}
    state = random_state()
    try:
        return dict(validate(model.eval()))
    finally:
        restore_random_state(state)
        for module, was in training.items():
            module.training = was


class BatchOrder:
    """Yields the indices of each batch of steps `first` to `steps`: a new permutation every epoch, full batches only.

    With several processes, process `rank` gets every `processes`-th image of each batch.
    """

    def __init__(
        self, size: int, batch_size: int, seed: int, first: int, steps: int, rank: int = 0, processes: int = 1
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
