"""WHDR by hand."""

from __future__ import annotations

import pytest
import torch

from depthlib.metrics.ordinal import whdr


def test_whdr_by_hand():
    depth = torch.tensor([[1.0, 2, 2], [4, 5, 6]]).view(1, 1, 2, 3)
    points = torch.tensor([[[0, 0, 1, 2], [1, 2, 0, 0], [0, 1, 0, 2], [0, 1, 0, 2]]])
    assert whdr(depth, points, torch.tensor([[-1, 1, 0, 1]])).item() == 0.25  # a tie that is not equal is wrong
    assert whdr(-depth, points, torch.tensor([[-1, 1, 0, 1]])).item() == 0.75
    assert whdr(depth, points, torch.tensor([[0, 0, 0, 0]]), threshold=10).item() == 0
    assert whdr(depth, points, torch.tensor([[-1, 1, 1, 1]]) * 1.0).item() == 0.5
    assert whdr(depth, points[:, 1:2], torch.tensor([[0]]), threshold=5).item() == 0  # a difference of just 5 is equal
    for bad, message in [
        (points + 1, "counts from 1"),
        (points.float(), "expected int64"),
        (points[:, :2], "with relations"),
    ]:
        with pytest.raises(ValueError, match=message):
            whdr(depth, bad, torch.tensor([[-1, 1, 0, 1]]))
    with pytest.raises(ValueError, match="only -1, 0, 1"):
        whdr(depth, points, torch.tensor([[2, 1, 0, 1]]))
