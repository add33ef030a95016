"""Where the time of a training step goes: `depthlib bench training`.

One recipe of each paper at profile "quick", and those networks that start from ImageNet on the trunk and at the size of
profile "standard", as the lesson on verdicts trains them.

A step is split at the calls of the task's loss and of the optimiser: "data" is all before the loss, reading and
augmentation, and "backward" all between the loss and the optimiser. "conv" and "matmul" are the shares of convolutions
and of matrix products, forward and backward, in the time of all operators, by torch.profiler, in steps of their own:
profiling costs about a microsecond an operator. Networks that a recipe needs are untrained.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.autograd import DeviceType
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.profiler import ProfilerActivity, profile

from depthlib.bench import arguments
from depthlib.runs.spec import RunSpec
from depthlib.runs.train import build_model, build_task, transform
from depthlib.training.fit import Task, fit

ROWS = (
    ("start", "unet", "rooms"),
    ("anuw", "e", "streets"),
    ("dacnn", "full", "streets"),
    ("mobile", "kd-2ip", "diw"),
    ("dual", "lr", "streets"),
    ("dual", "dual", "streets"),
    ("synergy", "proposed", "rooms"),
    *(("comparison", name, "streets", "standard") for name in ("dacnn", "lr-net", "synergy")),
)
PHASES = ("data", "forward", "backward", "optimiser")
WARM_UP = 3  # steps
OPERATORS = {"conv": ("conv",), "matmul": ("mm",)}  # parts of the operators' names


class Split(NamedTuple):
    """Images per second, the median seconds of each of `PHASES`, and the shares of `OPERATORS`."""

    speed: float
    phases: dict[str, float]
    shares: dict[str, float]


class Laps:
    """Seconds between calls of `end`, by the name of what has ended."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.seconds, self.last = device, defaultdict(list), time.perf_counter()

    def end(self, name: str) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.seconds[name].append(now - self.last)
        self.last = now


class Timed:
    """A task whose loss ends the laps "data" and "forward"."""

    def __init__(self, task: Task, laps: Laps) -> None:
        self.task, self.laps = task, laps

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Any:
        self.laps.end("data")
        result = self.task.loss(model, batch)
        self.laps.end("forward")
        return result


def measure(row: Sequence[str], *, steps: int, profiled: int, device: torch.device) -> Split:
    """`steps` timed steps of a row after some that warm up, and `profiled` more."""
    plan = RunSpec(*row).recipe.plan
    recipe = RunSpec(*row, overrides={"train_scenes": plan.batch_size}).recipe
    networks = {name: build_model(spec.recipe, seed=0).eval() for name, spec in recipe.networks.items()}
    laps, profiler = Laps(device), profile(activities=activities(device))

    def on_step(step: int, loss: float, speed: float) -> None:
        laps.end("optimiser")
        if step == WARM_UP + steps:
            profiler.start()

    hook = register_optimizer_step_pre_hook(lambda *_: laps.end("backward"))
    try:
        fit(
            build_model(recipe, seed=0),
            Timed(build_task(recipe, networks), laps),
            recipe.train.make(),
            plan,
            seed=0,
            transform=transform(recipe),
            device=device,
            on_step=on_step,
            stop_after=WARM_UP + steps + profiled,
        )
    finally:
        hook.remove()
    profiler.stop()
    phases = {name: laps.seconds[name][WARM_UP : WARM_UP + steps] for name in PHASES}
    return Split(
        plan.batch_size / median(map(sum, zip(*phases.values(), strict=True))),
        {name: median(seconds) for name, seconds in phases.items()},
        shares(profiler, device),
    )


def activities(device: torch.device) -> list[ProfilerActivity]:
    return [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]


def shares(profiler: profile, device: torch.device) -> dict[str, float]:
    """Share of each of `OPERATORS` in the own time of all operators, without those that they call."""
    field = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    own = {event.key: getattr(event, field) for event in profiler.key_averages() if event.device_type == DeviceType.CPU}
    return {
        name: sum(time for key, time in own.items() if any(part in key for part in parts) and key.startswith("aten::"))
        / sum(own.values())
        for name, parts in OPERATORS.items()
    }


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(
        "where the time of a training step goes",
        argv,
        only=("", "rows with this in their name"),
        steps=20,
        profiled=5,
        device="cpu",
        threads=1,
    )
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    print(f"{device}, {options.threads} threads; median of {options.steps} steps, {options.profiled} profiled ones")
    heads = " ".join(f"{name:>9s}" for name in (*PHASES, *OPERATORS))
    print(f"{'row':36s} {'images/s':>8s} {'ms a step':>10s} {heads}")
    for row in ROWS:
        if options.only not in " ".join(row):
            continue
        split = measure(row, steps=options.steps, profiled=options.profiled, device=device)
        total = sum(split.phases.values())
        parts = [*(seconds / total for seconds in split.phases.values()), *split.shares.values()]
        shown = " ".join(f"{part:9.0%}" for part in parts)
        print(f"{' '.join(row):36s} {split.speed:8.1f} {1e3 * total:10.1f} {shown}", flush=True)


if __name__ == "__main__":
    main()
