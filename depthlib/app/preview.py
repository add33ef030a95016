"""A contact sheet of a data set: image, depth, mask and histogram, with a line of statistics that reveals a wrong unit.

The axis of the histograms is the same for all data sets, 0.1 m to 1 km: millimetres read as metres lie beyond its right
end, metres read as millimetres beyond its left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from depthlib.data.errors import DataError
from depthlib.data.manifest import Generated, Manifest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch.utils.data import Dataset

AXIS = (0.1, 1000.0)  # metres
PLAUSIBLE = (0.3, 120.0)  # range of the median depth of photographs of rooms and streets, metres
# Stored units per metre that data sets use, likely ones first.
UNITS = {
    1000.0: "millimetres",
    256.0: "1/256 m",
    5000.0: "1/5000 m",
    100.0: "centimetres",
    10000.0: "1/10000 m",
    1 / 1000: "metres divided by 1000",
    1 / 256: "metres divided by 256",
}
ROOM = 0.30  # inches between rows, for the line of statistics
ODD = "<<"  # marks implausible statistics


def statistics(sample: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of a sample's depth in metres: share of valid pixels, 1st, 50th and 99th percentile, smallest, largest.

    Only valid pixels count. All but the share are NaN if no pixel is valid.

    Raises:
        DataError: the sample has no depth and mask, or they differ in size.
    """
    name = sample.get("name", "sample")
    if "depth" not in sample or "valid" not in sample:
        raise DataError(f"{name}: found {', '.join(sample)}, expected depth and valid among them")
    depth = np.asarray(sample["depth"], dtype=np.float64).squeeze()
    valid = np.asarray(sample["valid"], dtype=bool).squeeze()
    if depth.shape != valid.shape:
        raise DataError(f"{name}: found depth {depth.shape} and valid {valid.shape}, expected one size")
    values = depth[valid]
    found = [*np.percentile(values, [1, 50, 99]), values.min(), values.max()] if values.size else [np.nan] * 5
    return dict(zip(("valid", "p1", "median", "p99", "min", "max"), map(float, [valid.mean(), *found]), strict=True))


def suspicion(numbers: Mapping[str, float], plausible: tuple[float, float] = PLAUSIBLE) -> str | None:
    """A fault of a depth map, in a few words; None if there is none.

    Args:
        numbers: from `statistics`.
        plausible: smallest and largest median depth, metres.
    """
    if numbers["valid"] == 0:
        return "no valid pixel"
    if not np.isfinite([numbers[key] for key in ("median", "min", "max")]).all():
        return "valid pixels without a finite depth"
    if numbers["min"] <= 0:
        return "valid pixels at or behind the camera"
    median = numbers["median"]
    if plausible[0] <= median <= plausible[1]:
        return None
    fitting = [name for factor, name in UNITS.items() if plausible[0] <= median / factor <= plausible[1]]
    return f"median {median:.4g} m" + (f": {' or '.join(fitting[:3])}?" if fitting else " is not plausible")


def line(sample: Mapping[str, Any], plausible: tuple[float, float] = PLAUSIBLE) -> str:
    """One line on a sample: name, size, share of valid pixels, depths, focal length, and faults."""
    height, width = sample["image"].shape[-2:]
    words = [str(sample.get("name", "")), f"{width} x {height}"]
    if "depth" in sample:
        numbers = statistics(sample)
        depths = " | ".join(f"{numbers[key]:.3g}" for key in ("p1", "median", "p99"))
        words += [f"valid {100 * numbers['valid']:.1f} %", f"depth {depths} m (1 %, median, 99 %)"]
        odd = suspicion(numbers, plausible)
    else:
        words.append(f"no depth; has {', '.join(key for key in sample if key not in ('image', 'name'))}")
        odd = None
    if "K" in sample and not odd:  # no space left in the line
        focal = float(sample["K"][0, 0])
        words.append(f"f {focal:.0f} px ({np.degrees(2 * np.arctan(width / (2 * focal))):.0f}° wide)")
    brightness = float(sample["image"].mean())
    if brightness < 1 / 128:
        odd = " and ".join(filter(None, [odd, "image nearly black: divided by 255 twice?"]))
    return "   ".join(words) + (f"   {ODD} {odd}" if odd else "")


