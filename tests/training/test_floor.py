"""Floors take no step."""

import pytest

from depthlib.training.floor import FitFloor


def test_a_floor_takes_no_step():
    with pytest.raises(NotImplementedError, match="expected 0"):
        FitFloor().loss(None, {})
