"""Which pixels count, and how a prediction reaches them: crops, the region a prediction shows, resizing, holes.

Crops are rectangles of the ground truth's own frame, (top, bottom, left, right) as in `x[top:bottom, left:right]`.
The protocol files say whose evaluation they follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor

Box = tuple[int, int, int, int]
NYU, MAKE3D = (480, 640), (55, 305)


def _shares(top: float, bottom: float, left: float, right: float) -> Callable[[int, int], Box]:
    return lambda h, w: (int(top * h), int(bottom * h), int(left * w), int(right * w))


def _fixed(box: Box, size: tuple[int, int]) -> Callable[[int, int], Box]:
    return lambda h, w: box if (h, w) == size else _refuse(h, w, f"{size[0]} x {size[1]}")


def _kitti_bottom(h: int, w: int) -> Box:
    left = (w - 1216) // 2
    return (h - 352, h, left, left + 1216) if h >= 352 and w >= 1216 else _refuse(h, w, "at least 352 x 1216")


def _border16(h: int, w: int) -> Box:
    return (16, h - 16, 16, w - 16) if min(h, w) > 32 else _refuse(h, w, "more than 32 a side")


def _refuse(h: int, w: int, expected: str) -> NoReturn:
    raise ValueError(f"ground truth: found {h} x {w} pixels, expected {expected} for this crop")


CROPS: dict[str, Callable[[int, int], Box]] = {
    "none": lambda h, w: (0, h, 0, w),
    "garg": _shares(0.40810811, 0.99189189, 0.03594771, 0.96405229),
    "eigen": _shares(0.3324324, 0.91351351, 0.03594771, 0.96405229),
    "kitti_bottom": _kitti_bottom,  # 352 x 1216 at the bottom, in the middle: the "KB crop" of BTS
    "nyu_official": _fixed((44, 471, 40, 601), NYU),  # the toolbox: rows 45 to 471, columns 41 to 601, counted from 1
    # the same numbers taken as if counted from 0, as most Python code
    "nyu_bts": _fixed((45, 471, 41, 601), NYU),
    "nyu_fcrn": _fixed((12, 468, 16, 624), NYU),  # half size, centre 228 x 304: what FCRN's input shows
    "border16": _border16,
    "make3d_2to1": _fixed((17, 38, 0, 305), MAKE3D),  # the rows of the laser grid in the centre 2:1 crop of the image
}

# resize: (depth or disparity, mode, align_corners); None refuses another size
RESIZES: dict[str, tuple[str, str, bool | None] | None] = {
    "prediction, bilinear, align_corners=False": ("depth", "bilinear", False),
    "prediction, bilinear, align_corners=True": ("depth", "bilinear", True),
    "prediction, nearest": ("depth", "nearest", None),
    "disparity, bilinear, align_corners=False": ("disparity", "bilinear", False),
    "none": None,
}
HOLES = ("kept", "kitti background interpolation")


def box(crop: str, height: int, width: int) -> Box:
    """The rectangle of a crop in a frame of that size; ValueError where the crop is not defined for it."""
    return CROPS[crop](height, width)


def crop_mask(crop: str, height: int, width: int, device: torch.device | None = None) -> Tensor:
    """bool [1,1,H,W], True inside the crop."""
    top, bottom, left, right = box(crop, height, width)
    mask = torch.zeros(1, 1, height, width, dtype=torch.bool, device=device)
    mask[..., top:bottom, left:right] = True
    return mask


def resized(prediction: Tensor, size: tuple[int, int], resize: str) -> Tensor:
    """[B,1,h,w] at another size; untouched if it has that size already.

    Raises:
        ValueError: the protocol takes predictions of the full size only; a disparity of a depth that is not positive.
    """
    if tuple(prediction.shape[-2:]) == tuple(size):
        return prediction
    how = RESIZES[resize]
    if how is None:
        found, expected = (" x ".join(map(str, sides)) for sides in (prediction.shape[-2:], size))
        raise ValueError(f"prediction: found {found} pixels, expected {expected}: this protocol resizes nothing")
    quantity, mode, corners = how
    if quantity == "depth":
        return F.interpolate(prediction, size, mode=mode, align_corners=corners)
    if not bool(prediction.min() > 0):
        raise ValueError(
            f"prediction: found {prediction.min().item():g}, expected depth above 0, since its inverse is resized"
        )
    return 1 / F.interpolate(1 / prediction, size, mode=mode, align_corners=corners)


def placed(prediction: Tensor, size: tuple[int, int], covers: str, resize: str) -> Tensor:
    """A prediction that shows the region `covers` of the frame, brought into the whole frame; 1 elsewhere, never
    counted.
    """
    top, bottom, left, right = box(covers, *size)
    if (bottom - top, right - left) != tuple(size) == tuple(prediction.shape[-2:]):
        raise ValueError(
            f"prediction: found the whole frame, {size[0]} x {size[1]} pixels, expected that of the region "
            f"{covers!r}, {bottom - top} x {right - left}, or smaller; for whole frames use covers=none"
        )
    inner = resized(prediction, (bottom - top, right - left), resize)
    whole = (bottom - top, right - left) == tuple(size)
    return inner if whole else F.pad(inner, (left, size[1] - right, top, size[0] - bottom), value=1.0)


def filled(depth: Tensor) -> Tensor:
    """Holes (depth 0) filled as KITTI's devkit does: row by row the smaller of the two neighbours, or the only one;
    rows without any value then take that of the next row above, or below. [B,1,H,W]; ValueError for an empty
    prediction.
    """
    if not bool((depth > 0).flatten(1).any(1).all()):
        raise ValueError("prediction: found nothing but holes (0), expected at least one depth")
    before, after = _last(depth, -1), _last(depth.flip(-1), -1).flip(-1)
    between = torch.where((before > 0) & (after > 0), torch.minimum(before, after), torch.maximum(before, after))
    rows = torch.where(depth > 0, depth, between)
    above, below = _last(rows, -2), _last(rows.flip(-2), -2).flip(-2)
    return torch.where(above > 0, above, below)


def _last(depth: Tensor, axis: int) -> Tensor:
    """The last positive value up to each place along an axis, 0 before the first."""
    length = depth.shape[axis]
    place = torch.arange(1, length + 1, device=depth.device)
    place = place.view([-1 if a == axis % depth.ndim else 1 for a in range(depth.ndim)])
    latest = torch.where(depth > 0, place, 0).cummax(dim=axis).values
    return torch.where(latest > 0, depth.gather(axis, (latest - 1).clamp(min=0)), 0.0)
