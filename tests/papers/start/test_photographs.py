"""Photographs of the first lesson: one of them measured, and their crops."""

import numpy as np
import pytest
import torch
from skimage.data import stereo_motorcycle

from depthlib.geometry.camera import backproject
from depthlib.papers.start.photographs import centred, motorcycle, photographs


def test_motorcycle_is_measured_as_scikit_image_says():
    frame = motorcycle()
    left, _, disparity = stereo_motorcycle()
    assert torch.equal((frame.image * 255).round().byte(), torch.from_numpy(left).permute(2, 0, 1))
    assert torch.equal(frame.valid[0], torch.from_numpy(np.isfinite(disparity)))
    assert 2 < frame.depth[frame.valid].min() < frame.depth[frame.valid].max() < 6
    # a point, moved to the right camera, whose principal point lies 31.086 px further right, has that disparity
    points = backproject(frame.depth[None], frame.K[None])[0]
    u = frame.K[0, 0] * (points[0] - 0.193001) / points[2] + frame.K[0, 2] + 31.086
    shift = torch.arange(u.shape[1]) - u
    assert (shift - torch.from_numpy(disparity))[frame.valid[0]].abs().max() < 1e-3


def test_photographs_are_cropped_to_the_middle():
    assert set(photographs(4 / 3)) == {"astronaut", "chelsea", "coffee", "rocket"}
    image = torch.arange(90.0).view(1, 9, 10).expand(3, 9, 10)
    assert torch.equal(centred(image, 2.0), image[:, 2:7]) and torch.equal(centred(image, 0.5), image[:, :, 3:7])
    assert all(one.shape[2] / one.shape[1] == pytest.approx(4 / 3, rel=0.01) for one in photographs(4 / 3).values())
