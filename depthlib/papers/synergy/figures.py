"""Figures of lesson 05: class frequencies, table rows with their seeds, errors by depth and by step, gain by tail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from depthlib.base.colour import PALETTE
from depthlib.report.style import FULL_WIDTH, style

GREY = "#555555"  # of predictions that never look


def class_shares(counts: Mapping[str, Mapping[str, float]]) -> Figure:
    """Bars of the share of each class, most frequent first, one panel per labelling: {title: {class: pixels}}."""
    from matplotlib import pyplot

    with style():
        widths = [max(len(own), 4) for own in counts.values()]
        figure, axes = pyplot.subplots(
            1,
            len(counts),
            figsize=(FULL_WIDTH, 2.3),
            width_ratios=widths,
            sharey=True,
            layout="constrained",
            squeeze=False,
        )
        for axis, (title, own) in zip(axes[0], counts.items(), strict=True):
            names = sorted(own, key=own.get, reverse=True)
            total = sum(own.values())
            bars = axis.bar(range(len(names)), [100 * own[name] / total for name in names], color=PALETTE[0], width=0.7)
            axis.bar_label(bars, fmt="%.1f", fontsize=7, color="#333333", padding=1)
            axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
            axis.set(title=title)
        axes[0, 0].set_ylabel("% of the pixels")
        axes[0, 0].margins(y=0.12)
    return figure


def row_dots(rows: Mapping[str, Mapping[str, Sequence[float]]], floors: Mapping[str, float]) -> Figure:
    """Rows of a table as dots, one a seed, with their mean as a bar: {metric: {row: values of the seeds}}.

    Args:
        floors: metric -> value of the fixed map, drawn as a line.
    """
    from matplotlib import pyplot

    with style():
        names = list(next(iter(rows.values())))
        figure, axes = pyplot.subplots(
            1, len(rows), figsize=(FULL_WIDTH, 0.55 + 0.27 * len(names)), sharey=True, layout="constrained"
        )
        for axis, (metric, own) in zip(np.atleast_1d(axes), rows.items(), strict=True):
            for place, name in enumerate(names):
                axis.plot(
                    own[name],
                    [place] * len(own[name]),
                    "o",
                    color=PALETTE[0],
                    alpha=0.55,
                    markeredgewidth=0,
                    markersize=5,
                )
                axis.plot([np.mean(own[name])] * 2, [place - 0.28, place + 0.28], "-", color="#1a1a1a", linewidth=1.4)
            if metric in floors:
                axis.axvline(floors[metric], color=PALETTE[5], linewidth=1, linestyle="--")
                axis.text(floors[metric], -0.75, "fixed map ", color=PALETTE[5], fontsize=7.5, ha="right", va="center")
            axis.set(xlabel=metric, yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -1.1))
            axis.grid(axis="x")
    return figure


def by_range(
    values: Mapping[str, np.ndarray], shares: np.ndarray, edges: Sequence[float], floor: np.ndarray | None = None
) -> Figure:
    """Mean error and mean signed error in each range of the true depth, mean over seeds with the span of the seeds.

    Args:
        values: method -> [seeds, 2, ranges], metres: mean |pred - true| and mean pred - true.
        floor: [2, ranges], the same of the fixed map, drawn as a dashed line.
        shares: [ranges], share of the pixels.
        edges: of the ranges, metres.
    """
    from matplotlib import pyplot

    centres, ticks = range(len(edges) - 1), [f"{a:g}-{b:g}" for a, b in zip(edges[:-1], edges[1:], strict=True)]
    with style():
        figure, axes = pyplot.subplots(1, 3, figsize=(FULL_WIDTH, 2.5), layout="constrained")
        axes[0].bar(centres, 100 * shares, color="#9A9A9A", width=0.7)
        axes[0].set(ylabel="% of the pixels", title="how many pixels")
        for axis, part, title in ((axes[1], 0, "mean error"), (axes[2], 1, "predicted minus true")):
            for number, (name, own) in enumerate(values.items()):
                at = np.array(centres) + 0.12 * (number - (len(values) - 1) / 2)
                mean, low, high = own[:, part].mean(0), own[:, part].min(0), own[:, part].max(0)
                (line,) = axis.plot(at, mean, marker="o", markersize=3.5, label=name, linewidth=1.2)
                axis.vlines(at, low, high, color=line.get_color(), linewidth=1)
            if floor is not None:
                axis.plot(centres, floor[part], "--", color=GREY, linewidth=1, marker="", label="fixed map", zorder=1)
            axis.set(title=title, ylabel="m")
        axes[2].axhline(0, color="#333333", linewidth=0.8)
        axes[1].legend(loc="upper left")
        for axis in axes:
            axis.set_xticks(centres, ticks)
            axis.set_xlabel("true depth (m)")
    return figure


def gain_over_tail(gains: Mapping[str, Mapping[str, np.ndarray]], shares: Mapping[str, float]) -> Figure:
    """Relative gain in per cent over the share of far pixels, one dot per seed, and means: {metric: {data:
    [seeds]}}.
    """
    from matplotlib import pyplot

    with style():
        figure, axes = pyplot.subplots(1, len(gains), figsize=(FULL_WIDTH, 2.5), sharey=True, layout="constrained")
        for axis, (metric, own) in zip(np.atleast_1d(axes), gains.items(), strict=True):
            at = [100 * shares[name] for name in own]
            for x, values in zip(at, own.values(), strict=True):
                axis.plot(
                    [x] * len(values), 100 * values, "o", color=PALETTE[0], alpha=0.55, markeredgewidth=0, markersize=5
                )
            axis.plot(
                at, [100 * values.mean() for values in own.values()], "-", color="#1a1a1a", linewidth=1.2, marker=""
            )
            axis.axhline(0, color="#777777", linewidth=0.8)
            axis.set(title=metric, xlabel="% of the pixels beyond 5 m")
            for x, name in zip(at, own, strict=True):
                axis.annotate(
                    name, (x, 0.02), xycoords=("data", "axes fraction"), fontsize=7.5, ha="center", color="#555555"
                )
            axis.margins(x=0.18, y=0.16)
        np.atleast_1d(axes)[0].set_ylabel("relative gain of L_DA (%)")
    return figure


def tail_histograms(depths: Mapping[str, np.ndarray]) -> Figure:
    """One histogram of depth per data set, with median and 95th percentile: {title: metres of all valid pixels}."""
    from matplotlib import pyplot

    with style():
        figure, axes = pyplot.subplots(1, len(depths), figsize=(FULL_WIDTH, 2.2), layout="constrained", squeeze=False)
        for axis, (title, metres) in zip(axes[0], depths.items(), strict=True):
            metres = np.asarray(metres, dtype=np.float64).ravel()
            bins = np.linspace(0, np.quantile(metres, 0.9995), 50)
            axis.hist(metres, bins=bins, weights=np.full(metres.size, 100 / metres.size), color=PALETTE[0], alpha=0.6)
            axis.margins(y=0.2)
            for share, dashes, height in ((0.5, "-", 0.98), (0.95, "--", 0.84)):
                at = np.quantile(metres, share)
                axis.axvline(at, color="#333333", linestyle=dashes, linewidth=1)
                axis.text(
                    at,
                    height,
                    f" {100 * share:.0f} %: {at:.1f} m",
                    transform=axis.get_xaxis_transform(),
                    va="top",
                    fontsize=7.5,
                )
            axis.set(title=title, xlabel="depth (m)", xlim=(0, None))
        axes[0, 0].set_ylabel("% of the pixels")
    return figure


def over_steps(curves: Mapping[str, Sequence[Sequence[float | None]]], floor: float, metric: str) -> Figure:
    """Errors on held-out frames at the steps where they were measured, mean over seeds, with the fixed map as a line.

    Args:
        curves: name -> one list a seed, a value a step; None where nothing was measured.
        floor: error of the fixed map.
    """
    from matplotlib import pyplot

    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, 2.4), layout="constrained")
        for name, seeds in curves.items():
            steps = [step for step, value in enumerate(seeds[0], start=1) if value is not None]
            values = np.array([[seed[step - 1] for step in steps] for seed in seeds], dtype=float)
            (line,) = axis.plot(steps, values.mean(0), marker="o", markersize=3, label=name)
            axis.fill_between(steps, values.min(0), values.max(0), color=line.get_color(), alpha=0.15, linewidth=0)
        axis.axhline(floor, color=GREY, linewidth=1, linestyle="--", label="fixed map")
        axis.set(xlabel="training step", ylabel=metric)
        axis.legend()
    return figure
