"""The pictures of the first lesson: a network that learns, and depth maps on which near things stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from depthlib.report.figures import ColourScale, Map
from depthlib.report.style import FULL_WIDTH, LINES, style

if TYPE_CHECKING:
    from depthlib.runs.store import RunRecord

FLOOR = "#666666"
NEAR = {
    "near": ColourScale("inverse depth (1/m)", cmap="magma", vmax=0.6),
    "nearer than the median": ColourScale("median depth / depth", cmap="magma", vmin=0.6, vmax=1.4),
}


def near(depth: Tensor, *, over_median: bool = False) -> Map:
    """Inverse depth of a map [H,W] in metres, 0 where unknown: what is near is bright and gets most of the colours.

    Args:
        over_median: as a multiple of that of the median depth, for a prediction without a known scale.
    """
    if over_median:
        return Map(depth[depth > 0].median() / depth, scale="nearer than the median")
    return Map(1 / depth, scale="near")


def validated_steps(record: RunRecord, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The steps after which a run was validated, and the metric found there."""
    values = record.result["curve"][f"val_{metric}"]
    at = [step for step, value in enumerate(values) if value is not None]
    return np.array(at) + 1, np.array([values[step] for step in at])


def learning_figure(
    networks: Mapping[str, Sequence[RunRecord]], floors: Mapping[str, float], *, metric: str = "abs_rel"
) -> Figure:
    """`metric` on the validation images over steps (left) and over the seconds of the run (right).

    The seconds of a run, validation included, are spread evenly over its steps. A line is the mean over the seeds, a
    band their range. What is worse than 1.5 times the highest floor lies outside.

    Args:
        networks: name -> runs, one a seed. floors: name -> the metric on the same images.
    """
    from matplotlib import pyplot

    with style():
        figure, axes = pyplot.subplots(1, 2, figsize=(FULL_WIDTH, 3.0), sharey=True)
        for (name, records), colour in zip(networks.items(), LINES, strict=False):
            steps, values = validated_steps(records[0], metric)[0], [validated_steps(r, metric)[1] for r in records]
            pace = np.mean([r.provenance["seconds_training"] / len(r.result["curve"]["loss"]) for r in records])
            for axis, scale in zip(axes, (1.0, pace), strict=True):
                axis.plot(scale * steps, np.mean(values, axis=0), marker="o", linestyle="-", color=colour, label=name)
                low, high = np.min(values, axis=0), np.max(values, axis=0)
                axis.fill_between(scale * steps, low, high, color=colour, alpha=0.18)
        for axis, label in zip(axes, ("training step", "seconds of training and validation"), strict=True):
            for name, value in floors.items():
                axis.axhline(value, color=FLOOR, linestyle="--", linewidth=1.1)
                if axis is axes[0]:
                    axis.text(
                        1.0,
                        value,
                        f"{name} ",
                        transform=axis.get_yaxis_transform(),
                        ha="right",
                        va="bottom",
                        fontsize=8,
                        color=FLOOR,
                    )
            axis.set(xlabel=label, xlim=(0, None), ylim=(0, 1.5 * max(floors.values())))
        axes[0].set_ylabel(f"{metric} on the validation images")
        axes[1].legend(loc="upper right")
    return figure
