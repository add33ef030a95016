"""Figures as bytes that depend on nothing but the picture, and small enough to live inside a notebook."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from depthlib.report.style import DPI

JPEG_QUALITY = 65  # at 150 dots per inch, shown at 100, blocks are not seen; half the bytes of 85


def figure_image(figure: Figure) -> Image.Image:
    """The figure as an RGB image of 150 dots per inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return Image.open(buffer).convert("RGB")


def png(image: Image.Image) -> bytes:
    """Without date and software: the same picture gives the same bytes."""
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True, dpi=(DPI, DPI))
    return buffer.getvalue()


def for_notebook(image: Image.Image) -> tuple[str, bytes]:
    """MIME type and bytes of the smaller of two forms: a palette, good for lines, or JPEG, good for photographs."""
    buffer = io.BytesIO()
    image.save(buffer, format="jpeg", quality=JPEG_QUALITY, optimize=True, progressive=True, dpi=(DPI, DPI))
    return min(
        ("image/png", png(with_palette(image))), ("image/jpeg", buffer.getvalue()), key=lambda form: len(form[1])
    )


def with_palette(image: Image.Image) -> Image.Image:
    """The image in 256 colours, dithered: half the bytes or less and hardly a visible difference. White stays white."""
    chosen = image.quantize(256, method=Image.Quantize.MEDIANCUT)
    dithered = image.quantize(palette=chosen, dither=Image.Dither.FLOYDSTEINBERG)
    colours = np.array(dithered.getpalette(), dtype=np.uint8).reshape(-1, 3)
    colours[(colours >= 248).all(1)] = 255  # the palette holds means of colours: the paper would turn grey
    dithered.putpalette(colours.tobytes())
    return dithered