def contact_sheet(
    samples: Sequence[Mapping[str, Any]], *, plausible: tuple[float, float] = PLAUSIBLE, width: float = 9.0
) -> Figure:
    """A row for each sample: image, depth, mask (hatched if there is none), histogram; above it the line of statistics.

    All depth maps have one colour scale, that of their plausible depths; all histograms the axis `AXIS`.

    Args:
        samples: items of a dataset; sizes may differ.
        width: inches.

    Raises:
        ValueError: no sample.
    """
    from depthlib.base.colour import as_image, colour_depth, hatch, scale_of
    from depthlib.report.figures import DEPTH, colour_bar
    from depthlib.report.grid import BAR_BELOW, picture_grid
    from depthlib.report.style import style

    if not len(samples):
        raise ValueError("samples: found none, expected at least one")
    maps = [_depth_of(sample) for sample in samples]
    known = np.concatenate([values[mask] for values, mask in filter(None, maps)] or [np.empty(0)])
    # a wrong unit must not affect the colours of the others
    sane = known[(known >= plausible[0]) & (known <= plausible[1])]
    ends = scale_of([sane]) if sane.size else plausible
    aspect = max(sample["image"].shape[-2] / sample["image"].shape[-1] for sample in samples)
    with style():
        room = {"row_gap": ROOM, "right": 0.2, "below": BAR_BELOW}
        grid = picture_grid(len(samples), 4, max(aspect, 0.3), width, titles=True, **room)
        for row, (sample, depth) in enumerate(zip(samples, maps, strict=True)):
            axes = grid.axes[row]
            pictures = [as_image(sample["image"])]
            if depth is not None:
                values, mask = depth
                pictures += [
                    colour_depth(np.where(mask, values, 0), mask, *ends, DEPTH.cmap),
                    np.where(mask[..., None], np.uint8(255), hatch(mask.shape)),
                ]
                _histogram(axes[3], values[mask], plausible, last=row == len(samples) - 1)
            for axis, picture in zip(axes, pictures, strict=False):
                axis.imshow(picture)
            told = line(sample, plausible)
            axes[0].annotate(
                told,
                (0, 1),
                (0, 4),
                xycoords="axes fraction",
                textcoords="offset points",
                fontsize=7.5,
                color="#B00020" if ODD in told else "#1a1a1a",
                annotation_clip=False,
            )
        if any(maps):
            colour_bar(grid.figure, grid.below(1, 1, 0), DEPTH, ends, orientation="horizontal")
    return grid.figure


def _depth_of(sample: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
    if "depth" not in sample:
        return None
    depth = np.asarray(sample["depth"], dtype=np.float64).squeeze()
    return depth, np.asarray(sample["valid"], dtype=bool).squeeze() & np.isfinite(depth)


def _histogram(axis: Axes, values: np.ndarray, plausible: tuple[float, float], last: bool) -> None:
    """Shares of the valid pixels over the logarithm of depth; values beyond the axis are counted in its end bins."""
    from depthlib.report.style import LINES

    edges = np.geomspace(*AXIS, 49)
    inside = np.clip(values, edges[0], np.nextafter(edges[-1], 0))
    counts, _ = np.histogram(inside, edges)
    axis.axvspan(*plausible, color="#eef4ee", linewidth=0)
    axis.stairs(counts / max(counts.sum(), 1), edges, fill=True, color=LINES[0])
    axis.set(xscale="log", xlim=AXIS, yticks=[], ylim=(0, None))
    axis.spines["bottom"].set_visible(True)
    axis.set_xticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1000"] if last else [])
    axis.minorticks_off()
    if last:
        axis.set_xlabel("depth (m); shaded: plausible", fontsize=7.5)


def plausible_range(manifest: Manifest | Generated) -> tuple[float, float]:
    """The plausible depths along z in a manifest (of all such encodings), else `PLAUSIBLE`."""
    if isinstance(manifest, Generated):
        return PLAUSIBLE
    encodings = [manifest.encodings[kind.encoding] for kind in manifest.layout.values() if kind.encoding]
    metric = [item for item in encodings if item.unit == "metre" and item.along == "z"]
    ranges = [item.range for item in metric if item.range and item.range[0] > 0]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else PLAUSIBLE


def spread(dataset: Dataset, count: int) -> list[Mapping[str, Any]]:
    """`count` items, evenly spread over the dataset."""
    length = len(dataset)  # type: ignore[arg-type]
    return [dataset[int(position)] for position in np.linspace(0, length - 1, min(count, length)).round()]
