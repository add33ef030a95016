"""Small frames of the scenes for miniatures, rendered on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from depthlib.scenes.dataset import SceneDataset
from depthlib.scenes.distribution import SceneDistribution


def frames(
    family: str,
    split: str,
    count: int,
    height: int,
    width: int,
    *,
    views: Sequence[str] = ("current",),
    extras: Sequence[str] = (),
    **knobs: Any,
) -> list[dict[str, Any]]:
    """The first `count` frames of a split, see `SceneDataset`; `knobs` are fields of `SceneDistribution`."""
    distribution = SceneDistribution(family, height=height, width=width, antialias=1, **knobs)
    found = SceneDataset(distribution, split, count, views=views, extras=extras, cache=False)
    return [found[position] for position in range(count)]
