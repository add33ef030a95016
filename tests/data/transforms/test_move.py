"""Rotations and shifts against numpy, other libraries and closed forms."""

import math

import numpy as np
import pytest
import torch
from wall import _turn, wall

from depthlib.data.transforms import Drop, RandomRotate, RandomTranslate, generator_of


def test_a_rotation_is_that_of_other_libraries():
    """Counter-clockwise about the centre; interpolation, the reflected border and the nearest labels."""
    from scipy.ndimage import affine_transform
    from torchvision.transforms.v2 import functional

    torch.manual_seed(0)
    image, depth = torch.rand(3, 33, 46, dtype=torch.float64), 1 + torch.rand(1, 33, 46, dtype=torch.float64)
    for degrees in (7.0, -31.0):
        after = RandomRotate((degrees, degrees))({"image": image, "depth": depth}, torch.Generator())
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        matrix, centre = np.array([[c, s], [-s, c]]), np.array([16.0, 22.5])
        options = {"offset": centre - matrix @ centre, "order": 1, "mode": "mirror"}
        expected = np.stack([affine_transform(plane, matrix, **options) for plane in image.numpy()])
        torch.testing.assert_close(after["image"], torch.from_numpy(expected))
        turned = functional.rotate(depth, degrees, interpolation=functional.InterpolationMode.NEAREST, fill=0.0)
        assert torch.equal(after["depth"], turned)


def test_quarter_turns_are_exact():
    sample = {
        "image": torch.rand(3, 16, 16),
        "depth": 1 + torch.rand(1, 16, 16),
        "semantics": torch.arange(256).view(16, 16) % 9,
        "pairs": torch.tensor([[0, 3, 15, 15, 1], [7, 8, 8, 7, -1]]),
    }
    for quarters, degrees in ((0, 0.0), (1, 90.0), (2, 180.0), (3, -90.0)):
        after = RandomRotate((degrees, degrees))(sample, torch.Generator())
        for key in ("depth", "semantics"):
            assert torch.equal(after[key], sample[key].rot90(quarters, (-2, -1))), key
        torch.testing.assert_close(after["image"], sample["image"].rot90(quarters, (-2, -1)), atol=3e-6, rtol=0)
        assert bool(after["pairs_valid"].all())
        for end in (0, 2):
            now, was = after["pairs"][:, end : end + 2].T, sample["pairs"][:, end : end + 2].T
            assert torch.equal(after["depth"][0, now[0], now[1]], sample["depth"][0, was[0], was[1]])


def test_the_principal_point_turns_with_the_picture():
    K = torch.tensor([[60.0, 25, 50], [0, 40, 10], [0, 0, 1]], dtype=torch.float64)  # far from square and centred
    after = RandomRotate((33.0, 33.0))({"image": torch.rand(3, 20, 40), "K": K}, torch.Generator())["K"]
    affine, centre = K[:2, :2], torch.tensor([19.5, 9.5], dtype=torch.float64)
    expected = affine @ _turn(33)[:2, :2] @ affine.inverse() @ (K[:2, 2] - centre) + centre
    torch.testing.assert_close(after, torch.cat((torch.cat((affine, expected[:, None]), dim=1), K[2:])))


def test_pairs_that_turn_out_of_the_image_or_into_one_pixel_are_lost():
    sample = {"image": torch.rand(3, 9, 31), "pairs": torch.tensor([[4, 1, 4, 20, 1], [4, 14, 4, 20, 1]])}
    after = RandomRotate((40.0, 40.0))(sample, torch.Generator())
    assert after["pairs_valid"].tolist() == [False, True]  # 14 columns off the centre is below after the turn
    near = torch.tensor([[y, x, y, x + 1, 1] for y in range(2, 7) for x in range(12, 19)])
    kept = RandomRotate((45.0, 45.0))(sample | {"pairs": near}, torch.Generator())
    apart = (kept["pairs"][:, :2] != kept["pairs"][:, 2:4]).any(dim=1)
    assert torch.equal(kept["pairs_valid"], apart) and 0 < apart.sum() < len(near)


def test_a_shift_is_that_of_numpy():
    sample = {"image": torch.rand(3, 20, 30), "depth": 1 + torch.rand(1, 20, 30), "K": torch.eye(3)}
    seen = set()
    for step in range(60):
        after = RandomTranslate((0.1, 0.2))(sample, generator_of(0, step, 0))
        right, down = after["K"][:2, 2].long().tolist()
        seen.add((down, right))
        grown = np.pad(sample["image"].numpy(), ((0, 0), (6, 6), (6, 6)), mode="reflect")
        assert np.array_equal(after["image"].numpy(), grown[:, 6 - down : 26 - down, 6 - right : 36 - right])
        grown = np.pad(sample["depth"].numpy(), ((0, 0), (6, 6), (6, 6)))
        assert np.array_equal(after["depth"].numpy(), grown[:, 6 - down : 26 - down, 6 - right : 36 - right])
    assert {down for down, _ in seen} == set(range(-2, 3)) and {right for _, right in seen} == set(range(-6, 7))


def test_rotation_refuses_what_it_would_spoil():
    with pytest.raises(ValueError, match="^right: found a stereo pair"):
        RandomRotate()(wall(), torch.Generator())
    with pytest.raises(ValueError, match="^disparity: found disparity in pixels"):
        RandomRotate()(Drop(("right",))(wall()), torch.Generator())
