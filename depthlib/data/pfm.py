"""Portable float maps (.pfm), with rows from bottom to top: disparity of Middlebury and FlyingThings3D."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthlib.base.paths import atomic_write
from depthlib.data.errors import DataError
from depthlib.data.files import read_bytes

_HEADER = re.compile(rb"(P[fF])\s+(\d+)\s+(\d+)\s+([-+]?[0-9.]+(?:[eE][-+]?\d+)?)[ \t\r]*\n")


def read_pfm(path: str | os.PathLike[str]) -> Tensor:
    """A map of one channel, [H, W] float32, top row first; infinities and NaN are kept.

    Raises:
        DataError: missing, not a PFM with one channel, or another number of bytes than in its header.
    """
    path = Path(path)
    data = read_bytes(path)
    header = _HEADER.match(data)
    if header is None or header[1] == b"PF":
        found = "three channels" if header else repr(data[:12])
        raise DataError(f"{path}: found {found}, expected a PFM file with one channel (Pf, width, height, scale)")
    width, height, scale = int(header[2]), int(header[3]), float(header[4])
    if len(data) - header.end() != 4 * width * height or scale == 0:
        raise DataError(f"{path}: found {len(data) - header.end()} bytes of pixels, expected {4 * width * height} for {width} "
                        f"x {height}: cut off?")
    values = np.frombuffer(data, dtype="<f4" if scale < 0 else ">f4", offset=header.end()).reshape(height, width)
    return torch.from_numpy(values[::-1].astype(np.float32))


def write_pfm(path: str | os.PathLike[str], values: Tensor) -> None:
    """Write [H, W] as little-endian float32.

    Raises:
        ValueError: another shape.
    """
    if values.ndim != 2:
        raise ValueError(f"values: found shape {list(values.shape)}, expected [H, W]")
    array = values.detach().cpu().numpy()[::-1].astype("<f4")
    with atomic_write(path) as temporary:
        temporary.write_bytes(f"Pf\n{array.shape[1]} {array.shape[0]}\n-1.0\n".encode() + array.tobytes())
