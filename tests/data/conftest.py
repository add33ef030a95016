"""Frames that the writers write and the loaders read.

A file says by `SCENES` which views and extras its frames have; without it they are of one view.
"""

from __future__ import annotations

import pytest

from depthlib.scenes import SceneDataset, SceneDistribution


@pytest.fixture(scope="module")
def streets(request: pytest.FixtureRequest) -> SceneDataset:
    """With sky, which has no depth."""
    distribution = SceneDistribution("streets", height=48, width=96, antialias=1)
    return SceneDataset(distribution, "val", 2, cache=False, **getattr(request.module, "SCENES", {}))


@pytest.fixture(scope="module")
def rooms(request: pytest.FixtureRequest) -> SceneDataset:
    distribution = SceneDistribution("rooms", height=48, width=64, antialias=1)
    return SceneDataset(distribution, "val", 2, cache=False, **getattr(request.module, "SCENES", {}))
