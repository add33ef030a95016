"""Normalised disparity: which mean it is divided by."""

from __future__ import annotations

import pytest
import torch
from tensors import F64

from depthlib.papers.dual.disparity_normalisation import normalise_disparity


def test_normalisation_takes_its_own_mean_or_that_of_the_bundle() -> None:
    disparity = torch.rand(2, 1, 4, 6, dtype=F64) + torch.tensor([1.0, 5.0], dtype=F64).view(2, 1, 1, 1)
    ours = normalise_disparity(disparity)
    torch.testing.assert_close(ours.mean(dim=(1, 2, 3)), torch.ones(2, dtype=F64), atol=1e-6, rtol=0)
    torch.testing.assert_close(ours, normalise_disparity(3 * disparity), atol=1e-6, rtol=0)
    bundle = torch.cat([disparity, 3 * disparity], dim=1)  # DDVO: all frames of a sample share one mean, 10 afterwards
    torch.testing.assert_close(normalise_disparity(disparity, reference=bundle, level=10.0), 5 * ours)
    with pytest.raises(ValueError, match="disparity, reference: found shapes"):
        normalise_disparity(disparity, reference=bundle[:1])
    with pytest.raises(TypeError, match="disparity: found list"):
        normalise_disparity([disparity])
