"""Diagram of DACNN: teacher and student, which differ in one block, and the two terms of distillation."""

from __future__ import annotations

from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from depthlib.report.style import BLUE, FULL_WIDTH, GREY, ORANGE, style

COLUMNS = {"image": 0.0, "encoder": 2.1, "source": 4.6, "guidance": 7.0, "blocks": 9.6, "depth": 11.9}
TOP, BOTTOM = 2.6, 0.0


def dacnn_diagram() -> Figure:
    """Teacher above, student below; the arrows between them are the two terms of distillation."""
    from matplotlib import pyplot

    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, 3.05))
        axis.set(xlim=(-0.9, 12.6), ylim=(-1.3, 3.9), aspect="equal")
        axis.axis("off")
        for y, views, source in ((TOP, "left,\nright", "correlation"), (BOTTOM, "left", "pyramid\nnon-local")):
            labels = {
                "image": views,
                "encoder": "ResNeSt\n+ ASPP",
                "source": source,
                "guidance": "guidance\n$g_1, g_2, g_3$",
                "blocks": "depth-aware\nblocks",
                "depth": "depth",
            }
            for name, label in labels.items():
                plain = name in ("image", "depth")
                _box(
                    axis,
                    COLUMNS[name],
                    y,
                    label,
                    "white" if plain else ORANGE if name == "source" else "#DDEBF5",
                    frame=not plain,
                )
            for first, second in pairwise(COLUMNS):
                start = COLUMNS[first] + (0.5 if first == "image" else 0.9)
                _arrow(axis, (start, y), (COLUMNS[second] - (0.5 if second == "depth" else 0.9), y))
            side = 1 if y == TOP else -1  # the long way round, on the side where the other network is not
            _arrow(axis, (COLUMNS["encoder"], y + 0.42 * side), (COLUMNS["blocks"], y + 0.42 * side), bend=-0.14 * side)
            axis.text(
                (COLUMNS["encoder"] + COLUMNS["blocks"]) / 2,
                y + 1.13 * side,
                "features",
                color="#555555",
                fontsize=8,
                ha="center",
                va="center",
            )
        for name, label in (("guidance", "guidance loss"), ("depth", "proxy loss")):
            _arrow(axis, (COLUMNS[name], TOP - 0.5), (COLUMNS[name], BOTTOM + 0.5), colour=BLUE, dashed=True)
            axis.text(
                COLUMNS[name] - 0.12, (TOP + BOTTOM) / 2 - 0.1, label, color=BLUE, ha="right", va="center", fontsize=8
            )
        for y, name in ((TOP, "teacher"), (BOTTOM, "student")):
            axis.text(-0.8, y + 0.72, name, fontsize=9, fontweight="bold", va="center")
    return figure


def _box(axis: Axes, x: float, y: float, label: str, colour: str, *, frame: bool) -> None:
    if frame:
        style_of = {"boxstyle": "round,pad=0.05", "facecolor": colour, "edgecolor": "#333333", "linewidth": 0.8}
        axis.add_patch(FancyBboxPatch((x - 0.85, y - 0.37), 1.7, 0.74, **style_of))
    axis.text(x, y, label, ha="center", va="center", fontsize=7.5)


def _arrow(
    axis: Axes,
    a: tuple[float, float],
    b: tuple[float, float],
    *,
    colour: str = GREY,
    bend: float = 0.0,
    dashed: bool = False,
) -> None:
    axis.add_patch(
        FancyArrowPatch(
            a,
            b,
            arrowstyle="-|>",
            mutation_scale=8,
            shrinkA=1,
            shrinkB=1,
            color=colour,
            linewidth=1,
            linestyle="--" if dashed else "-",
            connectionstyle=f"arc3,rad={bend}",
        )
    )
