"""A predicted depth map as two pictures of the photograph's size: 16-bit numbers, and colours with their scale
below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from depthlib.base.colour import colour_depth, scale_of
from depthlib.base.paths import atomic_write
from depthlib.data.depth_png import DepthCode
from depthlib.data.images import resize
from depthlib.models.meaning import Meaning
from depthlib.protocols.known_points import SAME, Fit

STRIP = 2**19  # pixels that are in memory in floating point at a time
NARROWEST = 200  # pixels that the scale needs for its words
TITLES = {
    "metre": ("depth (m)", " m"),
    "unscaled": ("depth, scale unknown", ""),
    "relative": ("relative depth, no unit", ""),
}


def write_maps(
    depth: Tensor, size: Sequence[int], colour: Path, depth16: Path, meaning: Meaning, fit: Fit = SAME
) -> float:
    """Write both pictures of a depth map [1, h, w] of the network's size at `size` (height, width), each pixel after
    `fit`.

    Returns the stored units per unit of depth. Raises ValueError for depths that do not fit into 16 bits.
    """
    code = DepthCode.fitting(float(fit(depth.min())), float(fit(depth.max())), meaning.unit)
    low, high = scale_of([fit(depth).numpy()])
    ends = (low, max(high, low + 1e-3 * abs(low)))  # a flat map is one colour: rounding is not drawn
    stored = np.empty(tuple(size), np.uint16)
    picture = Image.new("RGB", (max(size[1], NARROWEST), size[0] + bar_height(size[1])), "white")
    for columns, predicted in strips(depth, size):
        part = fit(predicted)
        stored[:, columns] = code.stored(part)
        colours = colour_depth(part, np.ones(part.shape, bool), *ends)
        picture.paste(Image.fromarray(colours), (columns.start, 0))
    code.write(depth16, stored)
    del stored
    draw_bar(picture, size[0], ends, meaning)
    with atomic_write(colour) as temporary:
        picture.save(temporary, format="PNG")
    return code.scale


def strips(depth: Tensor, size: Sequence[int]) -> Iterator[tuple[slice, np.ndarray]]:
    """`resize(depth, size)` [H, W] in strips of columns: the columns of each, and its depths.

    Bilinear interpolation is separable, so once the rows are wide enough each column can be made on its own.
    """
    wide = _widened(depth, size)
    step = max(1, STRIP // size[0])
    for left in range(0, size[1], step):
        columns = slice(left, min(left + step, size[1]))
        yield columns, _heightened(wide[..., columns], size)


def at_pixels(depth: Tensor, size: Sequence[int], pixels: Sequence[tuple[int, int]]) -> list[float]:
    """`resize(depth, size)` at pixels (x, y), without making the rest. Raises ValueError for one outside."""
    wide = _widened(depth, size)
    for x, y in pixels:
        if not (0 <= x < size[1] and 0 <= y < size[0]):
            raise ValueError(f"known: found the pixel {x},{y}, expected x below {size[1]} and y below {size[0]}")
    return [float(_heightened(wide[..., x : x + 1], size)[y, 0]) for x, y in pixels]


def _widened(depth: Tensor, size: Sequence[int]) -> Tensor:
    return resize(depth[None], (depth.shape[1], size[1]))


def _heightened(wide: Tensor, size: Sequence[int]) -> np.ndarray:
    columns = wide.shape[3]
    # with antialiasing, torch resizes a single column to a constant
    wide = wide.expand(-1, -1, -1, max(2, columns))
    return resize(wide, (size[0], wide.shape[3]))[0, 0, :, :columns].numpy()


def _letters(width: int) -> int:
    """Height of the scale's letters in pixels."""
    return min(max(width // 45, 10), 64)


def bar_height(width: int) -> int:
    return 3 * _letters(width)


def draw_bar(picture: Image.Image, top: int, ends: tuple[float, float], meaning: Meaning) -> None:
    """The colours from near to far below the map, the values at their ends, and what they are."""
    letters = _letters(picture.width)
    title, unit = TITLES[meaning.unit]
    margin = letters // 2
    ramp = np.linspace(0, 1, picture.width - 2 * margin)[None].repeat(letters, axis=0)
    picture.paste(Image.fromarray(colour_depth(ramp, np.ones(ramp.shape, bool), 0, 1)), (margin, top + margin))
    draw, font, below = ImageDraw.Draw(picture), ImageFont.load_default(letters), top + margin + letters
    near, far = (f"{word} {value:.3g}{unit}" for word, value in zip(("near", "far"), ends, strict=True))
    for text, x, anchor in ((near, margin, "la"), (far, picture.width - margin, "ra")):
        draw.text((x, below), text, "black", font, anchor)
    room = picture.width - 2 * margin - draw.textlength(near, font) - draw.textlength(far, font) - 2 * letters
    if draw.textlength(title, font) <= room:
        draw.text((picture.width // 2, below), title, "black", font, "ma")
