"""Test streets that no trial has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from depthlib.scenes import SceneDataset, SceneDistribution

USED = 56  # the first test streets, which settings of earlier trainings were chosen by


def fresh_scenes(
    family: str, split: str, count: int, views: Sequence[str] = ("current",), first: int = USED, **knobs: Any
) -> SceneDataset:
    """`count` frames of a split from number `first` on; else as `depthlib.scenes.sets.scenes`."""
    distribution = SceneDistribution(family=family, **knobs)
    return SceneDataset(distribution, split, count, first=first, views=tuple(views), progress=True)
