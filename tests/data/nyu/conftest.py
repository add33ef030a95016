"""Rooms that are written in the formats of NYU Depth v2."""

from __future__ import annotations

import pytest

from depthlib.scenes import SceneDataset, SceneDistribution


@pytest.fixture(scope="module")
def rooms() -> SceneDataset:
    return SceneDataset(SceneDistribution("rooms", height=48, width=64, antialias=1), "val", 3, cache=False)
