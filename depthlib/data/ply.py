"""Coloured points as PLY files, which MeshLab, CloudCompare, Blender and Open3D read."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from depthlib.base.paths import atomic_write

_POINT = np.dtype([(name, "<f4") for name in ("x", "y", "z")] + [(name, "u1") for name in ("red", "green", "blue")])
_NAMES = {"<f4": "float", "|u1": "uchar"}


def write_ply(
    path: str | os.PathLike[str], points: np.ndarray, colours: np.ndarray, comments: Sequence[str] = ()
) -> None:
    """Write points [N,3] and their colours [N,3] (uint8 RGB), binary little-endian; whole or not at all.

    `comments` are lines of the header. Raises ValueError for other shapes, colours that are not uint8, or a comment of
    several lines.
    """
    if points.ndim != 2 or points.shape[1] != 3 or colours.shape != points.shape or colours.dtype != np.uint8:
        raise ValueError(
            f"points, colours: found {points.shape} and {colours.dtype} {colours.shape}, expected [N,3] and uint8 [N,3]"
        )
    if any(not line.isprintable() for line in comments):
        raise ValueError(f"comments: found {list(comments)}, expected lines")
    rows = np.empty(len(points), _POINT)
    for name, values in zip(_POINT.names, (*points.T, *colours.T), strict=True):
        rows[name] = values
    header = [
        "ply",
        "format binary_little_endian 1.0",
        *(f"comment {line}" for line in comments),
        f"element vertex {len(rows)}",
        *(f"property {_NAMES[_POINT[name].str]} {name}" for name in _POINT.names),
        "end_header",
        "",
    ]
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        file.write("\n".join(header).encode())
        file.write(rows.tobytes())
