"""The class labels of the scenes for training: 13 or 4 (as in NYU) for rooms, 8 for streets."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.scenes.classes import NYU4_CLASSES, NYU13_TO_NYU4, ROOM_CLASSES, STREET_CLASSES

NAMES = {13: ROOM_CLASSES, 4: NYU4_CLASSES, 8: STREET_CLASSES}


def class_names(classes: int) -> tuple[str, ...]:
    """Names of the classes 0, 1, ... Raises ValueError for another number than 4, 8 or 13."""
    if classes not in NAMES:
        raise ValueError(f"classes: found {classes!r}, expected one of {', '.join(map(str, sorted(NAMES)))}")
    return NAMES[classes]


def scene_labels(semantics: Tensor, classes: int) -> Tensor:
    """The `semantics` of a scene, int64 of any shape, in `classes` classes: 13 and 8 unchanged, 4 mapped from the 13 of
    rooms.

    Raises ValueError as `class_names`.
    """
    coarse = class_names(classes) is NYU4_CLASSES
    return torch.tensor(NYU13_TO_NYU4, device=semantics.device)[semantics] if coarse else semantics
