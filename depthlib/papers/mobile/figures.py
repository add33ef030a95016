"""Figures of lesson 03: pairs on images, parameters against WHDR, what a search leaves, times as ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, NullLocator
from torch import Tensor

from depthlib.base.colour import as_image
from depthlib.report.style import FULL_WIDTH, LINES, style

FARTHER, NEARER = "#F0E442", "#D55E00"
MARKS = "osD^vPX"  # one for each of the colours `LINES`
Point = tuple[str, float, float]  # name, parameters in millions, WHDR


def marked_pairs(images: Sequence[Tensor], pairs: Sequence[Tensor]) -> Figure:
    """Images [3,H,W] with pairs [P,5], rows (y1, x1, y2, x2, relation): a line, a disc at the farther, a square at the
    nearer point.
    """
    from matplotlib import pyplot

    with style():
        height, width = images[0].shape[-2:]
        figure, axes = pyplot.subplots(
            1,
            len(images),
            figsize=(FULL_WIDTH, FULL_WIDTH / len(images) * height / width + 0.1),
            squeeze=False,
            layout="constrained",
        )
        for axis, image, rows in zip(axes[0], images, pairs, strict=True):
            axis.imshow(as_image(image))
            for y1, x1, y2, x2, relation in rows.tolist():
                far, near = ((x1, y1), (x2, y2)) if relation > 0 else ((x2, y2), (x1, y1))
                axis.plot([x1, x2], [y1, y2], "-", color="white", linewidth=1)
                axis.plot(*far, "o", color=FARTHER, markeredgecolor="black", markersize=7, clip_on=False)
                axis.plot(*near, "s", color=NEARER, markeredgecolor="black", markersize=6.5, clip_on=False)
            axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])
            axis.grid(False)
    return figure


def size_against_whdr(
    panels: Mapping[str, Mapping[str, Sequence[Point]]], floors: Mapping[str, tuple[str, float]]
) -> Figure:
    """Parameters against WHDR, one panel per title, one colour and mark per kind: {title: {kind: [(name, millions,
    whdr)]}}.

    The panels have separate axes, since their test images differ. floors: title -> (name, WHDR) of a dashed line.
    """
    from matplotlib import pyplot

    with style():
        figure, axes = pyplot.subplots(1, len(panels), figsize=(FULL_WIDTH, 3.4), squeeze=False, layout="constrained")
        for axis, (title, kinds) in zip(axes[0], panels.items(), strict=True):
            for colour, mark, (kind, points) in zip(LINES, MARKS, kinds.items(), strict=False):
                axis.plot([p[1] for p in points], [p[2] for p in points], mark, color=colour, label=kind, markersize=5)
            if title in floors:
                name, value = floors[title]
                axis.axhline(value, color="#777777", linestyle="--", linewidth=1)
                axis.text(
                    0.99,
                    value,
                    name,
                    transform=axis.get_yaxis_transform(),
                    ha="right",
                    va="bottom",
                    fontsize=7,
                    color="#555555",
                )
            axis.set_xscale("log")
            axis.set(title=title, xlabel="parameters (millions)", ylabel="WHDR")
            _plain_log(axis, [p[1] for points in kinds.values() for p in points])
            axis.margins(x=0.12, y=0.15)
            axis.legend(fontsize=7, loc="best")
    return figure


def _plain_log(axis: Axes, values: Sequence[float]) -> None:
    low, high = min(values), max(values)
    ticks = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 5, 10, 20, 50, 100)
    axis.set_xticks([tick for tick in ticks if low / 1.5 <= tick <= high * 1.5])
    axis.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axis.xaxis.set_minor_locator(NullLocator())


def search_rounds(rounds: Sequence[tuple[str, int, float]], marks: Mapping[str, int]) -> Figure:
    """A search: (block, parameters, score) per round, round 0 first. marks: name -> parameters of a budget, as a
    line.
    """
    from matplotlib import pyplot

    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, 2.6), layout="constrained")
        millions = [count / 1e6 for _, count, _ in rounds]
        axis.plot(millions, [score for *_, score in rounds], "o-", color=LINES[0])
        for name, budget in marks.items():
            axis.axvline(budget / 1e6, color="#777777", linestyle="--", linewidth=1)
            axis.text(
                budget / 1e6,
                1.0,
                f" {name}",
                transform=axis.get_xaxis_transform(),
                fontsize=7.5,
                va="top",
                color="#555555",
            )
        axis.invert_xaxis()
        axis.set(
            xlabel="parameters (millions), the search goes to the right",
            ylabel="1 - WHDR on validation,\nafter short tuning",
        )
    return figure


def channels_kept(before: Mapping[str, int], after: Mapping[str, Mapping[str, int]]) -> Figure:
    """Channels of each block of convolutions before a search, grey, and after it: {network: {block: channels}}, in the
    order of the network, encoder first.
    """
    from matplotlib import pyplot

    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, 2.8), layout="constrained")
        places = range(len(before))
        axis.bar(places, list(before.values()), width=0.9, color="#D0D0D0", label="before")
        for colour, mark, (name, kept) in zip(LINES, MARKS, after.items(), strict=False):
            axis.plot(places, [kept[block] for block in before], mark, color=colour, label=name, markersize=4)
        first = next((place for place, name in enumerate(before) if name.startswith("decoder")), len(before))
        axis.axvline(first - 0.5, color="#333333", linewidth=0.8)
        for place, side, name in ((first - 0.7, "right", "encoder"), (first - 0.3, "left", "decoder")):
            axis.text(place, 1.0, name, transform=axis.get_xaxis_transform(), ha=side, va="top", fontsize=8)
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set(xlabel="block, from the image to the map", ylabel="channels", xticks=[])
        axis.legend(fontsize=7, loc="upper right")
    return figure


def ratio_dots(ratios: Mapping[str, Mapping[str, float]], reference: str) -> Figure:
    """Time of each network over that of `reference`, logarithmic: {network: {machine: ratio}}, one row per network."""
    from matplotlib import pyplot

    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, 0.8 + 0.36 * len(ratios)), layout="constrained")
        machines = list(next(iter(ratios.values())))
        for colour, mark, (index, machine) in zip(LINES, MARKS, enumerate(machines), strict=False):
            places = [place + 0.2 * (index / max(1, len(machines) - 1) - 0.5) for place in range(len(ratios))]
            axis.plot(
                [own[machine] for own in ratios.values()], places, mark, color=colour, label=machine, markersize=5
            )
        axis.set_xscale("log")
        axis.set_xticks([0.2, 0.5, 1, 2, 5, 10, 20, 50, 100])
        axis.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.axvline(1, color="#333333", linewidth=0.8)
        axis.set(yticks=range(len(ratios)), yticklabels=list(ratios), ylim=(len(ratios) - 0.5, -0.5))
        axis.set_xlabel(f"time over that of {reference}")
        axis.grid(axis="x")
        axis.legend(loc="best", fontsize=7)
    return figure
