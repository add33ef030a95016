"""Drawings of networks."""

from __future__ import annotations

from collections.abc import Collection

from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from depthlib.report.style import FULL_WIDTH, style

Point = tuple[float, float]
BLUE, GREY, ORANGE = "#0072B2", "#9A9A9A", "#E69F00"


def nested_unet_diagram(attended: Collection[str], levels: int = 5) -> Figure:
    """The nodes "ij" of a U-Net++ (level i, j-th column) and their connections; nodes named in `attended` are filled.

    Before the output stands a box for the non-local block.
    """
    from matplotlib import pyplot

    place = {f"{i}{j}": (2.0 * j + i, -1.15 * i) for i in range(levels) for j in range(levels - i)}
    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, 4.1))
        axis.set(xlim=(-1.9, 12.4), ylim=(-1.15 * (levels - 1) - 0.6, 2.1), aspect="equal")
        axis.axis("off")

        def arrow(a: Point, b: Point, colour: str, bend: float = 0.0, line: str = "-") -> None:
            axis.add_patch(
                FancyArrowPatch(
                    a,
                    b,
                    arrowstyle="-|>",
                    mutation_scale=8,
                    shrinkA=9,
                    shrinkB=9,
                    color=colour,
                    linewidth=1,
                    linestyle=line,
                    connectionstyle=f"arc3,rad={bend}",
                    zorder=1,
                )
            )

        for name, here in place.items():
            i, j = int(name[0]), int(name[1])
            if j == 0 and i:
                arrow(place[f"{i - 1}0"], here, GREY)
            if j:
                arrow(place[f"{i + 1}{j - 1}"], here, BLUE)
                for earlier in range(j):
                    arrow(place[f"{i}{earlier}"], here, GREY, bend=-0.13 * (j - earlier - 1), line="--")
            fill = ORANGE if name in attended else "white"
            axis.add_patch(Circle(here, 0.33, facecolor=fill, edgecolor="#333333", linewidth=1, zorder=2))
            axis.text(*here, name, ha="center", va="center", fontsize=7, zorder=3)
        last = place[f"0{levels - 1}"]
        for x, text in ((last[0] + 1.35, "PSNL"), (last[0] + 2.9, "1 x 1")):
            box = {"boxstyle": "round,pad=0.03", "facecolor": "white", "edgecolor": "#333333", "zorder": 2}
            axis.add_patch(FancyBboxPatch((x - 0.5, -0.28), 1.0, 0.56, **box))
            axis.text(x, 0, text, ha="center", va="center", fontsize=7, zorder=3)
        arrow(last, (last[0] + 0.98, 0), GREY)
        arrow((last[0] + 1.75, 0), (last[0] + 2.5, 0), GREY)
        axis.text(-0.6, 0, "image", ha="right", va="center", fontsize=8)
        axis.text(last[0] + 3.6, 0, "depth", va="center", fontsize=8)
        keys = ((ORANGE, "with AWCA"), (BLUE, "2 x up"), (GREY, "2 x down; dashed: joined as it is"))
        for row, (colour, text) in enumerate(keys):
            y = -1.15 * (levels - 1) + 0.45 * (len(keys) - 1 - row)
            axis.add_patch(Circle((7.2, y), 0.13, facecolor=colour, edgecolor="none"))
            axis.text(7.5, y, text, va="center", fontsize=8)
    return figure
