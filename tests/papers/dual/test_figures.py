"""Figures of the lesson: planes agree where the surface is."""

import pytest
import torch

from depthlib.papers.dual.figures import plane_errors, warped


@pytest.mark.slow
def test_planes_agree_where_the_surface_is(street):
    item = {key: value[0] for key, value in street.items()}
    depth = torch.where(item["depth"] > 0, item["depth"], 80.0)[None]
    _, errors = warped(item, depth)
    _, flat = warped(item, torch.full_like(depth, 10.0))
    assert errors.mean() < 0.5 * flat.mean()
    found = plane_errors(item, [(100, 128)], [5.0, 10.0], ratio=2)
    assert found.shape == (1, 2, 2)
    _, half = warped(item, torch.full((1, 1, 64, 128), 5.0), 2)
    torch.testing.assert_close(found[0, 0], half[:, 50, 64])
