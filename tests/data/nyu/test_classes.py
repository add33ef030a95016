"""Maps of the classes of NYU Depth v2."""

from __future__ import annotations

import pytest
import torch

from depthlib.data.errors import DataError
from depthlib.data.nyu import MAP4, MAP13, NAMES13, coarsen
from depthlib.scenes.classes import ROOM_CLASSES


def test_class_maps() -> None:
    """Facts that the names of the classes imply; any shift by one breaks them."""
    assert len(MAP13) == len(MAP4) == 40 and set(MAP13) == set(range(1, 14)) and set(MAP4) == {1, 2, 3, 4}
    assert [name.replace("picture", "painting") for name in NAMES13] == list(ROOM_CLASSES)
    walls, floor, bed, ignored = torch.tensor([0, 1, 3, 255])
    assert coarsen(torch.stack([walls, floor, bed, ignored]), 13).tolist() == [11, 4, 0, 255]
    assert coarsen(torch.stack([walls, floor, bed, ignored]), 4).tolist() == [1, 0, 2, 255]
    with pytest.raises(DataError, match="found 40"):
        coarsen(torch.tensor([40]), 13)
