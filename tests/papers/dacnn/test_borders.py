"""Errors at borders: against scipy, and on maps that are wrong there alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dacnn_parts import Frames
from scipy import ndimage
from torch import nn

from depthlib.papers.dacnn.borders import BorderErrors, depth_borders, gradient_error, regions
from depthlib.protocols.inference import measure


def test_borders_are_where_objects_of_other_depth_meet():
    frame = Frames()
    depth, instances = frame.depth[None], frame.instances[None, None]
    border = depth_borders(depth, instances)[0, 0].numpy()
    box = np.zeros((32, 48), bool)
    box[8:20, 16:30] = True
    cross = ndimage.generate_binary_structure(2, 1)
    expected = (ndimage.binary_dilation(box, cross) & ~box) | (box & ~ndimage.binary_erosion(box, cross))
    np.testing.assert_array_equal(border, expected)
    assert not depth_borders(depth, torch.ones_like(instances)).any()  # a slope of one object is no border
    assert not depth_borders(torch.full_like(depth, 3.0), instances).any()  # nor are two objects of one depth
    assert not depth_borders(depth, instances, jump=4.5).any()
    with pytest.raises(ValueError, match="jump: found 1"):
        depth_borders(depth, instances, jump=1)
    with pytest.raises(ValueError, match=r"found shapes .*, expected \[B,1,H,W\]"):
        depth_borders(depth, instances[0])


def test_band_and_inside():
    frame = Frames(sky=True)
    depth, instances = frame.depth[None], frame.instances[None, None]
    band, inside = regions(depth, instances, reach=2)
    border, sky = depth_borders(depth, instances)[0, 0].numpy(), (frame.depth == 0)[0].numpy()
    square = np.ones((5, 5), bool)
    near, under = ndimage.binary_dilation(border, square), ndimage.binary_dilation(sky, np.ones((7, 7), bool))
    np.testing.assert_array_equal(band[0, 0].numpy(), near & ~under)
    np.testing.assert_array_equal(inside[0, 0].numpy(), ~near & ~under)


def test_gradient_error():
    """0 for the truth at any scale, 1 for a flat map; nothing that is not the step in its place comes near to 0."""
    frame = Frames()
    depth = frame.depth[None]
    band, _ = regions(depth, frame.instances[None, None])

    def error(prediction):
        return gradient_error(prediction, depth, band).item()

    for prediction, expected in (
        (depth, 0.0),
        (3 * depth, 0.0),
        (torch.full_like(depth, 9.0), 1.0),
        (depth.sqrt(), 0.25),  # half the slope
        (depth.square(), 1.0),  # twice the slope
        (1 / depth, 4.0),  # of the other sign
    ):
        assert error(prediction) == pytest.approx(expected, abs=1e-5)
    blurred = torch.from_numpy(ndimage.gaussian_filter(depth[0, 0].numpy(), 2.0))[None, None]
    noisy = torch.full_like(depth, 9.0) * torch.exp(0.2 * torch.randn(depth.shape, generator=torch.manual_seed(0)))
    assert 0.5 < error(blurred) < 1 < error(noisy)
    assert error(depth.roll((1, 1), (2, 3))) > 1.5, "a step beside its place is wrong twice"
    assert torch.isnan(gradient_error(depth, depth, torch.zeros_like(band))).item()


class Painted(nn.Module):
    """Depth is 40 times the image, but `off` times that near the box's border."""

    def __init__(self, off: float, inputs: tuple[str, ...] = ("image",)) -> None:
        super().__init__()
        self.off, self.inputs = off, inputs

    def forward(self, image, *more):
        frame = Frames()
        band, _ = regions(frame.depth[None], frame.instances[None, None])
        return 40 * image[:, :1] * torch.where(band, self.off, 1.0)


def test_border_errors():
    borders = BorderErrors("dacnn-streets+crop=none")
    result = measure(Painted(1.5), Frames(), {"borders": borders})["borders"]
    assert result.images == ["f0"] and result.skipped == ["f1"]  # without a border there is nothing to say
    assert result.metrics["border_abs_rel"] == pytest.approx([0.5]) and result.metrics[
        "inside_abs_rel"
    ] == pytest.approx([0.0], abs=1e-6)
    assert result.metrics["border_minus_inside"] == pytest.approx([0.5]) and result.metrics[
        "inside_minus_border"
    ] == pytest.approx([-0.5])
    with pytest.raises(ValueError, match="both a depth border and an inside"):
        measure(Painted(1.5), torch.utils.data.Subset(Frames(), [1]), {"borders": borders})


class Colour(nn.Module):
    """Depth from each pixel's own colours, of the image and its stereo partner; `seen` are the sizes of the images."""

    inputs = ("image", "right")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, image, right):
        self.seen.append(tuple(image.shape[-2:]))
        return 1 + 30 * image[:, :1] + 20 * right[:, 1:2]


def test_border_errors_through_windows():
    model, protocol = Colour(), "dacnn-streets+crop=none"
    found = measure(model, Frames(), {"windows": BorderErrors(protocol, [16, 16]), "whole": BorderErrors(protocol)})
    assert set(model.seen) == {(16, 16), (32, 48)}
    assert found["windows"].images == ["f0"] == found["whole"].images
    for name, values in found["whole"].metrics.items():
        assert found["windows"].metrics[name] == pytest.approx(values), name
