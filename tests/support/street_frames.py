"""Fixture: three streets of the test set; a conftest.py imports it for its folder."""

import pytest

from depthlib.scenes.sets import scenes


@pytest.fixture(scope="module")
def test_streets():
    return scenes("streets", "val", 3, height=64, width=128)
