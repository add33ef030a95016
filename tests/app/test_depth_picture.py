"""The picture of depth, in strips."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from depthlib.app import depth_picture
from depthlib.data.images import resize


def test_strips_are_the_whole_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made in strips of three columns, the depth is what one call of `resize` gives, where it grows and where it
    shrinks.
    """
    monkeypatch.setattr(depth_picture, "STRIP", 3 * 50)
    depth = torch.rand(1, 12, 16, generator=torch.Generator().manual_seed(0))
    for size in ((50, 71), (9, 20), (12, 16)):
        parts = list(depth_picture.strips(depth, size))
        whole = np.concatenate([part for _, part in parts], axis=1)
        np.testing.assert_allclose(whole, resize(depth[None], size)[0, 0].numpy(), rtol=0, atol=1e-6)
        assert [columns.start for columns, _ in parts][0] == 0 and parts[-1][0].stop == size[1] and len(parts) > 1
