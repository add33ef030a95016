"""A grid of pictures laid out in inches: equal cells, small equal gaps, and exactly the room that titles and bars
need.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

GAP = 0.05
TITLE, NAME = 0.22, 0.22  # a line of text over a column, beside a row
BAR_RIGHT, BAR_BELOW = 0.70, 0.62  # a colour bar with ticks and label
BAR = 0.09  # its thickness
INSET = 0.15  # room for the half of the last tick's label that stands out


@dataclass(frozen=True)
class Grid:
    """Axes [rows, columns] of a figure and where they are; lengths in inches, the origin at the lower left."""

    figure: Figure
    axes: np.ndarray
    lefts: np.ndarray
    bottoms: np.ndarray
    cell: tuple[float, float]

    def place(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """New axes at a place in inches."""
        full_width, full_height = self.figure.get_size_inches()
        return self.figure.add_axes((left / full_width, bottom / full_height, width / full_width, height / full_height))

    def beside(self, first_row: int, last_row: int) -> Axes:
        """Axes for a vertical bar, right of the grid, as tall as these rows."""
        left = self.lefts[-1] + self.cell[0] + 0.1
        top, bottom = self.bottoms[first_row] + self.cell[1], self.bottoms[last_row]
        return self.place(left, bottom + GAP, BAR, top - bottom - 2 * GAP)

    def below(self, first_column: int, last_column: int, level: int) -> Axes:
        """Axes for a horizontal bar under these columns; levels count downwards from 0."""
        bottom = self.bottoms[-1] - 0.1 - BAR - level * BAR_BELOW
        left = self.lefts[first_column] + INSET
        return self.place(left, bottom, self.lefts[last_column] + self.cell[0] - INSET - left, BAR)


def picture_grid(
    rows: int,
    columns: int,
    aspect: float,
    width: float,
    *,
    titles: bool,
    names: bool = False,
    row_gap: float = GAP,
    right: float = 0.0,
    below: float = 0.0,
) -> Grid:
    """Empty axes for pictures of the given height over width, in a figure of the given width in inches.

    `right` and `below` are kept free for colour bars or a legend.
    """
    from matplotlib import pyplot

    left, top = (NAME if names else 0.03), (TITLE if titles else 0.03)
    cell_width = (width - left - max(right, 0.03) - GAP * (columns - 1)) / columns
    cell = (cell_width, cell_width * aspect)
    height = top + rows * cell[1] + (rows - 1) * row_gap + max(below, 0.06)
    figure = pyplot.figure(figsize=(width, height), layout="none")
    lefts = left + np.arange(columns) * (cell[0] + GAP)
    bottoms = height - top - cell[1] - np.arange(rows) * (cell[1] + row_gap)
    grid = Grid(figure, np.empty((rows, columns), dtype=object), lefts, bottoms, cell)
    for r, c in np.ndindex(rows, columns):
        grid.axes[r, c] = axis = grid.place(lefts[c], bottoms[r], *cell)
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        axis.spines[:].set_visible(False)
    return grid
