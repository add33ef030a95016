"""Reading photographs of all common formats, and reading and writing depth as 16-bit PNG."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from depthlib.base.paths import atomic_write
from depthlib.base.text import one_line
from depthlib.data.errors import DataError
from depthlib.data.files import read_bytes, require_size

MAX_PIXELS = 100_000_000
MIN_SIDE = 8
# A closed list: for some formats Pillow would start other programs (Ghostscript for EPS).
FORMATS = ("JPEG", "MPO", "PNG", "TIFF", "WEBP", "BMP", "DIB", "GIF", "PPM", "JPEG2000", "AVIF")
READABLE = "JPEG, PNG, TIFF, WebP, BMP, GIF, PPM, JPEG 2000"
RAW_SUFFIXES = (".dng", ".nef", ".cr2", ".cr3", ".arw", ".raf", ".orf", ".rw2")
# Units per metre: millimetres reach 65.5 m, KITTI's 1/256 m reach 256 m.
DEPTH_SCALES = (1000.0, 256.0)


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
    data = read_bytes(path)
    try:
        with warnings.catch_warnings(action="ignore"):      # of no use where the file still decodes
            array = _decode(data, path)
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise DataError(f"{path}: found too many pixels, expected at most {MAX_PIXELS // 10**6} megapixels") from None
    except Image.UnidentifiedImageError:
        heic = data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"avif")
        found = "HEIC or AVIF, export it as JPEG or PNG" if heic else "not an image that can be read"
        raise DataError(f"{path}: found {found}, expected {READABLE}") from None
    except Exception as error:      # decoders raise nearly every type on damaged input
        raise DataError(f"{path}: damaged or cut off ({one_line(error)})") from error
    require_size(path, array.shape[:2], size)
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1), dtype=np.float32))


def _decode(data: bytes, path: Path) -> np.ndarray:
    """[H, W, 3] float in [0, 1]."""
    if path.suffix.lower() in RAW_SUFFIXES:         # they are TIFF files whose first page is a thumbnail
        raise DataError(f"{path}: raw camera files cannot be read; export it as TIFF, PNG or JPEG")
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") and (array := _deep_tiff(data, path)) is not None:
        return array
    Image.init()
    with Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name in Image.OPEN]) as picture:
        _check_size(*picture.size, path)
        picture.load()
        if data[:4] == b"\x89PNG" and data[24] == 16 and data[25] in (2, 4, 6):
            array = _visible(decode_deep_png(data) / np.float32(65535))
        else:
            array = _from_pillow(picture, path)
        try:                # after loading, since Pillow turns TIFF files itself and then drops the entry
            orientation = int(picture.getexif().get(0x0112, 1))
        except Exception:   # damaged EXIF data with a valid image
            orientation = 1
        return _rotated(array, orientation)


def _check_size(width: int, height: int, path: Path) -> None:
    if width * height > MAX_PIXELS:
        raise DataError(f"{path}: found {width} x {height} pixels, expected at most {MAX_PIXELS // 10**6} megapixels")
    if min(width, height) < MIN_SIDE:
        raise DataError(f"{path}: found {width} x {height} pixels, expected at least {MIN_SIDE} a side")


def _from_pillow(picture: Image.Image, path: Path) -> np.ndarray:
    if picture.mode.startswith("I"):                # I;16 and its byte orders, and I, which Pillow uses for 16-bit PGM
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
    if not (low >= 0 and high <= 1):                # also refuses NaN
        raise DataError(f"{path}: found values from {low:g} to {high:g}, expected 0 to 1, or 0 to 65535 of integers")
    return array


def decode_deep_png(data: bytes) -> np.ndarray:
    """[H, W, C] uint16 of a PNG with 16-bit colour or alpha, which Pillow silently reduces to 8 bits."""
    from torchvision.io import ImageReadMode, decode_image

    raw = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    return decode_image(raw, mode=ImageReadMode.UNCHANGED).permute(1, 2, 0).numpy()


def _deep_tiff(data: bytes, path: Path) -> np.ndarray | None:
    """The first page of a TIFF with more than 8 bits a channel; None for what Pillow reads as well."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        if page.bitspersample <= 8 or page.photometric not in (0, 1, 2):
            return None
        _check_size(page.imagewidth, page.imagelength, path)
        try:
            array = page.asarray()
        except ValueError as error:
            if "imagecodecs" in str(error):
                return None
            raise
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            array = np.moveaxis(array, 0, -1)
        array = array.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
        if array.dtype.kind == "u":
            array = array / np.float64(np.iinfo(array.dtype).max)
        array = _unit_range(array, path)
        colours = 3 if page.photometric == 2 else 1
        colour, extra = array[..., :colours], array[..., colours:colours + 1]
        if page.photometric == 0:
            colour = 1 - colour
        if page.extrasamples and page.extrasamples[0] == 1:         # premultiplied
            colour = np.clip(colour + (1 - extra), 0, 1)
        elif page.extrasamples and page.extrasamples[0] == 2:
            colour = np.concatenate((colour, extra), axis=2)
        orientation = page.tags["Orientation"].value if "Orientation" in page.tags else 1
        return _rotated(_visible(colour), int(orientation))


