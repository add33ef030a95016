"""Pictures inside a page: small, the same bytes every time, and all of them together below a limit."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from depthlib.report.png import DPI

SCREEN_DPI = 100  # a figure of 7.2 inches is 720 CSS pixels wide
QUALITIES = (68, 54, 40, 25)  # of WebP, tried in turn until all pictures fit
FEW_COLOURS = 4096  # lines and text: kept without loss where that costs little


@dataclass(frozen=True)
class Picture:
    """A picture as it stands in the page: a data URI, and its size in CSS pixels."""

    uri: str
    width: int
    height: int


def read_picture(path: Path) -> Image.Image:
    """The picture as RGB, on white where it is transparent.

    Raises ValueError that names the file when it cannot be read.
    """
    try:
        with Image.open(path) as image:
            whole = image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name}: found no readable picture, expected PNG") from error
    paper = Image.new("RGBA", whole.size, "white")
    return Image.alpha_composite(paper, whole).convert("RGB")


def embed(images: Mapping[str, Image.Image], limit: int) -> dict[str, Picture]:
    """All pictures as data URIs.

    They have the best quality at which they need at most `limit` characters together, or the lowest.
    """
    for quality in QUALITIES:
        found = {name: _picture(image, quality) for name, image in images.items()}
        if sum(len(picture.uri) for picture in found.values()) <= limit:
            break
    return found


def _picture(image: Image.Image, quality: int) -> Picture:
    content = _webp(image, quality=quality, method=2)
    if image.getcolors(FEW_COLOURS) and len(exact := _webp(image, lossless=True, quality=60, method=1)) <= 1.5 * len(
        content
    ):
        content = exact
    width, height = (round(side * SCREEN_DPI / DPI) for side in image.size)
    return Picture(f"data:image/webp;base64,{base64.b64encode(content).decode()}", width, height)


def _webp(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="webp", **options)
    return buffer.getvalue()
