"""Tenengrad against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import sobel
from tensors import F64
from torch.nn import functional as F

from depthlib.metrics import tenengrad


def test_tenengrad_is_that_of_scipy() -> None:
    depth = torch.rand(2, 1, 12, 17, dtype=F64) * 50
    for image in range(2):
        array = depth[image, 0].numpy()
        magnitude = np.hypot(sobel(array, axis=0, mode="nearest"), sobel(array, axis=1, mode="nearest"))
        assert tenengrad(depth)[image].item() == pytest.approx(magnitude.sum())
        counted = magnitude[magnitude > 100]
        assert 10 < len(counted) < 200
        assert tenengrad(depth, threshold=100)[image].item() == pytest.approx(counted.sum())
        assert tenengrad(depth, threshold=100, power=2)[image].item() == pytest.approx((counted**2).sum())
        assert tenengrad(depth, threshold=100, reduction="mean")[image].item() == pytest.approx(
            counted.sum() / magnitude.size
        )


def test_only_a_threshold_tells_a_sharp_edge_from_a_blurred_one_and_size_alone_changes_the_score() -> None:
    sharp = torch.full((1, 1, 24, 72), 10.0)
    sharp[..., 37:] = 40.0
    low = F.avg_pool2d(sharp, 3)  # the edge falls inside a cell
    size = (24, 72)
    total = [tenengrad(x, size=size).item() for x in (sharp, low)]
    edges = [tenengrad(x, size=size, threshold=60).item() for x in (sharp, low)]
    assert total[0] == pytest.approx(total[1], rel=1e-4)  # total variation does not see blur
    assert edges[0] == pytest.approx(total[0]) and edges[1] < 0.5 * edges[0]
    assert tenengrad(sharp).item() == pytest.approx(
        3 * tenengrad(low).item(), rel=1e-4
    )  # native sizes: 3 from resolution alone
    assert tenengrad(sharp.half()).dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": -1}, "threshold, power: found -1"),
        ({"power": 0}, "threshold, power: found 0.0 and 0"),
        ({"reduction": "max"}, "reduction: found 'max'"),
    ],
)
def test_tenengrad_refuses(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tenengrad(torch.rand(1, 1, 4, 4), **options)
    with pytest.raises(ValueError, match=r"depth: found shape \[1, 3, 4, 4\]"):
        tenengrad(torch.rand(1, 3, 4, 4))
    with pytest.raises(TypeError, match="depth: found torch.int64"):
        tenengrad(torch.zeros(1, 1, 4, 4, dtype=torch.int64))
