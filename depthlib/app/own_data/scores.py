"""The table of a training: the network before and after, and floors that never look at the picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import Dataset

from depthlib.app.own_data.from_views import Predicted, UnmovedError, ViewError
from depthlib.app.own_data.network import DepthAndMotion
from depthlib.base.paths import atomic_write
from depthlib.models.floors import Constant, FixedMap
from depthlib.protocols.evaluate import ProtocolErrors
from depthlib.protocols.inference import Evaluation, Measure, measure

METRIC, MEDIAN = "real-frames", "real-frames-median"
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class Score:
    """One line of the table: who predicts, on how many pictures, and the mean errors by name."""

    name: str
    images: int
    errors: Mapping[str, float]


def label_measures(metric: bool) -> dict[str, Measure]:
    """Errors against labels: in metres where the depth has them, and after median scaling."""
    found: dict[str, Measure] = {"": ProtocolErrors(METRIC)} if metric else {}
    return found | {"scaled_": ProtocolErrors(MEDIAN)}


def scored(name: str, model: nn.Module, dataset: Dataset, measures: Mapping[str, Measure], device: str) -> Score:
    found = measure(model, dataset, measures, device=device)
    images = max(len(one.images) for one in found.values())
    return Score(name, images, {head + key: value for head, one in found.items() for key, value in _kept(one).items()})


def _kept(found: Evaluation) -> dict[str, float]:
    wanted = ("abs_rel", "rmse", "delta1", "view_error")
    return {name: value for name, value in found.means().items() if name in wanted}


def labelled_table(before: nn.Module, after: nn.Module, train: Dataset, val: Dataset, device: str) -> list[Score]:
    """Floors are made from the training labels: their median, and their median at each pixel."""
    rows = (("best constant", Constant.of(train)), ("fixed map", FixedMap.of(train)), (BEFORE, before), (AFTER, after))
    return [scored(name, model, val, label_measures(True), device) for name, model in rows]


def view_table(before: nn.Module, after: DepthAndMotion, train: Dataset, val: Dataset, device: str) -> list[Score]:
    """All rows share the motion; floors: the other views as they are, one depth, and the usual map of the network."""
    level = Constant(_level(after, train))
    rows: tuple[tuple[str, nn.Module, Measure], ...] = (
        ("no depth, no motion", level, UnmovedError(after)),
        ("constant", level, ViewError(after)),
        ("fixed map", _usual(after, train), ViewError(after)),
        (BEFORE, before, ViewError(after)),
        (AFTER, after, ViewError(after)),
    )
    after.to(device)  # every row asks it for the motion
    return [scored(name, model, val, {"": one}, device) for name, model, one in rows]


def labels_of_other_folder(
    before: nn.Module, after: nn.Module, train: Dataset, test: Dataset, metric: bool, device: str
) -> list[Score]:
    """Errors on a labelled folder of a network that learned without labels."""
    constant = Constant(_level(after, train))
    rows = (("constant", constant), ("fixed map", _usual(after, train)), (BEFORE, before), (AFTER, after))
    return [scored(name, model, test, label_measures(metric), device) for name, model in rows]


def _usual(model: nn.Module, dataset: Dataset) -> FixedMap:
    return FixedMap.of(Predicted(dataset, model.cpu().eval()))


def _level(model: nn.Module, dataset: Dataset) -> torch.Tensor:
    """The median depth that the network gives, which of a stereo rig is near the best constant."""
    return _usual(model, dataset).depth.median()


def columns(table: list[Score]) -> list[str]:
    return list(table[0].errors)


def write_table(path: Path, table: list[Score]) -> None:
    names = columns(table)
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["prediction", "images", *names])
        lines.writerows([row.name, row.images, *(f"{row.errors[name]:.6g}" for name in names)] for row in table)


def printed(table: list[Score]) -> list[str]:
    """The table as text, a line a row."""
    names = columns(table)
    lines = [f"{'prediction':20s}" + "".join(f"{name:>15s}" for name in names)]
    return lines + [f"{row.name:20s}" + "".join(f"{row.errors[name]:15.4f}" for name in names) for row in table]
