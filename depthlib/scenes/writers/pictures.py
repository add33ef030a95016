"""Files of several formats: images, maps, text, arrays. Each is written completely or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from depthlib.base.paths import atomic_write
from depthlib.data.manifest import Encoding


def bytes_of(image: Tensor) -> np.ndarray:
    """[H,W,3] uint8 of [3,H,W] in [0,1]."""
    return (image.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def save_picture(path: Path, pixels: np.ndarray | Tensor) -> None:
    """[3,H,W] in [0,1], uint8 [H,W,3] or [H,W], or uint16 [H,W], as the format of the suffix; JPEG with little loss."""
    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if path.suffix in (".jpg", ".thumb") else {}
    kind = "JPEG" if options else {".png": "PNG", ".ppm": "PPM"}[path.suffix]
    stored = bytes_of(pixels) if isinstance(pixels, Tensor) else pixels
    with atomic_write(path) as temporary:
        Image.fromarray(stored).save(temporary, format=kind, **options)


def write_map(path: Path, values: Tensor, encoding: Encoding) -> None:
    """[1,H,W] in the encoding's unit as a PNG of one channel, the inverse of `depthlib.data.encoding.decode`.

    Values of 0 are stored as 0; smaller ones than a stored unit stay valid.

    Raises:
        ValueError: negative or non-finite values, or one that does not fit.
    """
    assert encoding.scale is not None
    plane, kind = values[0].detach().cpu().double().numpy(), np.dtype(encoding.dtype)
    stored = np.where(plane > 0, np.maximum(np.rint(plane * encoding.scale), 1) + encoding.offset, 0)
    largest = np.iinfo(kind).max
    if not np.isfinite(plane).all() or plane.min() < 0 or stored.max() > largest:
        wanted = f"0 to {(largest - encoding.offset) / encoding.scale:g}"
        raise ValueError(f"values: found {plane.min():g} to {plane.max():g} {encoding.unit}s, expected {wanted}")
    stored, bits = stored.astype(kind), encoding.rotate_right
    save_picture(path, (stored << bits) | (stored >> (16 - bits)) if bits else stored)


def save_lines(path: Path, lines: Iterable[str]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def save_array(path: Path, write: Callable[..., object], *contents: Any, **named: Any) -> None:
    """Let `write(path, contents)` make the file under a temporary name that has the same suffix."""
    with atomic_write(path) as temporary:
        write(temporary, *contents, **named)


def save_h5(path: Path, **arrays: np.ndarray) -> None:
    """An HDF5 file with these arrays."""
    import h5py

    with atomic_write(path) as temporary, h5py.File(temporary, "w") as file:
        for key, array in arrays.items():
            file[key] = array


def numbers(values: Any, digits: int = 9) -> str:
    """Numbers as text, separated by spaces."""
    return " ".join(f"{value:.{digits}g}" for value in np.asarray(values, dtype=np.float64).ravel())
