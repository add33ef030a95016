"""Focal lengths of photographs: in pixels, from a field of view or a 35 mm equivalent, and in a unit that compares
cameras.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

FULL_FRAME = math.hypot(36.0, 24.0)  # mm, diagonal of the film that equivalent focal lengths refer to


def focal_of_view(degrees: float, side: int) -> float:
    """Pixels, of a camera that sees `degrees` along `side` pixels: side / (2 tan(degrees / 2)). Raises ValueError
    outside 0 to 180.
    """
    if not 0 < degrees < 180:
        raise ValueError(f"field of view: found {degrees:g} degrees, expected more than 0 and less than 180")
    return side / (2 * math.tan(math.radians(degrees) / 2))


def focal_of_equivalent(millimetres: float, height: int, width: int) -> float:
    """Pixels, from the 35 mm equivalent: the length that gives the same diagonal angle on film of 36 x 24 mm (CIPA
    DCG-001).

    The diagonal is that of the image [height, width], so turning the camera changes nothing; of a cropped image it is
    wrong.
    """
    return millimetres * math.hypot(height, width) / FULL_FRAME


def relative_focal(focal: float, height: int, width: int) -> float:
    """A focal length in pixels as a multiple of sqrt(height x width), the unit in which cameras of any format compare.

    A thing of size S at depth Z covers s = f S / Z pixels. A network that has seen one focal length f' only takes it to
    be at Z' = f' S / s, so that Z = Z' f / f', where f and f' are in pixels of the images the network looks at. It
    looks at all photographs with the same number of pixels N, each with its own aspect ratio; a photograph of H x W
    pixels is resized by sqrt(N / (H W)), and its focal length with it. So f / f' is the ratio of focal / sqrt(H W) of
    photograph and training images. In image widths, the usual unit, that is true for one aspect ratio only: a camera
    that is turned upright keeps its pixels, while its image width shrinks from the long to the short side.
    """
    return focal / math.sqrt(height * width)


def centred_intrinsics(focal: float, height: int, width: int) -> Tensor:
    """K [3,3] float64 in pixels: square pixels, the axis through the middle of the image."""
    return torch.tensor([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]], dtype=torch.float64)
