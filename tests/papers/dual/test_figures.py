"""Figures of the lesson: planes agree where the surface is."""

import pytest
import torch

from depthlib.papers.dual.figures import cross_section, enlarged_cells, plane_errors, warped


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


def test_a_pole_thinner_than_a_cell_is_mixed_with_what_is_beside_it():
    row = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    assert torch.equal(enlarged_cells(row, 1), row)
    torch.testing.assert_close(enlarged_cells(row, 3), torch.tensor([1, 1, 1, 0, 0, 0]) / 3)
    figure = cross_section({str(depth): torch.full((6,), depth) for depth in (1.0, 2.0, 4.0, 5.0, 8.0)}, row)
    (axis,) = figure.axes
    assert [line.get_ydata()[0] for line in axis.lines] == [1.0, 0.5, 0.25, pytest.approx(0.2), 0.125]
    assert len(axis.collections) == 1
