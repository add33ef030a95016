"""Fixtures: four rooms, four streets, and pairs of points on all of them; a conftest.py imports them for its folder."""

from __future__ import annotations

import pytest

from depthlib.scenes.variants import Frames, OrdinalFrames

ROOMS = {"family": "rooms", "first": 0, "count": 4, "height": 32, "width": 64, "antialias": 1}
STREETS = ROOMS | {"family": "streets"}


@pytest.fixture(scope="module")
def rooms() -> Frames:
    return Frames([ROOMS], "val", (32, 64))


@pytest.fixture(scope="module")
def streets() -> Frames:
    return Frames([STREETS], "val", (32, 64))


@pytest.fixture(scope="module")
def pairs() -> OrdinalFrames:
    return OrdinalFrames(Frames([ROOMS, STREETS], "val", (32, 64)))
