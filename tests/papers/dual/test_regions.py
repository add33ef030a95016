"""Errors by region and sharpness, counted a second time on distorted truth."""

import numpy as np
import pytest
import torch
from dual_parts import found_by
from torch import nn

from depthlib.papers.dual.regions import RegionErrors, RegionGap, Sharpness, native_map, region_mask, surface_tenengrad


class Remembers(nn.Module):
    """Says one depth map after the other of a data set, distorted."""

    def __init__(self, dataset, distort):
        super().__init__()
        self.known, self.weight, self.calls = {}, nn.Parameter(torch.ones(())), 0
        for i in range(len(dataset)):
            item = dataset[i]
            depth = torch.where(item["depth"] > 0, item["depth"], 80.0)
            self.known[item["image"].sum().item()] = distort(depth, item)

    def forward(self, image):
        self.calls += 1
        return torch.stack([self.known[picture.contiguous().sum().item()] for picture in image]) * self.weight.detach()


@pytest.mark.slow
def test_regions_are_scaled_once_on_the_whole_image(test_streets):
    """Far pixels 30 % too far and near ones right: "near" shows it as well where the scale moves, and scaling "far"
    alone hides it.
    """
    model = Remembers(test_streets, lambda depth, item: torch.where(depth > 20, 1.3 * depth, depth) * 0.01)
    for region in ("near", "far", "road"):
        found = found_by(RegionErrors(region), model, test_streets)
        for image, name in enumerate(found.images):
            item = next(test_streets[i] for i in range(3) if test_streets[i]["name"] == name)
            depth, known = item["depth"][0].double(), item["depth"][0] > 0
            guess = model(item["image"][None])[0, 0].double()
            guess = (guess * np.median(depth[known]) / np.median(guess[known])).clamp(0.1, 80)
            where = (
                {"near": depth <= 20, "far": depth > 20, "road": item["semantics"] == 0}[region] & known & (depth < 80)
            )
            expected = ((guess - depth).abs() / depth)[where].mean().item()
            assert found.metrics["abs_rel"][image] == pytest.approx(expected, rel=1e-4, abs=1e-6), (region, name)
    gap = found_by(RegionGap("far", "near"), model, test_streets)
    far, near = (found_by(RegionErrors(r), model, test_streets) for r in ("far", "near"))
    expected = {
        n: f - near.metrics["abs_rel"][near.images.index(n)]
        for n, f in zip(far.images, far.metrics["abs_rel"], strict=True)
    }
    assert dict(zip(gap.images, gap.metrics["abs_rel"], strict=True)) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="region: found 'moon', expected one of near"):
        region_mask("moon", torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2))


def test_sharpness_of_the_truth_a_blur_and_a_plane(test_streets):
    def blurred(depth, item):
        return nn.functional.avg_pool2d(depth[None], 11, 1, 5)[0]

    def plane(depth, item):
        return torch.full_like(depth, 7.0)

    def in_other_units(depth, item):
        return 0.01 * depth

    truth, blur, flat, small = (
        found_by(Sharpness(), Remembers(test_streets, distort), test_streets).metrics
        for distort in (lambda depth, item: depth, blurred, plane, in_other_units)
    )
    assert np.allclose(truth["missing_25"], 0, atol=1e-4) and np.allclose(small["missing_25"], 0, atol=1e-4)
    assert all(0 < value <= 1 for value in blur["missing_50"]) and max(blur["missing_0"]) < min(blur["missing_50"])
    assert np.allclose(flat["missing_0"], 1) and max(flat["tenengrad_0"]) < 1e-3


def test_the_skyline_is_not_sharpness(test_streets):
    """Against a loop over windows; a map that differs from another at the border of the sky alone is as sharp."""
    depth = test_streets[0]["depth"]
    known, filled = depth[0].numpy() > 0, torch.where(depth > 0, depth, 80.0)[0].double().numpy()
    total, across = 0.0, np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    for row in range(1, 63):
        for column in range(1, 127):
            window = slice(row - 1, row + 2), slice(column - 1, column + 2)
            if known[window].all():
                slope = np.hypot((across * filled[window]).sum(), (across.T * filled[window]).sum())
                total += slope if slope > 25 else 0
    valid = (depth > 0)[None]
    rim = valid.clone()
    rim[..., 1:-1, 1:-1] = False  # the loop leaves the frame's own border out
    framed = surface_tenengrad(depth[None], valid & ~rim, 25)
    assert framed <= total <= surface_tenengrad(depth[None], valid, 25) and total > 0

    def sky_is(value):
        return lambda depth, item: torch.where(item["depth"] > 0, item["depth"], value)

    models = (Remembers(test_streets, sky_is(value)) for value in (0.5, 80.0))
    near, far = (found_by(Sharpness(), model, test_streets).metrics for model in models)
    assert near == far
    assert min(far["tenengrad_50"]) > 0


def test_at_its_own_size_a_small_map_is_less_sharp_by_its_size_alone(test_streets):
    """A step between two depths across the frame: half the size has half the pixels along it, and equal slopes."""
    depth = torch.full((1, 1, 32, 64), 10.0)
    depth[..., 32:] = 20.0
    valid = torch.ones_like(depth, dtype=torch.bool)
    own = {side: native_map(3 * depth[..., :: 32 // side, :: 32 // side], depth, valid) for side in (32, 16)}
    large, small = (surface_tenengrad(*own[side], 25) for side in (32, 16))
    assert large == pytest.approx(40 * 2 * 32) and small == pytest.approx(large / 2)
    found = found_by(Sharpness(), Remembers(test_streets, lambda depth, item: depth), test_streets).metrics
    assert found["native_10"] == pytest.approx(found["tenengrad_10"], rel=1e-4)
