"""Input validation of the geometry functions: errors name the argument, what was found and what was expected."""

from __future__ import annotations

import torch
from torch import Tensor


def require_tensor(name: str, value: object, shape: tuple[int | None, ...], meaning: str) -> Tensor:
    """Return `value` if it is a floating tensor whose shape fits `shape` (None fits any size), else raise.

    Args:
        name: the argument's name, as the caller wrote it.
        value: the argument.
        shape: the expected size of every axis; None for an axis of any size.
        meaning: the expected shape in words, such as "[B,1,H,W] depth in metres".

    Raises TypeError for anything but a tensor of a floating dtype, ValueError for another number or size of axes.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: found {type(value).__name__}, expected a tensor, {meaning}")
    if not value.is_floating_point():
        raise TypeError(f"{name}: found dtype {value.dtype}, expected a floating dtype, {meaning}")
    fits = value.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(value.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: found shape {list(value.shape)}, expected {meaning}")
    return value


def require_batch(name: str, value: Tensor, batch: int) -> None:
    """Raise ValueError unless the first axis of `value` is `batch`, or 1 (one camera or pose for the whole batch)."""
    if value.shape[0] not in (1, batch):
        raise ValueError(f"{name}: found batch size {value.shape[0]}, expected {batch} (or 1, shared by the batch)")


def require_size(height: int, width: int) -> None:
    """Raise ValueError unless both sides of an image are positive whole numbers."""
    for name, side in (("height", height), ("width", width)):
        if isinstance(side, bool) or not isinstance(side, int) or side < 1:
            raise ValueError(f"{name}: found {side!r}, expected a whole number of pixels >= 1")


def require_intrinsics(name: str, K: object, batch: int) -> Tensor:
    """`K` as [B,3,3] or [1,3,3] pixels; at least float32, since bfloat16 cannot represent pixels above 256 exactly."""
    K = require_tensor(name, K, (None, 3, 3), "[B,3,3] intrinsics in pixels")
    if torch.finfo(K.dtype).bits < 32:
        raise TypeError(f"{name}: found dtype {K.dtype}, expected float32 or float64")
    require_batch(name, K, batch)
    return K
