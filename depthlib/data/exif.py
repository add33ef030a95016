"""What a camera wrote into a photograph about its lens."""

from __future__ import annotations

import os
import warnings

from PIL import Image

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")  # those that hold EXIF data
EXIF, EQUIVALENT = 0x8769, 0xA405  # the tags of the block of the picture, and of FocalLengthIn35mmFilm


def equivalent_focal_length(path: str | os.PathLike[str]) -> float | None:
    """FocalLengthIn35mmFilm in mm; None where the file has none, where it says 0 (unknown), or where its data are
    damaged.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as picture:
            length = float(picture.getexif().get_ifd(EXIF).get(EQUIVALENT, 0))
    except Exception:  # decoders raise nearly every type on damaged data; the image may still be good
        return None
    return length if 0 < length < float("inf") else None
