"""Learning rates by trial, as many for each row that is compared: `python -m depthlib.runs.pilot comparison`.

What is tried stands in `PILOT` of the rows of a paper. Each rate is trained for a share of the steps, with seeds that
no verdict sees, and scored on frames of the split "val". Trials are written one by one into `pilots/<paper>.csv` of the
results; what the file has is not trained again. The rates that are chosen go into the rows.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from depthlib.base import catalogue, paths
from depthlib.base.build import Build

if TYPE_CHECKING:
    from depthlib.runs.spec import RunSpec

FIRST_PILOT = 100  # seeds from here on belong to trials, which no verdict sees
ON = " on "  # between a variant and its data


@dataclass(frozen=True)
class Pilot:
    """What a paper tries before its rows are locked.

    Attributes:
        rates: variant -> learning rates; as many for each side of a claim. "unet on tilted" is `unet` trained and
            tested on `tilted`.
        of_others: variant -> the paper whose rows have it, where that is another one.
        data: the training data of the trials.
        test, metric: of the recipe, the frames replaced by those of "val".
        share: of the steps of the profile.
        frames: of "val".
    """

    rates: Mapping[str, tuple[float, ...]]
    of_others: Mapping[str, str] = field(default_factory=dict)
    data: str = "streets"
    test: str = "streets"
    metric: str = "abs_rel"
    share: float = 1 / 3
    frames: int = 128


class Trial(NamedTuple):
    """One training. steps: those of the profile, which a recipe may multiply; frames: of the test."""

    variant: str
    rate: float
    seed: int
    profile: str
    steps: int
    frames: int


def pilot_of(paper: str) -> Pilot:
    """What the rows of a paper try. Raises ValueError for rows without trials."""
    pilot: Pilot | None = getattr(catalogue.part(paper, "rows"), "PILOT", None)
    if pilot is None:
        raise ValueError(f"paper: found {paper!r}, whose rows have no PILOT, expected one whose rates were tried")
    return pilot


def trials(
    paper: str, profile: str, seeds: Sequence[int], *, steps: int | None = None, frames: int | None = None
) -> list[Trial]:
    """All trials of a paper, seed by seed. Raises ValueError for a seed below `FIRST_PILOT`, and as `pilot_of`."""
    if wrong := [seed for seed in seeds if seed < FIRST_PILOT]:
        raise ValueError(f"seeds: found {wrong[0]}, expected {FIRST_PILOT} or above, which no verdict sees")
    pilot = pilot_of(paper)
    if steps is None:
        scale = catalogue.part(paper, "rows").SCALES[profile]
        whole = _spec(paper, pilot, next(iter(pilot.rates)), profile).scaled(**scale.profile).steps
        steps = max(1, round(pilot.share * whole))
    return [
        Trial(variant, rate, seed, profile, steps, frames or pilot.frames)
        for seed in seeds
        for variant, rates in pilot.rates.items()
        for rate in rates
    ]


def _spec(paper: str, pilot: Pilot, variant: str, profile: str, seed: int = 0, **overrides: int) -> RunSpec:
    from depthlib.runs.spec import RunSpec

    name, _, data = variant.partition(ON)
    return RunSpec(pilot.of_others.get(name, paper), name, data or pilot.data, profile, seed, overrides)


def run(paper: str, trial: Trial, device: str = "auto") -> float:
    """The error on frames of "val"; infinite where the training diverged."""
    from depthlib.base.devices import pick_device
    from depthlib.protocols.evaluate import ProtocolErrors
    from depthlib.protocols.inference import measure
    from depthlib.runs.execute import needed_networks
    from depthlib.runs.store import Store
    from depthlib.runs.train import build_model, build_task, transform
    from depthlib.training.curve import TrainingDiverged
    from depthlib.training.fit import fit

    pilot, chosen = pilot_of(paper), pick_device(device)
    made = _spec(paper, pilot, trial.variant, trial.profile, trial.seed, steps=trial.steps).recipe
    frames, how = made.tests[trial.variant.partition(ON)[2] or pilot.test]
    errors = ProtocolErrors(how) if isinstance(how, str) else how.make()
    networks = needed_networks(made, Store(), device=device)
    model = build_model(made, trial.seed, networks.get("start"))
    try:
        fit(
            model,
            build_task(made, networks),
            made.train.make(),
            replace(made.plan, lr=trial.rate),
            seed=trial.seed,
            transform=transform(made),
            device=chosen,
        )
    except TrainingDiverged:
        return float("inf")
    test = on_val(frames, trial.frames).make()
    return measure(model.eval(), test, {"val": errors}, device=chosen)["val"].means()[pilot.metric]


def on_val(dataset: Build, frames: int) -> Build:
    """The same data set, or the one inside it, with the first `frames` of the split "val"."""
    options: dict[str, Any] = {
        name: on_val(value, frames) if isinstance(value, Build) else value for name, value in dataset.options.items()
    }
    if "split" in options:
        options |= {"split": "val", "count": frames}
    return replace(dataset, options=options)


def read(path: Path) -> dict[Trial, float]:
    """The trials that a file holds, with their errors; none where there is no file."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {
            Trial(
                row["variant"],
                float(row["rate"]),
                int(row["seed"]),
                row["profile"],
                int(row["steps"]),
                int(row["frames"]),
            ): float(row[next(reversed(row))])
            for row in csv.DictReader(file)
        }


