"""One look for all figures, and bytes that do not depend on the day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from cycler import cycler

DPI = 150
FULL_WIDTH = 7.2  # inches: the width of a column of text in a notebook
BLUE, GREY, ORANGE = "#0072B2", "#9A9A9A", "#E69F00"  # of diagrams
# all dark enough for text on white
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#332288", "#B07A00", "#2B9BD8")
MARKS = ("-", "-", "-", "--", "--", "--", ":")  # the first three differ in lightness and stand beside their names

RC = {
    "figure.dpi": 100,
    "savefig.dpi": DPI,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "figure.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    "axes.labelcolor": "#333333",
    "text.color": "#1a1a1a",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777777",
    "axes.linewidth": 0.7,
    "xtick.color": "#777777",
    "ytick.color": "#777777",
    "xtick.labelcolor": "#333333",
    "ytick.labelcolor": "#333333",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "legend.frameon": False,
    "axes.prop_cycle": cycler(color=LINES) + cycler(linestyle=MARKS),
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
    "svg.hashsalt": "depthlib",
}


@contextmanager
def style() -> Iterator[None]:
    """Figures made inside have the course's look; settings outside stay as they were."""
    with matplotlib.rc_context(RC):
        yield
