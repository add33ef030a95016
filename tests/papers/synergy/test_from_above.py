"""The plan of a room: where a wall stands, and what the figures draw."""

import numpy as np
import pytest
import torch

from depthlib.papers.synergy.figures import over_steps
from depthlib.papers.synergy.from_above import plan, rooms_from_above

K = torch.tensor([[50.0, 0.0, 20.0], [0.0, 50.0, 8.0], [0.0, 0.0, 1.0]])


def test_a_wall_at_four_metres_is_a_line_across():
    depth = torch.full((1, 17, 41), 4.0)
    depth[0, 8, 0] = 0.0  # nothing known there
    depth[0, 7] = 9.0  # another row does not matter
    across, ahead = plan(depth, K)
    assert np.isnan(across[0]) and np.isnan(ahead[0])
    np.testing.assert_allclose(ahead[1:], 4.0)
    np.testing.assert_allclose(across[1:], 4.0 * (np.arange(1, 41) - 20) / 50, atol=1e-6)


@pytest.mark.slow
def test_figures_draw_what_they_are_given():
    depth = torch.full((1, 17, 41), 4.0)
    figure = rooms_from_above([(K, {"truth": depth, "berHu": depth / 2})] * 2)
    assert len(figure.axes) == 2
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    np.testing.assert_allclose(lines["berHu"].get_ydata(), 2.0)
    curves = {"berHu": [[None, 0.3, None, 0.2], [None, 0.5, None, 0.4]]}
    axis = over_steps(curves, 0.29, "abs_rel").axes[0]
    drawn = axis.get_lines()[0]
    assert drawn.get_xdata().tolist() == [2, 4]
    np.testing.assert_allclose(drawn.get_ydata(), [0.4, 0.3])
