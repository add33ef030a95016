"""Sets of the scenes benchmark made from plain options, as recipes name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from depthlib.scenes import SceneDataset, SceneDistribution


def scenes(
    family: str, split: str, count: int, views: Sequence[str] = ("current",), extras: Sequence[str] = (), **knobs: Any,
) -> SceneDataset:
    """The first `count` frames of a split; `knobs` are fields of `SceneDistribution`.

    Raises ValueError for an unknown family, split, view or extra, TypeError for an unknown knob.
    """
    distribution = SceneDistribution(family=family, **knobs)
    return SceneDataset(distribution, split, count, views=tuple(views), extras=tuple(extras), progress=True)
