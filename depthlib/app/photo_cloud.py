"""The points of a photograph without the curtain between objects: as a file for other programs, and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from depthlib.app.photo_camera import Camera
from depthlib.base.paths import atomic_write
from depthlib.base.sizes import at_most
from depthlib.data.images import read_resized, resize
from depthlib.data.ply import write_ply
from depthlib.geometry.camera import scale_intrinsics
from depthlib.geometry.focal import centred_intrinsics
from depthlib.geometry.point_cloud import CURTAIN, curtain, points_of
from depthlib.protocols.known_points import Fit

CLOUD_PIXELS = 2**20  # points of a PLY file at most: of larger photographs the pixels are averaged
WITHOUT = f"without points where neighbouring depths differ by more than {CURTAIN:.0%}"


def write_cloud(source: Path, path: Path, depth: Tensor, size: tuple[int, int], camera: Camera, fit: Fit) -> int:
    """A PLY file of the depth map [1,h,w] of a photograph of `size`; the number of points, at most one a pixel."""
    image, _ = read_resized(source, lambda full: at_most(full, CLOUD_PIXELS))
    height, width = image.shape[1:]
    K = _intrinsics(camera, size, (height, width))
    full, kept = _surface(depth, (height, width), fit)
    colours = (image.permute(1, 2, 0)[kept] * 255).round().byte().numpy()
    comments = [
        "x right, y down, z forward from the camera",
        f"camera {width} x {height}, fx {K[0, 0]:.6f} fy {K[1, 1]:.6f} cx {K[0, 2]:.6f} cy {K[1, 2]:.6f}",
        WITHOUT,
    ]
    write_ply(path, points_of(full, K, kept).numpy().astype(np.float32), colours, comments)
    return len(colours)


def write_view(
    source: Path, path: Path, depth: Tensor, size: tuple[int, int], camera: Camera, fit: Fit, unit: str
) -> int:
    """A page with the photograph, the depth map [1,h,w] and its points; see `depthlib.report.cloud_view`."""
    from depthlib.report.cloud_view import PICTURE_PIXELS, POINTS, html

    image, _ = read_resized(source, lambda full: at_most(full, PICTURE_PIXELS))
    full, kept = _surface(depth, at_most(size, POINTS), fit)
    K = _intrinsics(camera, size, image.shape[1:])
    notes = (f"{int(kept.sum())} points, {WITHOUT}", f"focal length {camera.focal:.0f} pixels ({camera.source})")
    page = html(image, full, K, kept=kept, title=source.name, unit=unit, notes=notes)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return int(kept.sum())


def _surface(depth: Tensor, size: tuple[int, int], fit: Fit) -> tuple[Tensor, Tensor]:
    """The map at `size`, float64 [H,W], and which of its pixels are points."""
    full = fit(resize(depth[None], size)[0, 0].double())
    coarse = fit(depth[0]) if depth[0].numel() <= full.numel() else full  # where the map is not enlarged
    return full, ~curtain(coarse, size)


def _intrinsics(camera: Camera, size: tuple[int, int], smaller: Sequence[int]) -> Tensor:
    """K [3,3] for the photograph of `size`, resized."""
    K = centred_intrinsics(camera.focal, *size)
    return scale_intrinsics(K[None], smaller[1] / size[1], smaller[0] / size[0])[0]
