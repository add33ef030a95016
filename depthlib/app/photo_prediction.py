"""What is written for one photograph: depth as colours and as 16-bit numbers, in metres where points are known, and its
points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from depthlib.app.depth_picture import at_pixels, strips, write_maps
from depthlib.app.photo_camera import Camera
from depthlib.data.images import read_resized, resize
from depthlib.data.ply import write_ply
from depthlib.geometry.camera import scale_intrinsics
from depthlib.geometry.focal import centred_intrinsics
from depthlib.geometry.point_cloud import CURTAIN, curtain, points_of
from depthlib.models.meaning import METRES, Meaning
from depthlib.protocols.known_points import SAME, Fit, KnownPoint, fit_known

CLOUD_PIXELS = 2**20  # points of a cloud at most: of larger photographs the pixels are averaged


@dataclass(frozen=True)
class Prediction:
    """The files written for one image; `scale` is the 16-bit file's units per metre, `size` is (height, width).

    Attributes:
        camera: the focal length and where it comes from. corrected: the factor on the depth for it; 1 where nothing
            was.
        fitted: depth of the map at each known point. cloud: the file of points, with their number.
    """

    source: Path
    colour: Path
    depth16: Path
    scale: float
    size: tuple[int, int]
    nearest: float
    farthest: float
    camera: Camera
    corrected: float = 1.0
    fitted: tuple[tuple[KnownPoint, float], ...] = ()
    cloud: tuple[Path, int] | None = None


def write_prediction(
    source: Path,
    base: Path,
    depth: Tensor,
    size: tuple[int, int],
    meaning: Meaning,
    camera: Camera,
    *,
    corrected: float = 1.0,
    known: Sequence[KnownPoint] = (),
    cloud: bool = False,
) -> Prediction:
    """Write `<base>_depth.png`, `<base>_depth16.png` and, with `cloud`, `<base>_points.ply`.

    Args:
        depth: [1, h, w] of the network's size. size: (height, width) of the photograph.
        corrected: the factor that is in `depth` already, to be reported.
        known: points to which the depth is fitted; then it is in metres.

    Raises:
        ValueError: a known point outside, no usable fit (see `fit_known`), pixels for which it gives no positive depth,
            depths that do not fit into 16 bits, or a cloud of relative depth. OSError: a file cannot be written.
    """
    fit, fitted = SAME, ()
    if known:
        fit, fitted = _fit(depth, size, known, meaning)
        meaning = METRES
    if cloud and meaning.unit == "relative":
        raise ValueError("ply: found relative depth, which has no zero, expected metres: give two points with --known")
    colour, depth16, ply = (
        base.with_name(base.name + ending) for ending in ("_depth.png", "_depth16.png", "_points.ply")
    )
    scale = write_maps(depth, size, colour, depth16, meaning, fit)
    points = (ply, _write_cloud(source, ply, depth, size, camera, fit)) if cloud else None
    nearest, farthest = float(fit(depth.min())), float(fit(depth.max()))
    return Prediction(source, colour, depth16, scale, size, nearest, farthest, camera, corrected, fitted, points)


def _fit(
    depth: Tensor, size: tuple[int, int], known: Sequence[KnownPoint], meaning: Meaning
) -> tuple[Fit, tuple[tuple[KnownPoint, float], ...]]:
    predicted = at_pixels(depth, size, [(point.x, point.y) for point in known])
    fit = fit_known(predicted, [point.metres for point in known], meaning.unit)
    if beyond := sum(int(fit.beyond(part).sum()) for _, part in strips(depth, size)):
        raise ValueError(
            f"known: found {beyond} of {size[0] * size[1]} pixels whose fitted depth is not positive, expected none; "
            "points at its nearest and farthest place fix the fit better, one point alone fits only the scale"
        )
    return fit, tuple((point, float(fit(value))) for point, value in zip(known, predicted, strict=True))


def _write_cloud(source: Path, path: Path, depth: Tensor, size: tuple[int, int], camera: Camera, fit: Fit) -> int:
    """The number of points: at most one for each pixel, without the curtain between objects."""
    image, _ = read_resized(source, _cloud_size)
    height, width = image.shape[1:]
    K = scale_intrinsics(centred_intrinsics(camera.focal, *size)[None], width / size[1], height / size[0])[0]
    full = fit(resize(depth[None], (height, width))[0, 0].double())
    coarse = fit(depth[0]) if depth[0].numel() <= full.numel() else full  # where the map is not enlarged
    kept = ~curtain(coarse, (height, width))
    colours = (image.permute(1, 2, 0)[kept] * 255).round().byte().numpy()
    comments = [
        "x right, y down, z forward from the camera",
        f"camera {width} x {height}, fx {K[0, 0]:.6f} fy {K[1, 1]:.6f} cx {K[0, 2]:.6f} cy {K[1, 2]:.6f}",
        f"without points where neighbouring depths differ by more than {CURTAIN:.0%}",
    ]
    write_ply(path, points_of(full, K, kept).numpy().astype(np.float32), colours, comments)
    return len(colours)


def _cloud_size(size: tuple[int, int]) -> tuple[int, int]:
    shrink = min(1.0, math.sqrt(CLOUD_PIXELS / (size[0] * size[1])))
    return max(1, math.floor(size[0] * shrink)), max(1, math.floor(size[1] * shrink))
