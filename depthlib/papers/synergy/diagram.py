"""Drawing of the synergy network: Figs. 2 and 3 of Look Deeper in one."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from depthlib.report.style import FULL_WIDTH, style

TRUNK, DEPTH, CLASSES, SHARE, LINE = "#CC79A7", "#56B4E9", "#E69F00", "#009E73", "#555555"
UPS = (3.3, 4.9, 6.5, 8.1)  # where the four up-convolutions stand
RAIL = 2.35  # height of the line on which the up-skips run
DASHED = {"color": LINE, "linewidth": 0.8, "linestyle": (0, (3, 2)), "marker": ""}


def synergy_diagram() -> Figure:
    """Shared trunk, two decoders, sharing units after the first three up-convolutions, up-skips above and below."""
    from matplotlib import pyplot

    with style():
        figure = pyplot.figure(figsize=(FULL_WIDTH, 3.35), layout="none")
        axis = figure.add_axes((0, 0, 1, 1))
        axis.set(xlim=(-1.35, 12.35), ylim=(-3.35, 3.0), aspect="equal")
        axis.axis("off")
        axis.text(-1.3, 0, "image", va="center", fontsize=8)
        _box(axis, 0.55, 0, "ResNet-50", TRUNK, 1.3)
        _box(axis, 2.0, 0, "1 x 1\n$f_{in}$", TRUNK, 0.8)
        _arrow(axis, (-0.45, 0), (-0.1, 0))
        _arrow(axis, (1.2, 0), (1.6, 0))
        for side, colour, output in ((1, DEPTH, "depth"), (-1, CLASSES, "classes")):
            _branch(axis, side, colour, output)
        for left, right in zip(UPS[:3], UPS[1:], strict=True):
            _unit(axis, (left + right) / 2)
        keys = (
            (SHARE, "LSU: each branch keeps its own and adds a learned share of both"),
            (LINE, "dashed: up-skip, resize and 3 x 3"),
        )
        for row, (colour, text) in enumerate(keys):
            axis.add_patch(Circle((0.0, -2.75 - 0.38 * row), 0.11, facecolor=colour, edgecolor="none"))
            axis.text(0.25, -2.75 - 0.38 * row, text, va="center", fontsize=7.5)
    return figure


def _branch(axis: Axes, side: int, colour: str, output: str) -> None:
    y = 1.15 * side
    _arrow(axis, (2.4, 0.12 * side), (UPS[0] - 0.42, y))
    for number, x in enumerate(UPS, start=1):
        _box(axis, x, y, f"up\n$f_{number}$", colour, 0.8)
        if number > 1:
            _arrow(axis, (UPS[number - 2] + 0.4, y), (x - 0.4, y))
        axis.plot([x, x], [y + 0.3 * side, RAIL * side], zorder=0, **DASHED)
    axis.plot([2.0, 2.0, 9.55], [0.3 * side, RAIL * side, RAIL * side], zorder=0, **DASHED)
    _arrow(axis, (9.55, RAIL * side), (9.55, 1.37 * side), dashed=True)
    axis.add_patch(Circle((9.55, y), 0.2, facecolor="white", edgecolor=LINE, zorder=3))
    axis.text(9.55, y, "+", ha="center", va="center", fontsize=9, zorder=4)
    _arrow(axis, (9.75, y), (10.1, y))
    _box(axis, 10.65, y, "head", colour, 0.9)
    axis.text(11.2, y, output, va="center", fontsize=8)


def _unit(axis: Axes, x: float) -> None:
    for side in (1, -1):
        axis.add_patch(
            FancyArrowPatch(
                (x, 0.2 * side),
                (x, 1.1 * side),
                arrowstyle="<|-|>",
                mutation_scale=7,
                color=SHARE,
                linewidth=1.2,
                shrinkA=0,
                shrinkB=0,
            )
        )
    _box(axis, x, 0, "LSU", SHARE, 0.75, height=0.42)


def _box(axis: Axes, x: float, y: float, text: str, colour: str, width: float, height: float = 0.62) -> None:
    axis.add_patch(
        FancyBboxPatch(
            (x - width / 2 + 0.05, y - height / 2 + 0.05),
            width - 0.1,
            height - 0.1,
            boxstyle="round,pad=0.05",
            facecolor=colour,
            edgecolor="#333333",
            linewidth=0.8,
            alpha=0.85,
            zorder=2,
        )
    )
    axis.text(x, y, text, ha="center", va="center", fontsize=7, zorder=3)


def _arrow(axis: Axes, a: tuple[float, float], b: tuple[float, float], dashed: bool = False) -> None:
    axis.add_patch(
        FancyArrowPatch(
            a,
            b,
            arrowstyle="-|>",
            mutation_scale=7,
            shrinkA=0,
            shrinkB=0,
            color=LINE,
            linewidth=0.8 if dashed else 1.0,
            linestyle=(0, (3, 2)) if dashed else "-",
            zorder=1,
        )
    )
