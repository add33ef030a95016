"""Crops, sizes and holes."""

from __future__ import annotations

import pytest
import torch

from depthlib.protocols.crops import CROPS, box, crop_mask, filled, placed, resized


@pytest.mark.parametrize(
    "crop, size, expected",
    [
        ("garg", (375, 1242), (153, 371, 44, 1197)),
        ("garg", (370, 1226), (151, 366, 44, 1181)),
        ("garg", (376, 1241), (153, 372, 44, 1196)),
        ("eigen", (375, 1242), (124, 342, 44, 1197)),
        ("kitti_bottom", (375, 1242), (23, 375, 13, 1229)),
        ("nyu_official", (480, 640), (44, 471, 40, 601)),
        ("nyu_bts", (480, 640), (45, 471, 41, 601)),
        ("nyu_fcrn", (480, 640), (12, 468, 16, 624)),
        ("border16", (480, 640), (16, 464, 16, 624)),
        ("make3d_2to1", (55, 305), (17, 38, 0, 305)),
        ("none", (7, 9), (0, 7, 0, 9)),
    ],
)
def test_crop_rectangles_of_the_sources(crop, size, expected):
    assert box(crop, *size) == expected
    top, bottom, left, right = expected
    mask = crop_mask(crop, *size)
    assert mask.sum() == (bottom - top) * (right - left) and mask[0, 0, top, left] and mask[0, 0, bottom - 1, right - 1]


def test_crops_of_one_size_refuse_others():
    for crop in set(CROPS) - {"none", "garg", "eigen"}:
        with pytest.raises(ValueError, match="ground truth: found 20 x 20 pixels, expected"):
            box(crop, 20, 20)


def test_resizing_depth_and_disparity_differ_as_they_should():
    depth = torch.tensor([[1.0, 4.0]]).view(1, 1, 1, 2)
    linear = resized(depth, (1, 4), "prediction, bilinear, align_corners=False")
    torch.testing.assert_close(linear.flatten(), torch.tensor([1.0, 1.75, 3.25, 4.0]))
    harmonic = resized(depth, (1, 4), "disparity, bilinear, align_corners=False").flatten()
    torch.testing.assert_close(harmonic, 1 / torch.tensor([1.0, 0.8125, 0.4375, 0.25]))
    corners = resized(depth, (1, 4), "prediction, bilinear, align_corners=True").flatten()
    torch.testing.assert_close(corners, torch.tensor([1.0, 2, 3, 4]))
    assert resized(depth, (1, 4), "prediction, nearest").flatten().tolist() == [1, 1, 4, 4]
    assert resized(depth, (1, 2), "none") is depth
    with pytest.raises(ValueError, match="this protocol resizes nothing"):
        resized(depth, (1, 4), "none")
    with pytest.raises(ValueError, match="its inverse is resized"):
        resized(0 * depth, (1, 4), "disparity, bilinear, align_corners=False")


def test_a_prediction_of_a_region_lands_there():
    inner = torch.rand(1, 1, 427, 561)
    whole = placed(inner, (480, 640), "nyu_official", "none")
    assert whole.shape == (1, 1, 480, 640) and torch.equal(whole[..., 44:471, 40:601], inner)
    with pytest.raises(ValueError, match="found the whole frame.*covers=none"):
        placed(torch.ones(1, 1, 480, 640), (480, 640), "nyu_official", "prediction, nearest")


def test_holes_are_filled_from_the_background():
    depth = torch.tensor([[0.0, 0, 0, 0], [0, 5, 0, 3], [7, 0, 2, 0], [0, 0, 0, 0]]).view(1, 1, 4, 4)
    expected = torch.tensor([[5.0, 5, 3, 3], [5, 5, 3, 3], [7, 2, 2, 2], [7, 2, 2, 2]])
    torch.testing.assert_close(filled(depth)[0, 0], expected)
    with pytest.raises(ValueError, match="nothing but holes"):
        filled(0 * depth)
