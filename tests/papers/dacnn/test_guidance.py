"""Pictures of the guidance: mixed objects, colours and places."""

from __future__ import annotations

import pytest
import torch
from dacnn_parts import Frames

from depthlib.papers.dacnn.guidance import border_pixel, guidance_colours, marked, mixing, shrunk


def test_mixing_of_objects():
    frame = Frames()
    instances = frame.instances[None, None]
    share = mixing(torch.zeros(1, 2, 32, 48), instances)[0, 0]
    assert share[8, 16] == pytest.approx(5 / 9) and share[12, 20] == 0 and share[10, 15] == pytest.approx(3 / 9)
    guided = mixing(10 * frame.depth.log()[None], instances)
    assert guided.max() < 1e-6
    assert mixing(torch.zeros(1, 2, 32, 48), instances, dilation=3)[0, 0, 10, 18] == pytest.approx(5 / 9)
    with pytest.raises(ValueError, match="expected one size"):
        mixing(torch.zeros(1, 2, 8, 8), instances)


def test_guidance_colours():
    torch.manual_seed(0)
    teacher = torch.randn(2, 5, 6, 7)
    own, same, other = guidance_colours(teacher, [teacher + torch.randn(2, 1, 6, 7), torch.randn(2, 5, 6, 7)])
    assert own.shape == (2, 3, 6, 7) and own.min() == 0 and own.max() == 1
    torch.testing.assert_close(own, same)  # a softmax does not see a shift of all channels
    assert (own - other).abs().mean() > 0.1


def test_places():
    frame = Frames()
    row, column = border_pixel(frame.depth, frame.instances[None])
    assert column == 29 and 8 <= row < 20  # the right edge of the box: near on its left, far on its right
    with pytest.raises(ValueError, match="no step from near to far"):
        border_pixel(torch.full((1, 32, 48), 3.0), frame.instances[None])
    image = marked(torch.zeros(3, 8, 8), [(0, 0), (4, 6)])
    assert image.sum() == 2 * (9 + 20) and image[0, 2:7, 4:8].eq(1).all()
    assert torch.equal(shrunk(frame.instances[None, None], (16, 24)).unique(), torch.tensor([1, 2]))
