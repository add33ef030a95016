"""Sets of the scenes benchmark made from plain options, as recipes name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes.wild import CANONICAL_FOCAL, CanonicalFocal, wild


def scenes(
    family: str, split: str, count: int, views: Sequence[str] = ("current",), extras: Sequence[str] = (), **knobs: Any
) -> SceneDataset:
    """The first `count` frames of a split; `knobs` are fields of `SceneDistribution`.

    Raises ValueError for an unknown family, split, view or extra, TypeError for an unknown knob.
    """
    distribution = SceneDistribution(family=family, **knobs)
    return SceneDataset(distribution, split, count, views=tuple(views), extras=tuple(extras), progress=True)


def wild_scenes(
    family: str,
    split: str,
    count: int,
    views: Sequence[str] = ("current",),
    extras: Sequence[str] = (),
    focal: float = CANONICAL_FOCAL,
    **knobs: Any,
) -> CanonicalFocal:
    """The first `count` frames of a split of the scenes for photographs, with lengths as for the focal length `focal`.

    Raises as `scenes`, and ValueError for a focal length that is not above 0.
    """
    dataset = SceneDataset(wild(family, **knobs), split, count, views=tuple(views), extras=tuple(extras), progress=True)
    return CanonicalFocal(dataset, focal)
