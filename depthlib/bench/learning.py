"""What a network has learned after so many seconds of training: `depthlib bench learning --csv learning.csv`.

Every network is trained by the recipe of its lesson at profile "quick", those that start from ImageNet by that of the
lesson on verdicts, where they do so. The schedule is stretched or shortened to end
at about the last of the times, going by the pace of the first steps; the earlier readings are taken on the way. Only
training counts: the clock stands still during an evaluation, and whatever a recipe needs, such as a teacher, is trained
before. By default the clock is the time of the processor divided by the number of threads, which on an idle machine is
the time on the wall, and on a busy one depends little on the others; `--clock wall` takes that on the wall.

abs_rel is that of the recipe's own test, for video after median scaling. Beside it stands that of the fixed map, made
from the labels of the same training set, in the same test: it never looks at the image.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import torch
from torch import nn

from depthlib.bench import arguments
from depthlib.models.floors import FixedMap
from depthlib.protocols.evaluate import ProtocolErrors
from depthlib.protocols.inference import measure
from depthlib.runs.execute import needed_networks
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import Store
from depthlib.runs.train import OnStep, build_model, build_task, transform
from depthlib.training.fit import fit, validated


class Row(NamedTuple):
    """A recipe, the test of it that is read, and the name of the network in the table."""

    paper: str
    variant: str
    data: str
    test: str
    name: str


ROWS = (
    Row("start", "lite", "rooms", "metric", "lesson 00"),
    Row("start", "unet", "rooms", "metric", "U-Net with Adam"),
    Row("mobile", "mobilenet_v2-x112", "rooms", "rooms", "mobile, metric student"),
    Row("start", "lite", "streets", "metric", "lesson 00"),
    Row("start", "unet", "streets", "metric", "U-Net with Adam"),
    Row("anuw", "e", "streets", "streets", "ANUW"),
    Row("comparison", "dacnn", "streets", "metric", "DACNN, student alone"),
    Row("comparison", "synergy", "streets", "metric", "Look Deeper, first stage"),
    Row("comparison", "lr-net", "streets", "median", "dual networks, LR-Net from video"),
)
WARM_UP, TIMED = 3, 25  # steps that tell how many fit into the time
COLUMNS = (
    "data",
    "network",
    "variant",
    "seed",
    "threads",
    "clock",
    "asked",
    "seconds",
    "steps",
    "abs_rel",
    "fixed_map",
)


class Reading(NamedTuple):
    """The error after so many seconds and steps of training; `asked` is the time for which it stands."""

    asked: float
    seconds: float
    steps: int
    abs_rel: float


class Stopwatch:
    """`already` and the seconds by `clock` since then, without those inside `with`."""

    def __init__(self, clock: Callable[[], float], already: float) -> None:
        self.clock, self.start = clock, clock() - already

    def seconds(self) -> float:
        return self.clock() - self.start

    def __enter__(self) -> None:
        self.stopped = self.clock()

    def __exit__(self, *_: object) -> None:
        self.start += self.clock() - self.stopped


class TimeIsUp(Exception):
    """The last reading is taken."""


def learn(
    recipe: Recipe,
    times: Sequence[float],
    error: Callable[[nn.Module], float],
    *,
    seed: int,
    clock: Callable[[], float],
    networks: dict[str, nn.Module] | None = None,
) -> list[Reading]:
    """Train a recipe and read `error` as soon as each of the rising `times` has passed, in seconds of training.

    The number of steps is chosen from the pace of the first ones. Where the rest turns out quicker, the last reading is
    taken at the last step, before its time.
    """
    networks, data = networks or {}, recipe.train.make()

    def train(steps: int, on_step: OnStep) -> None:
        warmup = recipe.plan.warmup * steps // recipe.plan.steps
        plan = replace(recipe.plan, steps=steps, warmup=warmup, validate_every=0)
        fit(model, build_task(recipe, networks), data, plan, seed=seed, transform=transform(recipe), on_step=on_step)

    laps: list[float] = []
    model = build_model(recipe, seed, networks.get("start"))
    train(WARM_UP + TIMED, lambda *_: laps.append(clock()))
    pace = median(end - begin for begin, end in pairwise(laps[WARM_UP - 1 :]))
    steps = max(1, ceil(times[-1] / pace))
    model = build_model(recipe, seed, networks.get("start"))
    found: list[Reading] = []
    watch: Stopwatch | None = None

    def on_step(step: int, loss: float, speed: float) -> None:
        nonlocal watch
        watch = watch or Stopwatch(clock, already=pace)  # what comes before the first step is not training
        seconds = watch.seconds()
        while len(found) < len(times) and (seconds >= times[len(found)] or step == steps):
            with watch:
                value = validated(model, lambda network: {"abs_rel": error(network)})["abs_rel"]
            found.append(Reading(times[len(found)], seconds, step, value))
        if len(found) == len(times):
            raise TimeIsUp

    with suppress(TimeIsUp):
        train(steps, on_step)
    return found


def error_of(recipe: Recipe, test: str) -> Callable[[nn.Module], float]:
    """Mean abs_rel of a network on a test of the recipe."""
    dataset, wanted = recipe.tests[test]
    data, one = dataset.make(), ProtocolErrors(wanted) if isinstance(wanted, str) else wanted.make()
    return lambda model: measure(model, data, {"test": one})["test"].means()["abs_rel"]


def cell(at: Sequence[Reading]) -> str:
    """The readings of all seeds at one time: mean abs_rel, its range where there are several, steps, seconds."""
    errors = [one.abs_rel for one in at]
    span = f" ({min(errors):.3f}-{max(errors):.3f})" if len(errors) > 1 else ""
    return f"{mean(errors):.3f}{span}, {mean(one.steps for one in at):.0f}, {mean(one.seconds for one in at):.0f} s"


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(
        "abs_rel after so many seconds of training",
        argv,
        only=("", "rows with this in their name"),
        seconds=("30 60 120", "when to look"),
        seeds=3,
        threads=2,
        clock=("cpu", "cpu (its time / threads) or wall"),
        csv=("", "file of all readings"),
    )
    torch.set_num_threads(options.threads)
    clocks = {"cpu": lambda: time.process_time() / options.threads, "wall": time.perf_counter}
    if options.clock not in clocks:
        raise SystemExit(f"--clock: found {options.clock!r}, expected cpu or wall")
    clock, times = clocks[options.clock], sorted(map(float, options.seconds.split()))
    head = f"{options.threads} threads, {options.clock} clock, {options.seeds} seeds"
    print(f"{head}: abs_rel, mean and range; steps; seconds")
    heads = "".join(f"{f'after {seconds:g} s':>34s}" for seconds in times)
    print(f"{'data':8s} {'network':34s} {'fixed map':>9s}{heads}")
    lines = []
    for row in ROWS:
        if options.only not in " ".join(row):
            continue
        specs = [RunSpec(row.paper, row.variant, row.data, "quick", seed) for seed in range(options.seeds)]
        error = error_of(specs[0].recipe, row.test)
        fixed, readings = error(FixedMap.of(specs[0].recipe.train.make())), []
        for spec in specs:
            networks = needed_networks(spec.recipe, Store(), device="cpu")
            readings.append(learn(spec.recipe, times, error, seed=spec.seed, clock=clock, networks=networks))
            lines += [
                (row.data, row.name, row.variant, spec.seed, options.threads, options.clock, *reading, fixed)
                for reading in readings[-1]
            ]
        cells = [cell(at) for at in zip(*readings, strict=True)]
        print(f"{row.data:8s} {row.name:34s} {fixed:9.3f}" + "".join(f"{text:>34s}" for text in cells), flush=True)
    if options.csv:
        with Path(options.csv).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *lines])


if __name__ == "__main__":
    main()
