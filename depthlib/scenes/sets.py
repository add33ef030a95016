"""Data sets from plain options, as recipes name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from depthlib.scenes import SceneDataset, SceneDistribution


def scenes(
    family: str, split: str, count: int, views: Sequence[str] = ("current",), extras: Sequence[str] = (), **knobs: Any,
) -> SceneDataset:
    """Frames of the scenes benchmark; `knobs` are fields of `SceneDistribution`."""
    return SceneDataset(SceneDistribution(family=family, **knobs), split, count, views=tuple(views), extras=tuple(extras), progress=True)
