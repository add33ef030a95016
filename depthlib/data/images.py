"""Reading photographs of all common formats, whole or at a smaller size, in bounded memory."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from depthlib.base.text import one_line
from depthlib.data.errors import DataError
from depthlib.data.files import read_bytes, require_size

MAX_PIXELS = 100_000_000
MIN_SIDE = 8
# A closed list: for some formats Pillow would start other programs (Ghostscript for EPS).
FORMATS = ("JPEG", "MPO", "PNG", "TIFF", "WEBP", "BMP", "DIB", "GIF", "PPM", "JPEG2000", "AVIF")
READABLE = "JPEG, PNG, TIFF, WebP, BMP, GIF, PPM, JPEG 2000"
RAW_SUFFIXES = (".dng", ".nef", ".cr2", ".cr3", ".arw", ".raf", ".orf", ".rw2")
BAND = 2**20  # pixels that are in memory in floating point at a time


def read_image(path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> Tensor:
    """Read a photograph as RGB; `size` (height, width) is checked where given.

    JPEG, PNG, TIFF, WebP, BMP, GIF, PPM, JPEG 2000 and, where Pillow has it, AVIF; of an animation or a multi-page file
    the first frame. The rotation in the EXIF data is applied. Grey becomes three equal channels, transparency is laid
    over white, CMYK is converted without its colour profile. 16-bit PNG and TIFF files keep their precision, except
    16-bit colour TIFF files whose compression tifffile cannot undo (LZW): those come with 8 bits. Floating-point files
    must lie in [0, 1].

    Returns:
        [3, H, W] float32 in [0, 1].

    Raises:
        DataError: see `read_bytes`; the file is damaged or cut off, not an image, over `MAX_PIXELS`, or under
            `MIN_SIDE` pixels a side; or another size.
    """
    path = Path(path)
    with _named(path):
        stored = _decode(read_bytes(path), path)
        require_size(path, stored.upright, size)
        image = torch.empty(3, stored.height, stored.width)
        for rows, band in stored.bands():
            image[:, rows] = band
        return _rotated(image, stored.orientation).contiguous()


def read_resized(
    path: str | os.PathLike[str], choose: Callable[[tuple[int, int]], tuple[int, int]]
) -> tuple[Tensor, tuple[int, int]]:
    """Read a photograph at a smaller size, without ever holding all of it in floating point.

    Args:
        choose: the size wanted for a photograph of a size, both (height, width).

    Returns:
        [3, h, w] float32 in [0, 1], resized as by `resize`, and the photograph's own (height, width).

    A JPEG of more than four times the size is reduced while it is decoded. Raises DataError as `read_image`.
    """
    path = Path(path)
    with _named(path):
        stored = _decode(read_bytes(path), path, choose)
        wanted = choose(stored.upright)
        height, width = wanted[::-1] if stored.turned else wanted
        narrow = torch.empty(1, 3, stored.height, width)
        for rows, band in stored.bands():  # the filter is separable: each row can be resized on its own
            narrow[:, :, rows] = resize(band[None], (band.shape[1], width))
        return _rotated(resize(narrow, (height, width))[0], stored.orientation).contiguous(), stored.upright


def resize(image: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, antialiased where it shrinks; [B, C, H, W] to [B, C, *size]. Corners of the picture stay corners."""
    return F.interpolate(image, size=tuple(size), mode="bilinear", align_corners=False, antialias=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what decoders raise into a DataError that names the file."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of no use where the file still decodes
            yield
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise DataError(f"{path}: found too many pixels, expected at most {MAX_PIXELS // 10**6} megapixels") from None
    except Image.UnidentifiedImageError:
        with path.open("rb") as file:
            head = file.read(12)
        heic = head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"avif")
        found = "HEIC or AVIF, export it as JPEG or PNG" if heic else "not an image that can be read"
        raise DataError(f"{path}: found {found}, expected {READABLE}") from None
    except Exception as error:  # decoders raise nearly every type on damaged input
        raise DataError(f"{path}: damaged or cut off ({one_line(error)})") from error