def _rotated(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undo the EXIF orientation of [H, W, C]: 2 to 4 mirror or turn by 180 degrees, 5 to 8 also swap the axes."""
    if orientation in (5, 6, 7, 8):
        array = array.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def write_depth_png(path: str | os.PathLike[str], depth: Tensor | np.ndarray, scale: float | None = None) -> float:
    """Write depth as a 16-bit PNG: the stored value is depth x scale, 0 stays invalid.

    The scale is also written into the file, as the text entries `depth_scale` and `depth_unit`. A valid depth that
    would round to 0 is stored as 1, so that it stays valid. The file appears whole or not at all.

    Args:
        depth: [H, W] (or [1, H, W]) metres, 0 where invalid.
        scale: units per metre; None takes the first of `DEPTH_SCALES` that holds the largest depth.

    Returns:
        The scale.

    Raises:
        ValueError: negative or non-finite depth, another shape, or depths that do not fit into 16 bits.
    """
    metres = np.asarray(depth.detach().cpu() if isinstance(depth, Tensor) else depth, dtype=np.float64)
    if metres.ndim == 3 and metres.shape[0] == 1:
        metres = metres[0]
    if metres.ndim != 2 or metres.size == 0:
        raise ValueError(f"depth: found shape {list(metres.shape)}, expected [H, W] or [1, H, W]")
    if not (np.isfinite(metres).all() and metres.min() >= 0):
        raise ValueError("depth: found negative or non-finite values, expected metres >= 0 with 0 for invalid")
    if scale is None:
        scale = next((unit for unit in DEPTH_SCALES if round(metres.max() * unit) <= 65535), DEPTH_SCALES[-1])
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale: found {scale}, expected units per metre > 0")
    if beyond := int((np.rint(metres * scale) > 65535).sum()):
        found = f"{beyond} pixels beyond {65535 / scale:g} m (up to {metres.max():g} m)"
        raise ValueError(f"depth: found {found}, expected depths that fit into 16 bits at {scale:g} units per metre")
    stored = np.where(metres > 0, np.maximum(np.rint(metres * scale), 1), 0).astype(np.uint16)
    text = PngImagePlugin.PngInfo()
    text.add_text("depth_scale", repr(float(scale)))
    text.add_text("depth_unit", f"1/{scale:g} metre, 0 = invalid")
    with atomic_write(path) as temporary:
        Image.fromarray(stored).save(temporary, format="PNG", pnginfo=text)
    return float(scale)


def read_depth_png(path: str | os.PathLike[str], scale: float | None = None) -> Tensor:
    """Read a 16-bit depth PNG.

    Args:
        scale: units per metre (NYU and 7-Scenes 1000, TUM 5000, KITTI 256); None takes the one written in the file.

    Returns:
        [H, W] float32 metres, 0 = invalid.

    Raises:
        DataError: unreadable, not a 16-bit one-channel PNG, or no scale, or one that contradicts the file's own.
    """
    path = Path(path)
    data = read_bytes(path)
    if data[:4] != b"\x89PNG" or data[24:26] != b"\x10\x00":
        raise DataError(f"{path}: found another file, expected a 16-bit one-channel PNG")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            picture.load()
            stored, noted = np.asarray(picture), picture.text.get("depth_scale")
        written = None if noted is None else float(noted)
    except Exception as error:
        raise DataError(f"{path}: damaged or cut off ({one_line(error)})") from error
    if scale is not None and written is not None and scale != written:
        raise DataError(f"{path}: found {written:g} units per metre in the file, expected {scale:g}")
    scale = written if scale is None else scale
    if scale is None or not (np.isfinite(scale) and scale > 0):
        raise DataError(f"{path}: found scale {scale}, expected `scale`, units per metre (1000 for millimetres)")
    return torch.from_numpy((stored.astype(np.float64) / scale).astype(np.float32))
