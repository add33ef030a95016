"""Sizes of images."""

from __future__ import annotations

import math
from collections.abc import Sequence


def at_most(size: Sequence[int], pixels: int) -> tuple[int, int]:
    """(height, width), or as large a size of the same shape as `pixels` allow."""
    shrink = min(1.0, math.sqrt(pixels / (size[0] * size[1])))
    return max(1, math.floor(size[0] * shrink)), max(1, math.floor(size[1] * shrink))
