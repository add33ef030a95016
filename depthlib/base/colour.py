"""Numbers to colours: depth, errors and classes as RGB images that colour-blind people can read.

Only perceptually even maps of one direction (viridis, cividis, magma, inferno) are meant here, and no red against
green. Invalid pixels are a grey hatch, a colour that none of these maps has, so that "no value" never looks like "near"
or "far".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import ArrayLike, NDArray

# Fourteen classes. The first six are Okabe and Ito's; each other one was picked to lie as far as possible (CIEDE2000)
# from all before it, from white and from the grey of invalid pixels, as seen with normal, deutan, protan and tritan
# sight.
PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#461717",
    "#170074",
    "#5D5D5D",
    "#A21700",
    "#A2FFA2",
    "#2E465D",
    "#2E17D1",
    "#FFE800",
)
INVALID_LIGHT, INVALID_DARK = 214, 176
HATCH_PERIOD = 6  # pixels


def colour_depth(
    depth: ArrayLike,
    valid: ArrayLike | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str = "viridis",
) -> NDArray[np.uint8]:
    """A map [H,W] (or [1,H,W], [1,1,H,W]; NumPy or torch) as an RGB image [H,W,3] of uint8.

    Args:
        depth: any scalar per pixel, depth in metres for one.
        valid: bool, same size; by default what is finite and above 0. Others are drawn as a grey hatch.
        vmin, vmax: ends of the colour scale; by default the 2nd and 98th percentile of the valid values. Two maps that
            are to be compared need the same ends.
        cmap: name of a matplotlib colour map.

    Raises:
        ValueError: not one map, another size of `valid`, or vmin above vmax.
    """
    values = as_map(depth, "depth")
    mask = np.isfinite(values) & (values > 0) if valid is None else as_map(valid, "valid").astype(bool)
    if mask.shape != values.shape:
        raise ValueError(f"valid: found size {mask.shape}, expected that of depth, {values.shape}")
    low, high = scale_of([values[mask]], vmin, vmax)
    unit = np.clip((np.where(mask, values, low) - low) / max(high - low, np.finfo(np.float64).tiny), 0, 1)
    colours = (colormaps[cmap](unit)[..., :3] * 255).round().astype(np.uint8)
    return np.where(mask[..., None], colours, hatch(values.shape))


def colour_classes(labels: ArrayLike, count: int, ignore: int | None = None) -> NDArray[np.uint8]:
    """Class ids [H,W] (integers, 0 .. count-1) as an RGB image [H,W,3] of uint8; `ignore` is drawn as a grey hatch.

    Raises:
        ValueError: more than 14 classes, or an id outside 0 .. count-1 that is not `ignore`.
    """
    if not 1 <= count <= len(PALETTE):
        raise ValueError(f"count: found {count} classes, expected 1 to {len(PALETTE)}")
    ids = as_map(labels, "labels").astype(np.int64)
    known = ids != ignore if ignore is not None else np.ones_like(ids, dtype=bool)
    if (wrong := np.unique(ids[known & ((ids < 0) | (ids >= count))])).size:
        raise ValueError(f"labels: found class {wrong.tolist()}, expected 0 to {count - 1}")
    colours = np.array([rgb(name) for name in PALETTE], dtype=np.uint8)
    return np.where(known[..., None], colours[np.where(known, ids, 0)], hatch(ids.shape))


def scale_of(maps: list[NDArray[Any]], vmin: float | None = None, vmax: float | None = None) -> tuple[float, float]:
    """Ends of one colour scale for several lists of values.

    Given ends, else the 2nd and 98th percentile of all together.
    """
    values = np.concatenate([np.ravel(part) for part in maps]) if maps else np.empty(0)
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, [2, 98]) if values.size else (0.0, 1.0)
    low, high = (float(low) if vmin is None else float(vmin)), (float(high) if vmax is None else float(vmax))
    if low > high:
        raise ValueError(f"vmin, vmax: found {low:g} above {high:g}, expected vmin <= vmax")
    return low, high


def hatch(size: tuple[int, int]) -> NDArray[np.uint8]:
    """Diagonal grey stripes [H,W,3]."""
    rows, columns = np.indices(size)
    stripe = (rows + columns) % HATCH_PERIOD < HATCH_PERIOD // 2
    return np.repeat(np.where(stripe, INVALID_LIGHT, INVALID_DARK)[..., None], 3, axis=-1).astype(np.uint8)


def rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def as_map(values: ArrayLike, name: str) -> NDArray[Any]:
    """One map [H,W] out of [H,W], [1,H,W] or [1,1,H,W]; tensors are brought to the CPU first."""
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2:
        raise ValueError(f"{name}: found shape {tuple(array.shape)}, expected one map [H,W], [1,H,W] or [1,1,H,W]")
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def as_image(values: ArrayLike, name: str = "image") -> NDArray[Any]:
    """One RGB image [H,W,3] of floats in [0,1] out of [3,H,W], [1,3,H,W] in [0,1], or [H,W,3] of uint8 or floats."""
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[-1] != 3:
        array = np.moveaxis(array, 0, -1)
    if array.ndim != 3 or array.shape[-1] != 3:
        raise ValueError(f"{name}: found shape {tuple(array.shape)}, expected an RGB image [3,H,W] or [H,W,3]")
    return array / 255.0 if array.dtype == np.uint8 else np.clip(array.astype(np.float64), 0, 1)
