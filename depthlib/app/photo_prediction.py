"""What is written for one photograph: depth as colours and as 16-bit numbers, in metres where points are known, and its
points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from depthlib.app.depth_picture import TITLES, at_pixels, strips, write_maps
from depthlib.app.photo_camera import Camera
from depthlib.app.photo_cloud import write_cloud, write_view
from depthlib.models.meaning import METRES, Meaning
from depthlib.protocols.known_points import SAME, Fit, KnownPoint, fit_known


@dataclass(frozen=True)
class Prediction:
    """The files written for one image; `scale` is the 16-bit file's units per metre, `size` is (height, width).

    Attributes:
        camera: the focal length and where it comes from. corrected: the factor on the depth for it; 1 where nothing
            was.
        fitted: depth of the map at each known point. cloud, page: the file of points and the page, with their number.
        fine: (height, width) at which the network looked in windows, if it did.
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
    page: tuple[Path, int] | None = None
    fine: tuple[int, int] | None = None


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
    page: bool = False,
) -> Prediction:
    """Write `<base>_depth.png`, `<base>_depth16.png`, with `cloud` `<base>_points.ply`, with `page` `<base>_view.html`.

    Args:
        depth: [1, h, w] of the network's size. size: (height, width) of the photograph.
        corrected: the factor that is in `depth` already, to be reported.
        known: points to which the depth is fitted; then it is in metres.

    Raises:
        ValueError: a known point outside, no usable fit (see `fit_known`), pixels for which it gives no positive depth,
            depths that do not fit into 16 bits, or points of relative depth. OSError: a file cannot be written.
    """
    fit, fitted = SAME, ()
    if known:
        fit, fitted = _fit(depth, size, known, meaning)
        meaning = METRES
    if (cloud or page) and meaning.unit == "relative":
        raise ValueError(
            f"{'ply' if cloud else 'html'}: found relative depth, which has no zero, expected metres: give two points "
            "with --known"
        )
    colour, depth16, ply, html = (
        base.with_name(base.name + ending) for ending in ("_depth.png", "_depth16.png", "_points.ply", "_view.html")
    )
    scale = write_maps(depth, size, colour, depth16, meaning, fit)
    points = (ply, write_cloud(source, ply, depth, size, camera, fit)) if cloud else None
    view = (html, write_view(source, html, depth, size, camera, fit, TITLES[meaning.unit][1])) if page else None
    nearest, farthest = float(fit(depth.min())), float(fit(depth.max()))
    return Prediction(source, colour, depth16, scale, size, nearest, farthest, camera, corrected, fitted, points, view)


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
