"""Streets for the tests of this folder."""

import pytest
import torch
from street_frames import test_streets

from depthlib.scenes.sets import scenes

__all__ = ["street", "test_streets"]


@pytest.fixture(scope="module")
def street() -> dict[str, torch.Tensor]:
    data = scenes("streets", "val", 2, views=("current", "previous", "next"), height=128, width=256)
    keys = ("image", "previous", "next", "K", "depth", "T_previous_current", "T_next_current")
    return {key: torch.stack([data[i][key] for i in range(2)]) for key in keys}
