"""A page that shows an image, its depth, and its points, which turn by mouse, touch and keys.

    Path("room.html").write_text(html(image, depth, K))         # opens from the disk; nothing is fetched
    IPython.display.HTML(frame(html(image, depth, K, points=50_000)))       # in a notebook

The page draws on a plain canvas, so it needs neither WebGL nor a library.
"""

from __future__ import annotations

import base64
import html as markup
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from PIL import Image
from torch import Tensor

from depthlib.base.colour import as_image, as_map, colour_depth, scale_of
from depthlib.base.sizes import at_most
from depthlib.data.images import resize
from depthlib.geometry.camera import scale_intrinsics
from depthlib.geometry.point_cloud import curtain

POINTS = 200_000  # of a page at most; one takes 5 bytes, 6.7 in base64
PICTURE_PIXELS = 2**19  # of the image at most
LEVELS = 2**15 - 2  # of log depth: at a range of 1 to 1000 a step is 0.02 %


def html(
    image: Any,
    depth: ArrayLike,
    intrinsics: ArrayLike,
    *,
    kept: ArrayLike | None = None,
    title: str = "depth",
    unit: str = " m",
    notes: Sequence[str] = (),
    points: int = POINTS,
) -> str:
    """The whole page, under 3 MB.

    Args:
        image: RGB [3,H,W] in [0,1] or [H,W,3] uint8; NumPy or torch.
        depth: [h,w] along the camera's axis, of the same view in any size; what is not finite and above 0 is invalid.
            A map of more than `points` pixels is thinned out, not averaged: a mean of two depths belongs to no surface.
        intrinsics: K [3,3] in pixels of the image.
        kept: which pixels of `depth` become points; by default those outside of its `curtain`.
        unit: what follows a number.

    Raises:
        ValueError: another shape, no valid depth, or fewer than one point.
    """
    if points < 1:
        raise ValueError(f"points: found {points}, expected at least 1")
    rgb, values = torch.from_numpy(as_image(image)).float().permute(2, 0, 1), as_map(depth, "depth").astype(np.float64)
    K = torch.as_tensor(np.asarray(intrinsics), dtype=torch.float64)
    if K.shape != (3, 3):
        raise ValueError(f"intrinsics: found shape {list(K.shape)}, expected K [3,3]")
    values = np.where(np.isfinite(values) & (values > 0), values, 0)
    if not values.any():
        raise ValueError("depth: found no valid pixel, expected values above 0")
    if kept is not None and np.shape(kept) != values.shape:
        raise ValueError(f"kept: found shape {list(np.shape(kept))}, expected that of depth, {list(values.shape)}")
    rows, columns = (
        _thinned(side, share) for side, share in zip(values.shape, at_most(values.shape, points), strict=True)
    )
    values = values[np.ix_(rows, columns)]
    if kept is None:
        chosen = ~curtain(torch.from_numpy(values), values.shape).numpy()
    else:
        chosen = np.asarray(kept, bool)[np.ix_(rows, columns)]
    codes, near, step = _codes(values, chosen)
    size, full = values.shape, rgb.shape[1:]
    K = scale_intrinsics(K[None], size[1] / full[1], size[0] / full[0])[0]
    picture = resize(rgb[None], at_most(full, PICTURE_PIXELS))[0]
    low, high = scale_of([values[values > 0]])
    ramp = np.linspace(0, 1, 256)[None]
    data = {
        "title": title,
        "notes": "; ".join(notes),
        "unit": unit,
        "size": [size[1], size[0]],
        "camera": [float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])],
        "near": near,
        "step": step,
        "ends": [low, max(high, low * (1 + 1e-3))],  # a flat map is one colour: rounding is not drawn
        "codes": _text(codes.astype("<u2").tobytes()),
        "colours": _text(_bytes(resize(rgb[None], size)[0])),
        "palette": _text(colour_depth(ramp, np.ones(ramp.shape, bool), 0, 1).tobytes()),
        "image": "data:image/jpeg;base64," + _text(_jpeg(picture)),
    }
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    return template.replace(">DATA<", ">" + json.dumps(data).replace("<", "\\u003c") + "<")  # no tag can begin in it


def frame(page: str, height: int = 640) -> str:
    """A page as part of another one, such as the output of a notebook: its style and script keep to themselves."""
    return (
        f'<iframe srcdoc="{markup.escape(page)}" sandbox="allow-scripts" title="point cloud" '
        f'style="width:100%;height:{height}px;border:0"></iframe>'
    )


def _thinned(old: int, new: int) -> np.ndarray:
    """Which of `old` rows are nearest to the middles of `new` rows over the same picture."""
    return ((np.arange(new) + 0.5) * old / new).astype(np.int64)


def _codes(depth: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Twice the level of log depth, from 1, plus one for points of the cloud; 0 for no depth. And the depth of the
    first level, and the logarithm of the ratio of two levels.
    """
    valid = depth > 0
    logs = np.log(depth, where=valid, out=np.zeros_like(depth))
    near, far = float(logs[valid].min()), float(logs[valid].max())
    step = max(far - near, 1e-6) / LEVELS
    levels = np.where(valid, 1 + ((logs - near) / step).round(), 0).astype(np.int64)
    return 2 * levels + (kept & valid), math.exp(near), step


def _bytes(image: Tensor) -> bytes:
    return (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy().tobytes()


def _jpeg(image: Tensor) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (image.shape[2], image.shape[1]), _bytes(image)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