def make(
    asked: Sequence[Trial], path: Path, train: Callable[[Trial], float], metric: str = "abs_rel"
) -> Iterator[tuple[Trial, float]]:
    """Each trial with its error, in order; one that the file lacks is trained, and a row added to the file."""
    done = read(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for trial in asked:
        if trial not in done:
            done[trial] = train(trial)
            fresh = not path.exists()
            with path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows([[*Trial._fields, metric]] * fresh + [[*trial, repr(done[trial])]])
        yield trial, done[trial]


def mean_errors(found: Mapping[Trial, float]) -> dict[str, dict[float, float]]:
    """Variant -> rate -> mean error over seeds."""
    errors: dict[str, dict[float, list[float]]] = {}
    for trial, error in found.items():
        errors.setdefault(trial.variant, {}).setdefault(trial.rate, []).append(error)
    return {variant: {rate: fmean(all_) for rate, all_ in sorted(rates.items())} for variant, rates in errors.items()}


def rate_in_use(paper: str, variant: str, profile: str) -> float:
    """The learning rate of the row."""
    return _spec(paper, pilot_of(paper), variant, profile).recipe.plan.lr


def file_in(folder: Path, paper: str) -> Path:
    """Where a results folder keeps the trials."""
    return folder / "pilots" / f"{paper}.csv"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m depthlib.runs.pilot", description=__doc__)
    parser.add_argument("paper", help="whose rows: anuw, comparison, ...")
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--csv", type=Path, help="the file; default: in the results folder of the profile")
    parser.add_argument("--seeds", type=int, nargs="+", default=[FIRST_PILOT], help=f"{FIRST_PILOT} or above")
    parser.add_argument("--variants", nargs="+", help="default: all that are tried")
    parser.add_argument("--steps", type=int, help="of the profile; default: the share that the paper names")
    parser.add_argument("--frames", type=int, help="of the split val; default: as many as the paper names")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(argv)
    paper = catalogue.paper_key(given.paper)
    pilot, found = pilot_of(paper), {}
    asked = [
        trial
        for trial in trials(paper, given.profile, given.seeds, steps=given.steps, frames=given.frames)
        if given.variants is None or trial.variant in given.variants
    ]
    file = given.csv or file_in(paths.results_dir(given.profile), paper)
    for trial, error in make(asked, file, lambda trial: run(paper, trial, given.device), pilot.metric):
        found[trial] = error
        told = f"{pilot.metric} on val {error:.4f}"
        print(f"{trial.variant:12s} rate {trial.rate:<8g} seed {trial.seed}: {told}", flush=True)
    print(f"{'variant':12s} {'best here':>10s} {'in use':>10s}   mean of the seeds at each rate")
    for variant, errors in mean_errors(found).items():
        cells = "  ".join(f"{rate:g}: {error:.4f}" for rate, error in errors.items())
        in_use = rate_in_use(paper, variant, given.profile)
        print(f"{variant:12s} {min(errors, key=lambda rate: errors[rate]):10g} {in_use:10g}   {cells}")


if __name__ == "__main__":
    main()
