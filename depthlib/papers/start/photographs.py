"""Photographs inside scikit-image; one of them has measured depth: Motorcycle of Middlebury 2014."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthlib.data.dataset_base import pinhole
from depthlib.data.images import read_image
from depthlib.data.real_samples import RealFrame, skimage_photographs

CAMERA = (994.978, 994.978, 311.193, 254.877)  # fx, fy, cx, cy in pixels
OFFSET, BASELINE = 31.086, 0.193001  # pixels between the principal points; metres
SOURCE = "Middlebury 2014, Motorcycle (Scharstein et al.), as shipped with scikit-image"


def motorcycle() -> RealFrame | None:
    """The left image and its depth f b / (disparity + offset) from structured light; None if scikit-image lacks it.

    Calibration: documentation of `skimage.data.stereo_motorcycle`. A disparity that is not finite has no depth.
    """
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    image, file = folder / "motorcycle_left.png", folder / "motorcycle_disp.npz"
    if not (image.is_file() and file.is_file()):
        return None
    with np.load(file, allow_pickle=False) as archive:
        disparity = torch.from_numpy(archive["arr_0"].astype(np.float32))[None]
    known = disparity.isfinite()
    depth = torch.where(known, CAMERA[0] * BASELINE / (disparity.nan_to_num(0, 0, 0) + OFFSET), 0.0)
    return RealFrame("motorcycle", SOURCE, read_image(image), depth, known, pinhole(CAMERA))


def photographs(aspect: float) -> dict[str, Tensor]:
    """The other photographs, without depth: name -> [3,H,W], see `centred`."""
    found = {frame.name: frame.image for frame in skimage_photographs() if frame.name != "motorcycle_left"}
    return {name: centred(image, aspect) for name, image in found.items() if image is not None}


def centred(image: Tensor, aspect: float) -> Tensor:
    """The largest centred part of [3,H,W] whose width is `aspect` times its height, to the pixel."""
    rows, columns = image.shape[-2:]
    height, width = min(rows, round(columns / aspect)), min(columns, round(rows * aspect))
    top, left = (rows - height) // 2, (columns - width) // 2
    return image[:, top : top + height, left : left + width]
