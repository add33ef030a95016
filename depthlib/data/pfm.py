"""Portable float maps (.pfm), with rows from bottom to top: disparity of Middlebury and FlyingThings3D."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from depthlib.base.paths import atomic_write
from depthlib.data.encoding import parse_pfm
from depthlib.data.errors import DataError
from depthlib.data.files import read_bytes


def read_pfm(path: str | os.PathLike[str]) -> Tensor:
    """A map of one channel, [H, W] float32, top row first; infinities and NaN are kept.

    Raises:
        DataError: missing, not a PFM with one channel, or another number of bytes than in its header.
    """
    values = torch.from_numpy(parse_pfm(Path(path), read_bytes(Path(path))))
    if values.ndim != 2:
        raise DataError(f"{path}: found three channels, expected a PFM file with one")
    return values


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
