"""Colours of depth and of classes, also for colour-blind people."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from small_maps import RAMP

from depthlib.base.colour import hatch
from depthlib.report import PALETTE, colour_classes, colour_depth

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_CUDA)])
def test_colour_depth_is_the_colour_map_between_the_ends(device):
    depth = torch.tensor([[1.0, 2.0, 3.0, 5.0, 0.0, float("nan")]], device=device)[None, None]
    found = colour_depth(depth, vmin=1, vmax=3, cmap="magma")
    expected = [colormaps["magma"](unit, bytes=True)[:3] for unit in (0.0, 0.5, 1.0, 1.0)]
    assert found.dtype == np.uint8 and found.shape == (1, 6, 3)
    np.testing.assert_allclose(found[0, :4].astype(int), expected, atol=1)
    assert (found[0, 4:] == hatch((1, 6))[0, 4:]).all()  # 0 and nan are no depth


def test_colour_depth_ends_come_from_valid_values_alone():
    depth = RAMP.copy()
    depth[0, 0] = 1e6
    valid = depth < 100
    low, high = np.percentile(depth[valid], [2, 98])
    assert (colour_depth(depth, valid) == colour_depth(depth, valid, low, high)).all()
    flat = np.full((2, 2), 3.0)
    assert (colour_depth(flat) == colour_depth(flat, vmin=3, vmax=3)).all()  # no spread, no error
    assert (colour_depth(np.zeros((3, 3))) == hatch((3, 3))).all()


def test_the_hatch_is_grey_and_no_map_is():
    grey = hatch((12, 12)).reshape(-1, 3)
    assert len(np.unique(grey, axis=0)) == 2 and (grey == grey[:, :1]).all()
    for name in ("viridis", "cividis", "magma"):
        colours = colormaps[name](np.linspace(0, 1, 256), bytes=True)[:, :3].astype(int)
        assert np.abs(colours[:, None] - np.unique(grey, axis=0).astype(int)).max(-1).min() > 12


def test_colour_classes():
    labels = torch.tensor([[0, 1], [13, 255]])
    found = colour_classes(labels, 14, ignore=255)
    assert [tuple(c) for c in found.reshape(-1, 3)[:3]] == [tuple(bytes.fromhex(PALETTE[i][1:])) for i in (0, 1, 13)]
    assert tuple(found[1, 1]) == tuple(hatch((2, 2))[1, 1])
    with pytest.raises(ValueError, match=r"found class \[255\], expected 0 to 13"):
        colour_classes(labels, 14)
    with pytest.raises(ValueError, match="15 classes"):
        colour_classes(labels, 15)


def test_the_classes_differ_for_colour_blind_people():
    """Machado's matrices at full severity, on linear RGB; CIEDE2000 by scikit-image. 2.3 is just noticeable."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    sight = [
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ]
    colours = np.array([list(bytes.fromhex(name[1:])) for name in PALETTE]) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    for matrix in sight:
        seen = np.clip(linear @ np.transpose(matrix), 0, 1)
        lab = rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]
        distance = deltaE_ciede2000(lab[:, None], lab[None]) + 99 * np.eye(len(PALETTE))
        assert distance.min() > 10
