"""Maps of depth or disparity with their masks, decoded and checked. Every fault raises `DataError` with the file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from depthlib.base.text import one_line
from depthlib.data.encoding import decode
from depthlib.data.errors import DataError
from depthlib.data.files import read_bytes, require_size
from depthlib.data.manifest import Encoding

# A file in another unit has nearly all values out of range, a valid file a few outliers at most.
STRAY_SHARE = 0.01
_COLOURS = {0: "one channel", 2: "three channels", 3: "a palette", 4: "grey and alpha", 6: "four channels"}


def read_png(path: Path, bits: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Stored numbers of a PNG with one channel: [H, W] uint16 for 16 bits, uint8 for 8 (grey levels or palette
    positions).

    The header is checked before decoding, since decoders silently reduce 16-bit colour to 8 bits.

    Raises:
        DataError: missing, not a PNG, cut off, several channels, another number of bits, or another `size` (height,
            width).
    """
    data = read_bytes(path)
    if data[:4] != b"\x89PNG" or len(data) < 33:
        raise DataError(f"{path}: found no PNG file, expected one with {bits} bits and one channel")
    depth, kind = data[24], data[25]
    if not (kind == 0 and depth == bits) and not (bits == 8 and kind == 3):
        found = f"a PNG of {depth} bits with {_COLOURS.get(kind, '?')}"
        raise DataError(f"{path}: found {found}, expected {bits} bits with one channel")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            picture.load()
            array = np.array(picture)
    except Exception as error:  # decoders raise nearly every type on damaged input
        raise DataError(f"{path}: damaged or cut off ({one_line(error)})") from None
    require_size(path, array.shape, size)
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
    if broken := int((~torch.isfinite(known)).sum()):
        raise DataError(f"{path}: found {broken} values that are not finite, expected {what}")
    low, high = bounds
    stray = float(((known < low) | (known > high)).double().mean())
    if stray > STRAY_SHARE:
        found = f"{float(known.min()):g} to {float(known.max()):g}, {stray:.0%} of it outside {low:g} to {high:g}"
        raise DataError(f"{path}: found {found}, expected {what}: is the unit another one?")
    clean = torch.where(valid, values, torch.zeros((), dtype=values.dtype))
    return clean.float()[None], valid[None]


def read_map(path: Path, encoding: Encoding, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
    """A map of 8 or 16 bits that `encoding` describes: values float32 [1, H, W], 0 where invalid, and valid bool.

    Args:
        encoding: of a PNG with one channel, in metres or pixels, with scale and range.
        size: (height, width), checked where given.

    Raises:
        DataError: see `read_png` and `checked_map`.
    """
    return decoded(path, read_png(path, 16 if encoding.dtype == "uint16" else 8, size), encoding)


def decoded(
    path: Path, stored: np.ndarray, encoding: Encoding, mask: np.ndarray | None = None
) -> tuple[Tensor, Tensor]:
    """Stored numbers [H,W] as depth [1,H,W] float32, 0 where invalid, and valid [1,H,W] bool.

    Args:
        path: names the file in messages.
        encoding: with scale and range.
        mask: bool [H,W]; pixels outside it are invalid.

    Raises:
        DataError: another shape or type of number, no valid pixel, values that are not finite or not plausible.
    """
    expected = np.dtype(encoding.dtype)
    # single and double precision are both accepted
    right = stored.dtype == expected or expected.kind == stored.dtype.kind == "f"
    if not right or stored.ndim != 2:
        raise DataError(
            f"{path}: found depth {list(stored.shape)} of {stored.dtype}, expected [H, W] of {encoding.dtype}"
        )
    if mask is not None and mask.shape != stored.shape:
        raise DataError(f"{path}: found depth {list(stored.shape)} and a mask {list(mask.shape)}, expected one size")
    if encoding.range is None:
        raise ValueError("encoding.range: found None, expected the plausible values of this set")
    values, valid = decode(stored, encoding)
    known = torch.from_numpy(valid if mask is None else valid & mask)
    what = "disparity in pixels" if encoding.unit == "pixel" else "depth in metres"
    return checked_map(path, torch.from_numpy(values), known, encoding.range, what=what)


def metres_from_disparity(disparity: Tensor, focal: float, baseline: float) -> Tensor:
    """focal * baseline / disparity, 0 where the disparity is not positive. [..., H, W] pixels -> metres."""
    known = disparity > 0
    return torch.where(known, focal * baseline / torch.where(known, disparity, 1), 0)
