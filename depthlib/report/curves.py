"""Lines over steps, with the spread over seeds as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator
from numpy.typing import ArrayLike

from depthlib.report.style import FULL_WIDTH, style


def seed_curves(
    curves: Mapping[str, ArrayLike],
    steps: Sequence[float],
    *,
    ylabel: str,
    xlabel: str = "training step",
    log: bool = False,
    smooth: int = 1,
    width: float = FULL_WIDTH,
    height: float = 2.8,
) -> Figure:
    """For each name the mean over seeds as a line and the lowest and highest seed as a band.

    The name stands at the line's end.

    Args:
        curves: name -> values [seeds, steps]; one seed gives a line alone.
        steps: positions on the horizontal axis.
        ylabel, xlabel: what the axes are, with units.
        log: logarithmic vertical axis.
        smooth: window of a running mean in samples, 1 for none; the figure says so on its axis.

    Raises:
        ValueError: a curve that is not [seeds, len(steps)], or a window that does not fit.
    """
    steps = np.asarray(steps, dtype=np.float64)
    if not 1 <= smooth <= len(steps):
        raise ValueError(f"smooth: found {smooth}, expected 1 to {len(steps)} samples")
    with style():
        from matplotlib import pyplot

        figure, axis = pyplot.subplots(figsize=(width, height))
        ends = []
        for name, values in curves.items():
            seeds = np.asarray(values, dtype=np.float64)
            if seeds.ndim != 2 or seeds.shape[1] != len(steps):
                raise ValueError(f"curves[{name!r}]: found shape {seeds.shape}, expected [seeds, {len(steps)}]")
            seeds = np.lib.stride_tricks.sliding_window_view(seeds, smooth, axis=1).mean(-1)
            at = steps[smooth - 1 :]
            mean = seeds.mean(0)
            (line,) = axis.plot(at, mean)
            if len(seeds) > 1:
                axis.fill_between(at, seeds.min(0), seeds.max(0), color=line.get_color(), alpha=0.18, linewidth=0)
            ends.append((float(mean[-1]), name, line.get_color()))
        if log:
            axis.set_yscale("log")
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
            axis.yaxis.set_minor_locator(NullLocator())
        axis.set(xlabel=xlabel, ylabel=ylabel + (f"\n(mean of {smooth})" if smooth > 1 else ""))
        axis.margins(x=0)
        _name_ends(axis, ends, height)
    return figure


def _name_ends(axis: Axes, ends: list[tuple[float, str, str]], height: float) -> None:
    """Write the names beside the last points, moved apart where they would overlap."""
    axis.figure.draw_without_rendering()  # the limits must be known to place names in units of the axis
    to_axis = axis.transScale + axis.transLimits  # data to fractions of the axes
    gap = 0.16 / height  # of the axis's height: one line of text
    places = sorted((to_axis.transform((1, value))[1], name, colour) for value, name, colour in ends)
    below = -1.0
    for place, name, colour in places:
        below = max(place, below + gap)
        axis.annotate(
            name,
            (1, below),
            xycoords="axes fraction",
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=8,
            annotation_clip=False,
        )
