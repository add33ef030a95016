"""Mirrored samples: a swapped pair is a pair again."""

import pytest
import torch
from wall import BASELINE, DISTANCE, NORMAL, H, W, mono, wall

from depthlib.data.transforms import Compose, Drop, RandomFlip, Resize
from depthlib.geometry import viewing_rays, warp


def test_swapped_pair_is_a_pair_again():
    sample = {k: v for k, v in wall().items() if k in ("image", "right", "K", "T_right_current", "baseline", "name")}
    swapped = RandomFlip(1.0, swap_views=True)(sample, torch.Generator())
    assert torch.equal(swapped["image"], sample["right"].flip(-1)) and torch.equal(
        swapped["right"], sample["image"].flip(-1)
    )
    torch.testing.assert_close(
        swapped["T_right_current"], sample["T_right_current"]
    )  # the right camera stands to the right
    # The wall in the mirror of the right camera: its normal's x changes sign, and the distance is that from the right
    # camera.
    normal = torch.tensor(NORMAL, dtype=torch.float64) * torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    distance = DISTANCE - NORMAL[0] * BASELINE
    depth = distance / torch.einsum("i,bihw->bhw", normal, viewing_rays(swapped["K"][None], H, W))[:, None]
    seen, visible = warp(swapped["right"][None], depth, swapped["K"][None], swapped["T_right_current"][None])
    assert float(((seen - swapped["image"]).abs() * visible).sum() / (3 * visible.sum())) < 0.002


def test_flip_refuses_what_it_would_spoil():
    with pytest.raises(ValueError, match="^right: .*swap_views"):
        RandomFlip()(wall(), torch.Generator())
    with pytest.raises(ValueError, match="^disparity: "):
        RandomFlip()(Drop(("right",))(wall()), torch.Generator())
    with pytest.raises(ValueError, match="^swap_views: .*previous"):
        RandomFlip(swap_views=True)(wall(), torch.Generator())
    with pytest.raises(ValueError, match="^swap_views: .*without 'right'"):
        RandomFlip(swap_views=True)(mono(), torch.Generator())
    relative = {
        "image": torch.rand(3, 4, 6),
        "relative": torch.rand(1, 4, 6),
        "valid": torch.ones(1, 4, 6, dtype=torch.bool),
    }
    relative["disparity"] = 1 - relative["relative"]  # ReDWeb's: not in pixels, so neither refused nor scaled
    after = Compose((RandomFlip(1.0), Resize((8, 12))))(relative, torch.Generator())
    assert torch.equal(after["disparity"], 1 - after["relative"])
