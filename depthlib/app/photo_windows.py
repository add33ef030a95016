"""Depth of a large photograph in more detail: the network looks at overlapping windows of it, and each is fitted to the
depth of the whole.

A window shows less than the whole, so the network may give it another scale and bend its large surfaces. The depth of
the whole decides what is near and far, the windows add edges. All is done in log depth, where a scale is a shift.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn

from depthlib.data.depth_png import Unit
from depthlib.data.images import resize
from depthlib.protocols.photograph import checked, forward
from depthlib.protocols.sliding_window import window_starts

CONTRAST = (0.5, 2.0)  # of log depth in a window; more is another surface, not another scale
SMOOTH = 3  # pixels of the network's view of the whole for each value of the shift


def fine_size(full: Sequence[int], window: Sequence[int], finer: int) -> tuple[int, int] | None:
    """`finer` times the size of a window, or less where the photograph of size `full` has not so many pixels; None
    where it has hardly more than a window.
    """
    times = min(finer, math.floor(math.sqrt(full[0] * full[1] / (window[0] * window[1]))))
    return (window[0] * times, window[1] * times) if times > 1 else None


@torch.no_grad()
def refined(
    model: nn.Module, image: Tensor, whole: Tensor, unit: Unit, window: Sequence[int], batch: int = 4
) -> Tensor:
    """Depth [1,H,W] from windows that overlap by half, blended by weights that fall smoothly to 0 at their borders.

    Of each window, log depth (of relative depth, depth itself) is fitted to the whole: times a contrast, the ratio of
    the deviations of the detail that both show, kept within `CONTRAST`, plus a shift that varies smoothly over the
    window. Two neighbouring windows of side n that still differ by d are blended over n / 2 pixels, so that the blend
    changes log depth by at most pi d / n from one pixel to the next: there are no seams.

    Args:
        model: [B,3,h,w] to depth, as `forward` takes it; h and w are those of `window`.
        image: [3,H,W], at least as large as a window.
        whole: [1,h',w'], the depth of the whole photograph.
        batch: windows that go through the model together.

    Raises ValueError for depth that is not finite or, unless relative, not above 0.
    """
    size = image.shape[1:]
    corners = product(
        *(window_starts(length, side, max(1, side // 2)) for length, side in zip(size, window, strict=True))
    )
    places = [(slice(y, y + window[0]), slice(x, x + window[1])) for y, x in corners]
    level = _levels(whole[None], unit)
    target = resize(level, size)[0, 0]
    # the size at which the network sees what lies in a window when it looks at the whole
    seen = [
        max(2, round(side * pixels / length))
        for side, pixels, length in zip(window, level.shape[2:], size, strict=True)
    ]
    total, weights, weight = torch.zeros(*size), torch.zeros(*size), _bump(window)
    for start in range(0, len(places), batch):
        some = places[start : start + batch]
        depths = checked(forward(model, torch.stack([image[:, rows, columns] for rows, columns in some])))
        for place, found in zip(some, resize(_levels(depths, unit), window)[:, 0], strict=True):
            total[place] += weight * _fitted(found, target[place], seen)
            weights[place] += weight
    blended = (total / weights)[None]
    return blended if unit == "relative" else blended.exp()


def _levels(depth: Tensor, unit: Unit) -> Tensor:
    """Log depth; of relative depth, which may be negative, depth itself."""
    if unit == "relative":
        return depth
    if not depth.min() > 0:
        raise ValueError(f"windows: found a predicted depth of {depth.min():g}, expected depths above 0")
    return depth.log()


def _fitted(found: Tensor, target: Tensor, seen: Sequence[int]) -> Tensor:
    """`found` with the contrast and the large surfaces of `target`, which has no more detail than `seen` pixels."""
    coarse = [max(2, side // SMOOTH) for side in seen]
    blurred = _resized(_resized(found, seen), found.shape)  # as `target` is
    deviations = []
    for part in (blurred, target):
        view = _resized(part, seen)
        deviations.append(float((view - _resized(_resized(view, coarse), seen)).std()))
    contrast = min(max(deviations[1] / deviations[0], CONTRAST[0]), CONTRAST[1]) if deviations[0] > 0 else 1.0
    return contrast * found + _resized(_resized(target - contrast * blurred, coarse), found.shape)


def _resized(image: Tensor, size: Sequence[int]) -> Tensor:
    return resize(image[None, None], size)[0, 0]


def _bump(window: Sequence[int]) -> Tensor:
    """sin^2 along both axes: half a window apart the weights of neighbours add up to 1."""
    rows, columns = (torch.sin(math.pi * (torch.arange(side) + 0.5) / side) ** 2 for side in window)
    return rows[:, None] * columns
