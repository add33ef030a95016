"""Reading a file according to its manifest: the stored numbers, and the metres (or pixels) that they encode."""

from __future__ import annotations

import io
import json
import math
import os
import re
from pathlib import Path

import numpy as np
from PIL import Image

from depthlib.base.text import one_line
from depthlib.data.errors import DataError
from depthlib.data.files import open_arrays, read_bytes
from depthlib.data.manifest import Encoding


def read_stored(path: str | os.PathLike[str], encoding: Encoding) -> np.ndarray:
    """The numbers of a file as they are stored: [H, W], [H, W, C], [N, C] for the rows of a .bin file, lines of a text.

    Of a MATLAB 7.3 file only the first slice is read: NYU's holds gigabytes.

    Raises:
        DataError: missing, empty, damaged or cut off, without the array, or of another type or number of channels than
            in the manifest (8 bits instead of 16, for example).
    """
    path = Path(path)
    by_name = encoding.format in ("h5", "mat", "npy", "npz")
    if not by_name or not path.is_file() or not path.stat().st_size:
        data = read_bytes(path)
    try:
        array = _array(path, encoding) if by_name else _READERS[encoding.format](path, data, encoding)
    except DataError:
        raise
    except Exception as error:  # decoders raise nearly every type on damaged input
        raise DataError(f"{path}: damaged or cut off ({one_line(error)}), expected a {encoding.format} file") from error
    if encoding.format in ("txt", "json"):
        return array
    if array.dtype != np.dtype(encoding.dtype):
        raise DataError(f"{path}: found {array.dtype} numbers, expected {encoding.dtype}")
    channels = array.shape[2] if array.ndim == 3 else 1
    if encoding.format not in ("bin", "h5", "mat", "csv") and channels != encoding.channels:
        raise DataError(f"{path}: found {channels} channels, expected {encoding.channels}")
    return array


def decode(stored: np.ndarray, encoding: Encoding) -> tuple[np.ndarray, np.ndarray]:
    """(values, valid): float64 values in `encoding.unit`, 0 where invalid, and which are valid.

    Raises:
        ValueError: the encoding is a formula in words, without a scale.
    """
    if encoding.scale is None:
        raise ValueError(
            f"encoding: found no scale ({encoding.formula or encoding.unit}), expected stored units per unit"
        )
    valid = ~np.isin(stored, np.asarray(encoding.invalid)) if encoding.invalid else np.ones(stored.shape, dtype=bool)
    rotated = stored
    if encoding.rotate_right:
        bits = stored.astype(np.uint16)
        rotated = (bits >> encoding.rotate_right) | (bits << (16 - encoding.rotate_right))
    values = (rotated.astype(np.float64) - encoding.offset) / encoding.scale
    return np.where(valid, values, 0.0), valid


def check_file(path: str | os.PathLike[str], encoding: Encoding) -> str | None:
    """The fault of a file in one line that does not name it; None if there is none.

    Besides the errors of `read_stored`: values that are not finite, no valid value, and depths beyond the plausible
    range (by their median and their 1st and 99th percentile, so that a few outliers are tolerated).
    """
    try:
        stored = read_stored(path, encoding)
    except DataError as error:
        return str(error).removeprefix(f"{Path(path)}: ")
    if encoding.scale is None or encoding.unit not in ("metre", "pixel"):
        return None
    values, valid = decode(stored, encoding)
    values = values[valid]
    if not values.size:
        return "no valid value, expected some"
    if broken := int((~np.isfinite(values)).sum()):
        return f"{broken} values are not finite, expected none"
    if encoding.range is not None:
        low, middle, high = np.percentile(values, [1, 50, 99])
        if low < encoding.range[0] or high > encoding.range[1]:
            return (
                f"{low:.4g} to {high:.4g} {encoding.unit}s (1st to 99th percentile, median {middle:.4g}), expected "
                f"{encoding.range[0]:g} to {encoding.range[1]:g}: another unit?"
            )
    return None


def _picture(path: Path, data: bytes, encoding: Encoding) -> np.ndarray:
    if data[:4] == b"\x89PNG" and data[24] == 16 and data[25] in (2, 4, 6):  # Pillow would reduce them to 8 bits
        from depthlib.data.images import decode_deep_png  # here: it loads torch

        return decode_deep_png(data)
    with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "PPM"]) as picture:
        picture.load()
        array = np.asarray(picture)
    if array.dtype == np.int32 and data[:2] in (b"P2", b"P5") and array.min() >= 0 and array.max() <= 65535:
        array = array.astype(np.uint16)  # Pillow's type for 16-bit PGM
        # PGM is big-endian by definition, but not all writers comply
        if encoding.byte_order == "little":
            array = array.byteswap()
    return array


def _array(path: Path, encoding: Encoding) -> np.ndarray:
    """An array of a file that holds several by name, or the only one."""
    import h5py

    large = encoding.format == "mat" and h5py.is_hdf5(path)  # MATLAB 7.3, of which the whole may be gigabytes
    with open_arrays(path, "h5" if large else encoding.format) as arrays:
        there = list(arrays)
        key = encoding.key or (there[0] if len(there) == 1 else None)
        if key not in there:
            found = ", ".join(there) or "(none)"
            raise DataError(f"{path}: found the arrays {found}, expected {encoding.key or 'one'}")
        array = arrays[key][:1] if large else arrays[key][...]
    return array[..., 0] if encoding.format == "npy" and array.ndim == 3 and array.shape[2] == 1 else array


def parse_pfm(path: Path, data: bytes, encoding: Encoding | None = None) -> np.ndarray:
    """A portable float map, [H, W] or [H, W, 3] float32, top row first; infinities and NaN are kept.

    Raises:
        DataError: no such map, or another number of bytes than in its header; `path` is named.
    """
    header = re.match(rb"(P[fF])\s+(\d+)\s+(\d+)\s+([-+]?[\d.]+(?:[eE][-+]?\d+)?)[ \t\r]*\n", data)
    if header is None or float(header[4]) == 0:
        raise DataError(f"{path}: found {data[:12]!r}, expected a PFM file (Pf, width, height, scale)")
    shape = (int(header[3]), int(header[2]), *((3,) if header[1] == b"PF" else ()))
    found, wanted = len(data) - header.end(), 4 * math.prod(shape)
    if found != wanted:
        raise DataError(f"{path}: found {found} bytes of pixels, expected {wanted}: cut off?")
    array = np.frombuffer(data, dtype="<f4" if float(header[4]) < 0 else ">f4", offset=header.end()).reshape(shape)
    return array[::-1].astype(np.float32)  # rows are stored from the bottom


def _bin(path: Path, data: bytes, encoding: Encoding) -> np.ndarray:
    return np.frombuffer(data, dtype=encoding.dtype).reshape(-1, encoding.channels)


def _text(path: Path, data: bytes, encoding: Encoding) -> np.ndarray:
    text = data.decode("utf-8")
    if encoding.format == "json":
        json.loads(text)
    return np.array(text.splitlines())


def _csv(path: Path, data: bytes, encoding: Encoding) -> np.ndarray:
    return np.loadtxt(io.StringIO(data.decode("utf-8")), delimiter=",", dtype=encoding.dtype, ndmin=2)


_READERS = {
    "png": _picture,
    "jpg": _picture,
    "ppm": _picture,
    "pgm": _picture,
    "pfm": parse_pfm,
    "bin": _bin,
    "txt": _text,
    "json": _text,
    "csv": _csv,
}
