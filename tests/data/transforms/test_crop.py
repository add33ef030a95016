"""Crops: lost pairs, sizes by name, and scenes that come nearer."""

import pytest
import torch
from wall import DISTANCE, NORMAL, H, W, pair, wall

from depthlib.data.transforms import CenterCrop, RandomScaleCrop, RandomScaleDepth, Resize, generator_of
from depthlib.geometry import backproject, pixel_grid, project


def test_pairs_that_are_lost_are_marked():
    sample = {"image": torch.rand(3, 8, 8), "pairs": torch.tensor([[0, 0, 5, 5, 1], [4, 4, 4, 5, -1], [3, 3, 5, 5, 1]])}
    after = CenterCrop((4, 4))(sample)
    assert after["pairs_valid"].tolist() == [False, True, True]
    after = Resize((2, 2))(after)  # (2, 2) and (2, 3) of the crop fall into one pixel
    assert after["pairs_valid"].tolist() == [False, False, True]
    marked = sample | {"pairs_valid": torch.tensor([True, False, True])}  # once lost, lost for good
    assert CenterCrop((6, 6))(marked)["pairs_valid"].tolist() == [False, False, True]
    assert Resize((8, 8))(marked)["pairs_valid"].tolist() == [True, False, True]


def test_nearer_keeps_the_focal_length_and_the_baseline():
    before = pair()
    offset = torch.tensor([[0.0] * 4, [0, 0, 0, 0.002], [0, 0, 0, 0.01], [0] * 4])
    before["T_right_current"] = before["T_right_current"] + offset
    after = RandomScaleDepth((1.25, 1.25))(before, generator_of(0, 0, 0))
    assert torch.equal(after["baseline"], before["baseline"])
    torch.testing.assert_close(after["K"][:2, :2], before["K"][:2, :2])
    torch.testing.assert_close(after["depth_true"].max() * 1.25, before["depth_true"].max(), rtol=0.05, atol=0)
    # the pixel in the right image of a point is enlarged as the left one is, also with an offset along the axis
    grid = pixel_grid(H, W, dtype=torch.float64)
    cx = (after["K"] - 1.25 * before["K"])[:2, 2].view(2, 1)
    was = ((grid.flatten(2) - cx) / 1.25).unflatten(2, (H, W))
    rays = (was - before["K"][:2, 2].view(2, 1, 1)) / torch.tensor([60.0, 55]).view(2, 1, 1)
    rays = torch.cat([rays[:, :1] - 0.4 / 60 * rays[:, 1:], rays[:, 1:], torch.ones_like(rays[:, :1])], dim=1)
    normal = torch.tensor(NORMAL, dtype=torch.float64)
    depth = DISTANCE / torch.einsum("i,bihw->bhw", normal, rays)[:, None]
    old, _ = project(depth * rays, before["K"][None], before["T_right_current"][None])
    new, _ = project(backproject(depth / 1.25, after["K"][None]), after["K"][None], after["T_right_current"][None])
    torch.testing.assert_close(new.flatten(2), 1.25 * old.flatten(2) + cx)
    other = RandomScaleCrop((1.25, 1.25))(before, generator_of(0, 0, 0))  # the longer lens
    torch.testing.assert_close(other["K"][:2, :2], 1.25 * before["K"][:2, :2])
    assert other["depth_true"].max() > 1.2 * after["depth_true"].max()
    for key in ("previous", "T_next_current"):
        with pytest.raises(ValueError, match=f"^{key}: found a neighbour in time"):
            RandomScaleDepth()(pair() | {key: wall()[key]}, torch.Generator())


def test_named_sizes_come_from_the_full_size():
    sample = wall()
    both = Resize((24, 36), {"low": (16, 24)}, image="area")(sample)
    low = Resize((16, 24), image="area")(sample)
    for key in (
        "image",
        "right",
        "previous",
        "depth",
        "valid",
        "K",
        "semantics",
        "normals",
        "disparity",
        "pairs",
        "pairs_valid",
    ):
        assert torch.equal(both[f"{key}_low"], low[key]), key
    assert "T_previous_current_low" not in both and "baseline_low" not in both
    torch.testing.assert_close(
        both["image_low"], sample["image"].unflatten(1, (16, 3)).unflatten(3, (24, 3)).mean(dim=(2, 4))
    )
    with pytest.raises(ValueError, match="'image_low'.*named resolutions come last"):
        CenterCrop((8, 8))(both)
