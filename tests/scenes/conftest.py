"""Frames of scenes for the tests of this folder."""

from __future__ import annotations

import pytest
from variant_frames import pairs, rooms, streets

__all__ = ["pairs", "rooms", "streets"]


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
