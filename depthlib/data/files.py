"""Reading the files of real data sets; every fault raises `DataError`, which names the file."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from depthlib.base.text import one_line
from depthlib.data.encoding import decode
from depthlib.data.errors import DataError
from depthlib.data.images import ImageError, read_image
from depthlib.data.manifest import Encoding

# A file in another unit has nearly all values out of range, a valid file a few outliers at most.
STRAY_SHARE = 0.01
PNG = b"\x89PNG\r\n\x1a\n"


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises:
        DataError: it is missing, empty or not readable.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({one_line(error)})") from None
    if not data:
        raise DataError(f"{path}: is empty (0 bytes)")
    return data


def read_text(path: Path) -> str:
    """The whole file as text.

    Raises:
        DataError: it is missing, empty, not readable, or not text.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path}: found bytes that are not text, expected a text file") from None


def read_colour(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """A photograph, [3, H, W] float32 in [0, 1]; `size` (height, width) is checked where given.

    Raises:
        DataError: see `depthlib.data.images.read_image`; another size.
    """
    try:
        image = read_image(path)
    except ImageError as error:
        raise DataError(str(error)) from None
    if size is not None and tuple(image.shape[-2:]) != tuple(size):
        raise DataError(f"{path}: found {image.shape[-1]} x {image.shape[-2]} pixels, expected {size[1]} x {size[0]}")
    return image


def read_png(path: Path, bits: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Stored numbers of a PNG with one channel: [H, W] uint16 for 16 bits, uint8 for 8 (grey levels or palette
    positions).

    The header is checked before decoding, since decoders silently reduce 16-bit colour to 8 bits.

    Raises:
        DataError: missing, not a PNG, cut off, several channels, another number of bits, or another `size` (height,
            width).
    """
    data = read_bytes(path)
    if data[:8] != PNG or len(data) < 33:
        raise DataError(f"{path}: found no PNG file, expected one with {bits} bits and one channel")
    depth, kind = data[24], data[25]
    if not (kind == 0 and depth == bits) and not (bits == 8 and kind == 3):
        name = {0: "one channel", 2: "three channels", 3: "a palette", 4: "grey and alpha", 6: "four channels"}.get(kind, "?")
        raise DataError(f"{path}: found a PNG of {depth} bits with {name}, expected {bits} bits with one channel")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            picture.load()
            array = np.array(picture)
    except Exception as error:      # decoders raise nearly every type on damaged input
        raise DataError(f"{path}: damaged or cut off ({one_line(error)})") from None
    if size is not None and array.shape != tuple(size):
        raise DataError(f"{path}: found {array.shape[1]} x {array.shape[0]} pixels, expected {size[1]} x {size[0]}")
    return array.astype(np.uint16 if bits == 16 else np.uint8, copy=False)


def checked_map(
    path: Path, values: Tensor, valid: Tensor, bounds: tuple[float, float], *, what: str = "depth in metres"
) -> tuple[Tensor, Tensor]:
    """A map and its mask in the form of a data set's items, checked for signs of a wrong unit or a damaged file.

    Args:
        values: [H, W], any floating dtype; values where `valid` is False are ignored.
        valid: bool [H, W].
        bounds: plausible smallest and largest value; `STRAY_SHARE` of the valid ones may lie beyond.

    Returns:
        values float32 [1, H, W], 0 where invalid; valid bool [1, H, W].

    Raises:
        DataError: no valid pixel, values that are not finite, or more implausible ones than `STRAY_SHARE`.
    """
    valid = valid.bool()
    known = values[valid]
    if known.numel() == 0:
        raise DataError(f"{path}: found no valid pixel, expected {what}")
    if not bool(torch.isfinite(known).all()):
        raise DataError(f"{path}: found {int((~torch.isfinite(known)).sum())} values that are not finite, expected {what}")
    low, high = bounds
    stray = float(((known < low) | (known > high)).double().mean())
    if stray > STRAY_SHARE:
        raise DataError(f"{path}: found values from {float(known.min()):g} to {float(known.max()):g}, {stray:.0%} of them "
                        "outside "
                        f"{low:g} to {high:g}, expected {what}: is the unit another one?")
    clean = torch.where(valid, values, torch.zeros((), dtype=values.dtype))
    return clean.float()[None], valid[None]


def read_map(
    path: Path, encoding: Encoding, size: tuple[int, int] | None = None, *, what: str = "depth in metres"
) -> tuple[Tensor, Tensor]:
    """A map of 8 or 16 bits that `encoding` describes: values float32 [1, H, W], 0 where invalid, and valid bool [1, H,
    W].

    Args:
        encoding: of a PNG with one channel, with scale and range. size: (height, width), checked where given.

    Raises:
        DataError: see `read_png` and `checked_map`.
    """
    assert encoding.range is not None
    values, valid = decode(read_png(path, 16 if encoding.dtype == "uint16" else 8, size), encoding)
    return checked_map(path, torch.from_numpy(values), torch.from_numpy(valid), encoding.range, what=what)


def metres_from_disparity(disparity: Tensor, focal: float, baseline: float) -> Tensor:
    """focal * baseline / disparity, 0 where the disparity is not positive. [..., H, W] pixels -> metres."""
    known = disparity > 0
    return torch.where(known, focal * baseline / torch.where(known, disparity, 1), 0)


def fingerprint(root: Path, files: Iterable[Path], note: str = "") -> str:
    """SHA-256 over the names below `root` and the sizes of files, in their order; contents are not read.

    Raises:
        DataError: a file is missing.
    """
    digest = hashlib.sha256(note.encode())
    for path in files:
        try:
            size = os.stat(path).st_size
        except OSError:
            raise DataError(f"{path}: no such file") from None
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        digest.update(f"{name} {size}\n".encode())
    return digest.hexdigest()


def require_folder(path: str | os.PathLike[str], what: str) -> Path:
    """`path` as a Path.

    Raises:
        DataError: no such folder; the message names the expected contents.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected {what}")
    return folder
