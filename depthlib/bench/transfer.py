"""Which knobs of the scenes help on photographs: `depthlib bench transfer --csv transfer.csv`.

The network of the first lesson is trained by its recipe on scenes with one knob set as in `wild`, without any, and on
`wild` itself, and is scored on the real frames below `DEPTHLIB_SAMPLES`: abs_rel after median scaling, the mean over
the frames of a data set. For rooms the sets of `CHOOSING` choose between knobs. The others only report, so that what
was chosen is tested on frames that had no part in it.

Beside each row stands the fixed map of its own training set, and below them two maps that need no training: a constant,
and a ramp whose depth at the top of the picture is three times that at the bottom. A row is written to the file as soon
as it is measured, and not measured again when it is there.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from depthlib.base.build import Build
from depthlib.base.devices import pick_device
from depthlib.bench import arguments
from depthlib.data.real_samples import RealFrame, real_frames
from depthlib.metrics import abs_rel
from depthlib.models.floors import FixedMap
from depthlib.protocols.photograph import predict
from depthlib.protocols.scaling import median_ratio
from depthlib.runs.spec import RunSpec
from depthlib.runs.train import build_model, build_task, transform
from depthlib.scenes.distribution import MAX_DEPTH
from depthlib.scenes.sets import scenes, wild_scenes
from depthlib.scenes.wild import wild
from depthlib.training.fit import fit

if TYPE_CHECKING:
    import pandas as pd

CHOOSING = ("7-scenes", "tum", "nyu")
PARTS = ("choosing", "reporting")
SETS = {"rooms": (*CHOOSING, "hololens", "redwood", "sun-rgbd"), "streets": ("kitti",)}
KNOBS = ("pitch", "camera_height", "field_of_view", "exposure", "noise", "blur", "clutter", "moving_share")


class Row(NamedTuple):
    """abs_rel of one map on one data set, or on those that choose or report."""

    family: str
    knob: str
    seed: int
    what: str
    frames: str
    abs_rel: float


def training_set(family: str, knob: str, count: int) -> Build:
    """Scenes with one knob as in `wild`; "none", or "all" of them."""
    common = {"family": family, "split": "train", "count": count}
    if knob == "all":
        return Build.of(wild_scenes, **common)
    return Build.of(scenes, **common, **({} if knob == "none" else {knob: getattr(wild(family), knob)}))


def ramp(height: int, width: int) -> Tensor:
    """[H,W], 3 at the top and 1 at the bottom."""
    return torch.linspace(3, 1, height)[:, None].expand(height, width)


def error(depth: Tensor, frame: RealFrame) -> float:
    """abs_rel of [H,W], scaled by the median."""
    maps = (depth[None, None], frame.depth[None], frame.valid[None])
    return abs_rel(maps[0] * median_ratio(*maps), *maps[1:]).item()


def on_sets(family: str, predict: Callable[[RealFrame], Tensor], frames: Sequence[RealFrame]) -> dict[str, float]:
    """Mean error on each data set; for rooms also over the sets that choose, and over those that report."""
    errors: dict[str, list[float]] = {}
    for frame in frames:
        if name := next((name for name in SETS[family] if frame.name.startswith(name)), None):
            errors.setdefault(name, []).append(error(predict(frame), frame))
    means = {name: mean(values) for name, values in errors.items()}
    parts = {"choosing": CHOOSING, "reporting": set(means).difference(CHOOSING)} if family == "rooms" else {}
    return means | {
        part: mean(means[name] for name in names if name in means)
        for part, names in parts.items()
        if not set(names).isdisjoint(means)
    }


def measured(family: str, knob: str, seed: int, frames: Sequence[RealFrame], options: RunSpec) -> Iterator[Row]:
    """Train on scenes with this knob, then score the network and its fixed map."""
    recipe = replace(options.recipe, train=training_set(family, knob, options.recipe.train.options["count"]))
    model, data = build_model(recipe, seed), recipe.train.make()
    device = pick_device("auto")
    fit(
        model,
        build_task(recipe, {}),
        data,
        replace(recipe.plan, validate_every=0),
        seed=seed,
        device=device,
        transform=transform(recipe),
    )
    size = data[0]["image"].shape[-2:]
    for what, network in (("network", model), ("fixed map", FixedMap.of(data))):
        found = on_sets(family, lambda f, network=network: predict(network, f.image, size), frames)
        yield from (Row(family, knob, seed, what, name, value) for name, value in found.items())


def untrained(family: str, frames: Sequence[RealFrame]) -> Iterator[Row]:
    """The maps that need no training."""
    for what, of_size in (("constant", lambda h, w: torch.ones(h, w)), ("ramp", ramp)):
        found = on_sets(family, lambda f, of_size=of_size: of_size(*f.depth.shape[-2:]), frames)
        yield from (Row(family, what, 0, what, name, value) for name, value in found.items())


def stored(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(r["family"], r["knob"], int(r["seed"]), r["what"], r["frames"], float(r["abs_rel"]))
            for r in csv.DictReader(file)
        ]


def store(path: Path, rows: Sequence[Row]) -> None:
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([Row._fields] if new else [])
        writer.writerows((*row[:-1], f"{row.abs_rel:.5f}") for row in rows)


def table(rows: Sequence[Row], family: str) -> pd.DataFrame:
    """A knob a row, by the error on the sets that choose (if there are such): means over seeds on each set.

    Behind them the fixed map of the same training set, the range over seeds in the last column that is not its, and
    their number.
    """
    import pandas as pd

    found = pd.DataFrame([row for row in rows if row.family == family], columns=Row._fields)
    ours, fixed = found[found["what"] != "fixed map"], found[found["what"] == "fixed map"]
    names = list(dict.fromkeys([*(name for name in found["frames"] if name not in PARTS), *PARTS]))
    names = [name for name in names if name in set(found["frames"])]
    means = ours.pivot_table("abs_rel", "knob", "frames", sort=False)[names]
    last = ours[ours["frames"] == names[-1]].groupby("knob")["abs_rel"].agg(["min", "max", "size"])
    for name in [name for name in names if name in PARTS] or names:
        means[f"fixed map, {name}"] = fixed[fixed["frames"] == name].groupby("knob")["abs_rel"].mean()
    means[f"{names[-1]}, range"] = [
        f"{low:.3f} to {high:.3f}" if size > 1 else ""
        for low, high, size in last.loc[means.index].itertuples(index=False)
    ]
    means["seeds"] = last["size"].where(means[f"fixed map, {names[-1]}"].notna(), 0)
    return means.sort_values(names[-2] if PARTS[0] in names else names[-1])


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(
        "Which knobs of the scenes help on photographs",
        argv,
        family="rooms",
        seeds=1,
        threads=0,
        profile="quick",
        knobs=(" ".join(("none", *KNOBS, "all")), "which to set, one at a time"),
        csv=("transfer.csv", "where rows are kept"),
    )
    if options.family not in MAX_DEPTH:
        raise SystemExit(f"family: found {options.family!r}, expected one of {', '.join(MAX_DEPTH)}")
    if unknown := set(options.knobs.split()) - {"none", *KNOBS, "all"}:
        raise SystemExit(f"knobs: found {', '.join(sorted(unknown))}, expected some of none {' '.join(KNOBS)} all")
    frames = [frame for frame in real_frames(more=True) if frame.depth is not None and not frame.synthetic]
    if not frames:
        raise SystemExit("DEPTHLIB_SAMPLES: found no real frames with depth, expected a folder that holds some")
    if options.threads:
        torch.set_num_threads(options.threads)
    path = Path(options.csv)
    if not any(row.family == options.family and row.knob == "constant" for row in stored(path)):
        store(path, list(untrained(options.family, frames)))
    for seed in range(options.seeds):
        for knob in options.knobs.split():
            if not any(row[:3] == (options.family, knob, seed) for row in stored(path)):
                spec = RunSpec("start", "lite", options.family, options.profile, seed)
                store(path, list(measured(options.family, knob, seed, frames, spec)))
    print(f"abs_rel, median scaled, on {len(frames)} frames\n")
    print(table(stored(path), options.family).to_string(float_format="{:.3f}".format, na_rep=""))


if __name__ == "__main__":
    main()