@dataclass(frozen=True)
class _Stored:
    """A decoded photograph as its file stores it.

    Attributes:
        height, width: of the pixels that `rows` gives; a JPEG may have been reduced.
        full: (height, width) in the file. orientation: EXIF's, 1 to 8.
        rows: (first, last + 1) -> [rows, width, 3] floats in [0, 1].
    """

    height: int
    width: int
    full: tuple[int, int]
    orientation: int
    rows: Callable[[int, int], np.ndarray]

    @property
    def turned(self) -> bool:
        return self.orientation in (5, 6, 7, 8)

    @property
    def upright(self) -> tuple[int, int]:
        return self.full[::-1] if self.turned else self.full

    def bands(self) -> Iterator[tuple[slice, Tensor]]:
        """Some rows after the other, and their pixels [3, rows, width] float32."""
        step = max(1, BAND // self.width)
        for top in range(0, self.height, step):
            rows = slice(top, min(top + step, self.height))
            pixels = np.asarray(self.rows(rows.start, rows.stop), dtype=np.float32)
            yield rows, torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _decode(data: bytes, path: Path, choose: Callable[[tuple[int, int]], tuple[int, int]] | None = None) -> _Stored:
    if path.suffix.lower() in RAW_SUFFIXES:  # they are TIFF files whose first page is a thumbnail
        raise DataError(f"{path}: raw camera files cannot be read; export it as TIFF, PNG or JPEG")
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") and (stored := _deep_tiff(data, path)) is not None:
        return stored
    with Image.open(io.BytesIO(data), formats=_formats()) as picture:
        _check_size(*picture.size, path)
        full = picture.size[::-1]
        if choose is not None and picture.format in ("JPEG", "MPO"):
            height, width = choose(full)
            picture.draft(None, (4 * width, 4 * height))
        picture.load()
        try:  # after loading, since Pillow turns TIFF files itself and then drops the entry
            orientation = int(picture.getexif().get(0x0112, 1))
        except Exception:  # damaged EXIF data with a valid image
            orientation = 1
        if data[:4] == b"\x89PNG" and data[24] == 16 and data[25] in (2, 4, 6):
            deep = decode_deep_png(data)
            return _Stored(*full, full, orientation, lambda top, end: _visible(deep[top:end] / np.float32(65535)))
        width, height = picture.size
        full = (height, width) if picture.format == "TIFF" else full  # turned
    return _Stored(
        height, width, full, orientation, lambda top, end: _from_pillow(picture.crop((0, top, width, end)), path)
    )


@cache
def _formats() -> list[str]:
    """Those of `FORMATS` that Pillow has here. `Image.init` would load forty modules for all formats there are."""
    Image.preinit()
    for plugin in ("Avif", "Jpeg2K", "Mpo", "Tiff", "WebP"):
        with suppress(ImportError):
            import_module(f"PIL.{plugin}ImagePlugin")
    return [name for name in FORMATS if name in Image.OPEN]


def _check_size(width: int, height: int, path: Path) -> None:
    if width * height > MAX_PIXELS:
        raise DataError(f"{path}: found {width} x {height} pixels, expected at most {MAX_PIXELS // 10**6} megapixels")
    if min(width, height) < MIN_SIDE:
        raise DataError(f"{path}: found {width} x {height} pixels, expected at least {MIN_SIDE} a side")


def _from_pillow(picture: Image.Image, path: Path) -> np.ndarray:
    if picture.mode.startswith("I"):  # I;16 and its byte orders, and I, which Pillow uses for 16-bit PGM
        return _visible(_unit_range(np.asarray(picture) / 65535.0, path))
    if picture.mode == "F":
        return _visible(_unit_range(np.asarray(picture), path))
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    return _visible(np.asarray(picture.convert(mode), dtype=np.float32) / 255)


def _visible(array: np.ndarray) -> np.ndarray:
    """[H, W, 3] of grey or colour, [H, W] or [H, W, 1 to 4]; transparency, the second or fourth channel, over white."""
    array = array.reshape(*array.shape[:2], -1)
    if array.shape[2] in (2, 4):
        array = array[..., :-1] * array[..., -1:] + (1 - array[..., -1:])
    return array if array.shape[2] == 3 else np.repeat(array, 3, axis=2)


def _unit_range(array: np.ndarray, path: Path) -> np.ndarray:
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):  # also refuses NaN
        raise DataError(f"{path}: found values from {low:g} to {high:g}, expected 0 to 1, or 0 to 65535 of integers")
    return array


def decode_deep_png(data: bytes) -> np.ndarray:
    """[H, W, C] uint16 of a PNG with 16-bit colour or alpha, which Pillow silently reduces to 8 bits."""
    from torchvision.io import ImageReadMode, decode_image

    raw = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    return decode_image(raw, mode=ImageReadMode.UNCHANGED).permute(1, 2, 0).numpy()


def _deep_tiff(data: bytes, path: Path) -> _Stored | None:
    """The first page of a TIFF with more than 8 bits a channel; None for what Pillow reads as well."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        if page.bitspersample <= 8 or page.photometric not in (0, 1, 2):
            return None
        size = (page.imagelength, page.imagewidth)
        _check_size(*size[::-1], path)
        try:
            array = page.asarray()
        except ValueError as error:
            if "imagecodecs" in str(error):
                return None
            raise
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            array = np.moveaxis(array, 0, -1)
        array = array.reshape(*size, page.samplesperpixel)
        alpha = page.extrasamples[0] if page.extrasamples else 0
        orientation = int(page.tags["Orientation"].value) if "Orientation" in page.tags else 1
        kind = page.photometric
    return _Stored(*size, size, orientation, lambda top, end: _from_tiff(array[top:end], kind, alpha, path))


def _from_tiff(array: np.ndarray, photometric: int, alpha: int, path: Path) -> np.ndarray:
    """Rows [h, W, C] of numbers as a TIFF stores them; `alpha` 1: premultiplied, 2: not, else none."""
    if array.dtype.kind == "u":
        array = array / np.float64(np.iinfo(array.dtype).max)
    array = _unit_range(array, path)
    colours = 3 if photometric == 2 else 1
    colour, extra = array[..., :colours], array[..., colours : colours + 1]
    if photometric == 0:
        colour = 1 - colour
    if alpha == 1:
        colour = np.clip(colour + (1 - extra), 0, 1)
    elif alpha == 2:
        colour = np.concatenate((colour, extra), axis=2)
    return _visible(colour)


def _rotated(image: Tensor, orientation: int) -> Tensor:
    """Undo the EXIF orientation of [C, H, W]: 2 to 4 mirror or turn by 180 degrees, 5 to 8 also swap the axes."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 2)
    if orientation in (2, 3, 6, 7):
        image = image.flip(2)
    if orientation in (3, 4, 7, 8):
        image = image.flip(1)
    return image
