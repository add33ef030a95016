"""Diagrams of the mobile student with teacher and losses, Fig. 2 of the paper as implemented here, and of a block."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from depthlib.report.style import BLUE, FULL_WIDTH, GREY, ORANGE, style

PALE, GREEN = "#DDEBF5", "#009E73"
SKIPS = (16, 24, 32, 64, 96)  # channels of MobileNetV2's five stages, and their strides
STRIDES = (2, 4, 8, 16, 16)


def mobile_diagram() -> Figure:
    """Encoder and decoder with five skips, two heads for training only, the teacher above, the labels below."""
    from matplotlib import pyplot

    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, 3.3))
        axis.set(xlim=(-1.2, 14.3), ylim=(-2.6, 4.3), aspect="equal")
        axis.axis("off")
        for stage, (channels, stride) in enumerate(zip(SKIPS, STRIDES, strict=True)):
            height = 3.0 - 0.42 * stage
            left, right = 0.55 + 0.85 * stage, 9.85 - 0.85 * stage
            _bar(axis, left, height, PALE, f"{channels}")
            _bar(axis, right, height, ORANGE, f"L{5 - stage}")
            arc = height / 2 + 0.02
            _arrow(axis, (left, arc), (right, arc), GREY, bend=-0.08 - 0.012 * stage, dashed=True)
            axis.text(left, -height / 2 - 0.2, f"1/{stride}", ha="center", va="center", fontsize=6.5, color="#555555")
        _bar(axis, 5.2, 0.9, PALE, "320")
        axis.text(5.2, -0.65, "1/32", ha="center", va="center", fontsize=6.5, color="#555555")
        axis.text(-0.6, 0, "image", ha="center", va="center", fontsize=8)
        _arrow(axis, (-0.15, 0), (0.25, 0), GREY)
        _arrow(axis, (10.15, 0), (10.75, 0), GREY)
        _label(axis, 11.55, 0, "conv, x 2\ndepth $z$", "white")
        for level in (2, 3):
            x, side = 9.85 - 0.85 * (5 - level), 2 * level - 5
            _arrow(axis, (x, -0.95 - 0.2 * (level - 2)), (x + 0.5 * side, -1.75), GREEN)
            _label(axis, x + 0.75 * side, -2.15, f"head at L{level}", "white", edge=GREEN, wide=1.4)
        _label(axis, 5.2, 3.6, "teacher, finished: EncDecResNet", "white", wide=4.6)
        _arrow(axis, (7.55, 3.6), (11.55, 0.45), BLUE, bend=-0.25, dashed=True)
        axis.text(11.3, 2.6, "RMSE to all\nthree maps", color=BLUE, fontsize=8, ha="left", va="center")
        _arrow(axis, (6.9, 3.2), (9.75, 1.6), BLUE, bend=-0.1, dashed=True)
        axis.text(8.05, 2.35, "pairwise", color=BLUE, fontsize=8, ha="right", va="center")
        _label(axis, 11.55, -2.15, "one pair: A\nfarther than B", "white", wide=1.9)
        _arrow(axis, (11.55, -1.7), (11.55, -0.45), BLUE, dashed=True)
        axis.text(11.75, -1.05, "ranking,\nall three maps", color=BLUE, fontsize=8, ha="left", va="center")
        axis.text(0.3, 2.1, "encoder: MobileNetV2", fontsize=8, ha="left")
        axis.text(0.3, -2.15, "dashed grey: skips, concatenated", fontsize=7.5, color="#555555", ha="left", va="center")
    return figure


def block_diagram() -> Figure:
    """An FBNet block that doubles the size: the channels of each map as the height of a bar, the shortcut below."""
    from matplotlib import pyplot

    maps = (("I", 1.0, "h x w"), ("3 I", 3.0, "h x w"), ("3 I", 3.0, "2h x 2w"), ("3 I", 3.0, "2h x 2w"))
    steps = ("1x1, BN, ReLU", "nearest x 2", "5x5 of each\nchannel, BN, ReLU", "1x1, BN")
    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, 2.2))
        axis.set(xlim=(-0.6, 13.2), ylim=(-2.7, 2.2), aspect="equal")
        axis.axis("off")
        for place, (channels, height, size) in enumerate((*maps, ("O", 0.8, "2h x 2w"))):
            x = 2.6 * place
            _bar(axis, x, height, ORANGE if place in (0, 4) else PALE, channels)
            axis.text(x, height / 2 + 0.25, size, ha="center", va="center", fontsize=6.5, color="#555555")
            if place < len(steps):
                _arrow(axis, (x + 0.3, 0), (x + 2.3, 0), BLUE)
                axis.text(x + 1.3, 0.42, steps[place], ha="center", va="center", fontsize=6.5, color=BLUE)
        _arrow(axis, (0.0, -0.6), (11.9, -0.25), GREY, bend=0.2, dashed=True)
        axis.text(5.2, -2.45, "shortcut: 1x1 from I to O, nearest x 2", ha="center", fontsize=7, color="#555555")
        axis.text(11.95, 0, "+", ha="center", va="center", fontsize=12)
        _arrow(axis, (10.7, 0), (11.75, 0), GREY)
        _arrow(axis, (12.15, 0), (12.9, 0), GREY)
    return figure


def _bar(axis: Axes, x: float, height: float, colour: str, label: str) -> None:
    look = {"boxstyle": "round,pad=0.02", "facecolor": colour, "edgecolor": "#333333", "linewidth": 0.8}
    axis.add_patch(FancyBboxPatch((x - 0.24, -height / 2), 0.48, height, **look))
    axis.text(x, 0, label, ha="center", va="center", fontsize=7)


def _label(
    axis: Axes, x: float, y: float, label: str, colour: str, *, edge: str = "#333333", wide: float = 1.6
) -> None:
    look = {"boxstyle": "round,pad=0.05", "facecolor": colour, "edgecolor": edge, "linewidth": 0.9}
    axis.add_patch(FancyBboxPatch((x - wide / 2, y - 0.37), wide, 0.74, **look))
    axis.text(x, y, label, ha="center", va="center", fontsize=7)


def _arrow(
    axis: Axes, a: tuple[float, float], b: tuple[float, float], colour: str, *, bend: float = 0.0, dashed: bool = False
) -> None:
    axis.add_patch(
        FancyArrowPatch(
            a,
            b,
            arrowstyle="-|>",
            mutation_scale=7,
            shrinkA=1,
            shrinkB=1,
            color=colour,
            linewidth=0.9,
            linestyle="--" if dashed else "-",
            connectionstyle=f"arc3,rad={bend}",
        )
    )
