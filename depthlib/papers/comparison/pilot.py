"""Learning rates by trial, as many for each method: `python -m depthlib.papers.comparison.pilot`.

Each rate of `TRIALS` is trained for a third of the steps, with seeds that no verdict sees, and scored on scenes of the
split "val", median scaled. Rows are written one by one into `pilots/comparison.csv` of the results; what the file has
is not trained again. The rates that are chosen go into `depthlib.papers.comparison.rows.RATES`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from depthlib.base import paths
from depthlib.papers.comparison.rows import METHODS, RATES, SCALES, recipe
from depthlib.report.verdicts import FIRST_PILOT
from depthlib.runs.spec import RunSpec

TRIALS = {
    "lite": (3e-4, 1e-3, 3e-3),
    "unet": (1e-3, 3e-3, 1e-2),
    "fcrn": (3e-3, 1e-2, 3e-2),
    "anuw": (1e-3, 3e-3, 1e-2),
    "dacnn": (1e-3, 3e-3, 1e-2),
    "synergy": (3e-3, 1e-2, 3e-2),
    "lr-net": (1.5e-4, 5e-4, 1.5e-3),
}
SHARE = 1 / 3  # of the steps of the profile
FRAMES = 128  # of "val"


class Trial(NamedTuple):
    """One training. steps: those asked of a method with labels; frames: of the test."""

    variant: str
    rate: float
    seed: int
    profile: str
    steps: int
    frames: int


def trials(profile: str, seeds: Sequence[int], *, steps: int | None = None, frames: int = FRAMES) -> list[Trial]:
    """All trials, seed by seed. Raises ValueError for a seed below `FIRST_PILOT`."""
    if wrong := [seed for seed in seeds if seed < FIRST_PILOT]:
        raise ValueError(f"seeds: found {wrong[0]}, expected {FIRST_PILOT} or above, which no verdict sees")
    if steps is None:
        whole = RunSpec("comparison", next(iter(METHODS)), "streets", profile).scaled(**SCALES[profile].profile).steps
        steps = max(1, round(SHARE * whole))
    return [
        Trial(variant, rate, seed, profile, steps, frames)
        for seed in seeds
        for variant, rates in TRIALS.items()
        for rate in rates
    ]


def run(trial: Trial, device: str = "auto") -> float:
    """abs_rel on scenes of "val" after median scaling; infinite where the training diverged."""
    from depthlib.base.devices import pick_device
    from depthlib.protocols.evaluate import ProtocolErrors
    from depthlib.protocols.inference import measure
    from depthlib.runs.train import build_model, build_task
    from depthlib.training.curve import TrainingDiverged
    from depthlib.training.fit import fit

    spec = RunSpec("comparison", trial.variant, "streets", trial.profile, trial.seed, {"steps": trial.steps})
    made, chosen = recipe(spec), pick_device(device)
    test, protocol = made.tests["median"]
    val = replace(test, options=test.options | {"split": "val", "count": trial.frames}).make()
    model = build_model(made, trial.seed)
    try:
        plan = replace(made.plan, lr=trial.rate)
        fit(model, build_task(made, {}), made.train.make(), plan, seed=trial.seed, device=chosen)
    except TrainingDiverged:
        return float("inf")
    return measure(model.eval(), val, {"val": ProtocolErrors(protocol)}, device=chosen)["val"].means()["abs_rel"]


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
            ): float(row["abs_rel"])
            for row in csv.DictReader(file)
        }


def make(asked: Sequence[Trial], path: Path, train: Callable[[Trial], float] = run) -> Iterator[tuple[Trial, float]]:
    """Each trial with its error, in order; one that the file lacks is trained, and a row added to the file."""
    done = read(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for trial in asked:
        if trial not in done:
            done[trial] = train(trial)
            fresh = not path.exists()
            with path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows([[*Trial._fields, "abs_rel"]] * fresh + [[*trial, repr(done[trial])]])
        yield trial, done[trial]


def mean_errors(found: Mapping[Trial, float]) -> dict[str, dict[float, float]]:
    """Method -> rate -> mean error over seeds."""
    errors: dict[str, dict[float, list[float]]] = {}
    for trial, error in found.items():
        errors.setdefault(trial.variant, {}).setdefault(trial.rate, []).append(error)
    return {variant: {rate: fmean(all_) for rate, all_ in rates.items()} for variant, rates in errors.items()}


def file_in(folder: Path) -> Path:
    """Where a results folder keeps the trials."""
    return folder / "pilots" / "comparison.csv"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m depthlib.papers.comparison.pilot", description=__doc__)
    parser.add_argument("--profile", default="standard", choices=list(SCALES))
    parser.add_argument("--csv", type=Path, help="the file; default: in the results folder of the profile")
    parser.add_argument("--seeds", type=int, nargs="+", default=[FIRST_PILOT], help=f"{FIRST_PILOT} or above")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--steps", type=int, help="of a method with labels; default: a third of the profile's")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of the split val")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(argv)
    asked = [
        trial
        for trial in trials(given.profile, given.seeds, steps=given.steps, frames=given.frames)
        if trial.variant in given.methods
    ]
    file, found = given.csv or file_in(paths.results_dir(given.profile)), {}
    for trial, error in make(asked, file, lambda trial: run(trial, given.device)):
        found[trial] = error
        print(f"{trial.variant:8s} rate {trial.rate:<8g} seed {trial.seed}: abs_rel on val {error:.4f}", flush=True)
    print(f"{'method':8s} {'best here':>10s} {'in use':>10s}   mean of the seeds at each rate")
    for variant, errors in mean_errors(found).items():
        cells = "  ".join(f"{rate:g}: {error:.4f}" for rate, error in errors.items())
        print(f"{variant:8s} {min(errors, key=errors.get):10g} {RATES[variant]:10g}   {cells}")


if __name__ == "__main__":
    main()
