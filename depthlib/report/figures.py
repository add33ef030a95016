"""Figures of a lesson: grids of images and depth maps, and maps of classes.

All return a matplotlib figure and show nothing; `Report.figure` saves and displays it. Whatever is compared has ONE
colour scale, drawn once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from depthlib.base.colour import (
    INVALID_DARK,
    INVALID_LIGHT,
    PALETTE,
    as_image,
    as_map,
    colour_classes,
    colour_depth,
    scale_of,
)
from depthlib.report.grid import BAR_BELOW, BAR_RIGHT, GAP, TITLE, Grid, picture_grid
from depthlib.report.style import FULL_WIDTH, style

LEGEND_ROW = 0.19  # inches


@dataclass(frozen=True)
class Map:
    """A scalar map in a grid of panels.

    Attributes:
        values: [H,W] (leading ones allowed), NumPy or torch.
        valid: bool, same size; by default what is finite and, for depth, above 0.
        scale: name of the colour scale. Maps of one name share ends and colour bar: "depth", "error", ...
    """

    values: ArrayLike
    valid: ArrayLike | None = None
    scale: str = "depth"

    def mask(self) -> np.ndarray:
        values = as_map(self.values, self.scale)
        if self.valid is not None:
            return as_map(self.valid, "valid").astype(bool)
        return np.isfinite(values) & ((values > 0) | (self.scale != "depth"))

    def valid_values(self) -> np.ndarray:
        return as_map(self.values, self.scale)[self.mask()]


@dataclass(frozen=True)
class ColourScale:
    """A colour scale: what its bar says, its colour map and its ends.

    An end that is None is the 2nd or 98th percentile of all maps of that scale.
    """

    label: str
    cmap: str = "viridis"
    vmin: float | None = None
    vmax: float | None = None


DEPTH = ColourScale("depth (m)", "viridis")
ERROR = ColourScale("absolute error (m)", "magma", vmin=0.0)


def panels(
    rows: Sequence[Sequence[Map | ArrayLike | None]],
    titles: Sequence[str] = (),
    *,
    names: Sequence[str] = (),
    scales: Mapping[str, ColourScale] | None = None,
    width: float = FULL_WIDTH,
) -> Figure:
    """A grid of pictures of one size: RGB images as they are, `Map`s in colour, None for an empty place.

    Args:
        rows: rows of equal length.
        titles: one over each column.
        names: one beside each row.
        scales: look of the colour scales by name; "depth" and "error" are known.
        width: of the figure in inches; the height follows from the pictures.

    Raises:
        ValueError: rows of different lengths, a wrong number of titles or names, or a map whose scale is unknown.
    """
    columns = _check_grid(rows, titles, names)
    looks = {"depth": DEPTH, "error": ERROR, **(scales or {})}
    maps: dict[str, list[tuple[int, int, Map]]] = {}
    for r, c in np.ndindex(len(rows), columns):
        if isinstance(item := rows[r][c], Map):
            maps.setdefault(item.scale, []).append((r, c, item))
    if unknown := [name for name in maps if name not in looks]:
        raise ValueError(f"scales: found no look for {', '.join(unknown)}, expected it among {', '.join(looks)}")
    ends = {
        name: scale_of([item.valid_values() for _, _, item in own], looks[name].vmin, looks[name].vmax)
        for name, own in maps.items()
    }
    levels = _levels(maps)
    with style():
        grid = picture_grid(
            len(rows),
            columns,
            _aspect(rows),
            width,
            titles=bool(len(titles)),
            names=bool(len(names)),
            right=BAR_RIGHT if maps and levels is None else 0,
            below=BAR_BELOW * (1 + max(levels.values())) if levels else 0,
        )
        for r, c in np.ndindex(len(rows), columns):
            if isinstance(item := rows[r][c], Map):
                item = colour_depth(item.values, item.mask(), *ends[item.scale], looks[item.scale].cmap)
            _draw(grid.axes[r, c], item)
        _head(grid, titles, names)
        for name, own in maps.items():
            _bar(grid, own, looks[name], ends[name], None if levels is None else levels[name])
    return grid.figure


def show_images(
    images: Sequence[ArrayLike], titles: Sequence[str] = (), *, columns: int = 4, width: float = FULL_WIDTH
) -> Figure:
    """RGB images [3,H,W] in [0,1] (or [H,W,3]) of one size in a grid, row by row, a title over each.

    Raises:
        ValueError: no image, or a wrong number of titles.
    """
    if not len(images) or len(titles) not in (0, len(images)):
        raise ValueError(
            f"images, titles: found {len(images)} and {len(titles)}, "
            "expected at least one image, and a title each or none"
        )
    columns = min(columns, len(images))
    with style():
        rows, gap = -(-len(images) // columns), TITLE if len(titles) else GAP
        grid = picture_grid(rows, columns, _aspect([images]), width, titles=bool(len(titles)), row_gap=gap)
        for axis, image, title in zip_longest(grid.axes.flat, images, titles):
            _draw(axis, image)
            axis.set_title(title or "")
    return grid.figure


def class_maps(
    rows: Sequence[Sequence[ArrayLike | None]],
    classes: Sequence[str],
    titles: Sequence[str] = (),
    *,
    names: Sequence[str] = (),
    ignore: int | None = None,
    width: float = FULL_WIDTH,
) -> Figure:
    """A grid of maps of class ids [H,W] (integers) and RGB images, with a legend of the classes that occur.

    Args:
        rows, titles, names, width: as in `panels`; a picture with one channel holds class ids.
        classes: names of ids 0, 1, ..., at most 14.
        ignore: the id of pixels without a label.
    """
    columns = _check_grid(rows, titles, names)
    ids = [as_map(item, "labels") for row in rows for item in row if item is not None and not _is_rgb(item)]
    present = {int(value) for values in ids for value in np.unique(values)}
    shown = sorted(i for i in present - {ignore} if 0 <= i < min(len(classes), len(PALETTE)))  # others raise below
    handles = [Patch(facecolor=PALETTE[i], label=classes[i]) for i in shown]
    if ignore in present:
        light, dark = (f"#{v:02x}{v:02x}{v:02x}" for v in (INVALID_LIGHT, INVALID_DARK))
        handles.append(Patch(facecolor=light, edgecolor=dark, hatch="//////", linewidth=0, label="no label"))
    widest = 0.42 + 0.068 * max((len(handle.get_label()) for handle in handles), default=0)  # inches, generously
    lines = -(-len(handles) // max(1, min(7, int(width / widest))))
    with style():
        grid = picture_grid(
            len(rows),
            columns,
            _aspect(rows),
            width,
            titles=bool(len(titles)),
            names=bool(len(names)),
            below=0.12 + LEGEND_ROW * lines,
        )
        for r, c in np.ndindex(len(rows), columns):
            item = rows[r][c]
            is_ids = item is not None and not _is_rgb(item)
            _draw(grid.axes[r, c], colour_classes(item, len(classes), ignore) if is_ids else item)
        _head(grid, titles, names)
        grid.figure.legend(
            handles=handles,
            loc="lower center",
            ncols=-(-len(handles) // lines) if lines else 1,
            handlelength=1.1,
            handleheight=1.1,
            borderaxespad=0.1,
            columnspacing=1.6,
        )
    return grid.figure


def _check_grid(rows: Sequence[Sequence], titles: Sequence[str], names: Sequence[str]) -> int:
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"rows: found {[len(row) for row in rows]} pictures a row, expected one number, not 0")
    for what, found, expected in (("titles", len(titles), min(lengths)), ("names", len(names), len(rows))):
        if found not in (0, expected):
            raise ValueError(f"{what}: found {found}, expected {expected} or none")
    return min(lengths)


def _levels(maps: Mapping[str, list[tuple[int, int, Map]]]) -> dict[str, int] | None:
    """Where colour bars go: None if beside the rows, else the level of each below the grid.

    Beside, if each row has one scale and each scale has two rows, so that the label of its bar has room.
    """
    rows = [{r for r, _, _ in own} for own in maps.values()]
    if sum(map(len, rows)) == len(set().union(*rows)) and all(len(own) > 1 for own in rows):
        return None
    taken: list[set[int]] = []
    levels = {}
    for name, own in maps.items():
        columns = {c for _, c, _ in own}
        span = set(range(min(columns), max(columns) + 1))
        level = next((i for i, used in enumerate(taken) if not used & span), len(taken))
        taken[level:] = [taken[level] | span, *taken[level + 1 :]] if level < len(taken) else [span]
        levels[name] = level
    return levels


def _aspect(rows: Sequence[Sequence]) -> float:
    """Height over width of the first picture."""
    first = next((item for row in rows for item in row if item is not None), None)
    if first is None:
        raise ValueError("rows: found no picture, expected at least one")
    values = first.values if isinstance(first, Map) else first
    height, width = as_image(values).shape[:2] if _is_rgb(values) else as_map(values, "values").shape
    return height / width


def _is_rgb(item: ArrayLike) -> bool:
    shape = tuple(item.shape)
    return len(shape) >= 3 and (shape[-3] == 3 or shape[-1] == 3)


def _draw(axis: Axes, picture: ArrayLike | None) -> None:
    if picture is not None:
        axis.imshow(as_image(picture), aspect="auto")
        axis.spines[:].set(visible=True, linewidth=0.5, color="#999999")


def _head(grid: Grid, titles: Sequence[str], names: Sequence[str]) -> None:
    for axis, title in zip(grid.axes[0], titles, strict=False):
        axis.set_title(title)
    for axis, name in zip(grid.axes[:, 0], names, strict=False):
        axis.set_ylabel(name)


def _bar(
    grid: Grid, own: list[tuple[int, int, Map]], look: ColourScale, ends: tuple[float, float], level: int | None
) -> None:
    """One bar a scale, with a pointed end where values lie beyond it."""
    rows, columns = [r for r, _, _ in own], [c for _, c, _ in own]
    axis = grid.beside(min(rows), max(rows)) if level is None else grid.below(min(columns), max(columns), level)
    values = np.concatenate([item.valid_values() for _, _, item in own])
    under, over = bool((values < ends[0]).any()), bool((values > ends[1]).any())
    colour_bar(
        grid.figure,
        axis,
        look,
        ends,
        orientation="vertical" if level is None else "horizontal",
        extend=("neither", "min", "max", "both")[under + 2 * over],
        extendfrac=0.03,
    )


def colour_bar(figure: Figure, axis: Axes, look: ColourScale, ends: tuple[float, float], **options: Any) -> None:
    """The bar of a colour scale, drawn into `axis`; `options` are those of `Figure.colorbar`."""
    bar = figure.colorbar(ScalarMappable(Normalize(*ends), look.cmap), cax=axis, **options)
    bar.set_label(look.label)
    bar.outline.set_visible(False)
