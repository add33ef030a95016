"""Floors against medians by numpy and planes by hand, and scored by the same loop as networks."""

import numpy as np
import pytest
import torch

from depthlib.models.floors import BINS, Constant, FixedMap, GroundPlane, ground_inverse_depth
from depthlib.protocols.evaluate import evaluate
from depthlib.scenes import CLASSES
from depthlib.scenes.ground import WithGround
from depthlib.scenes.sets import scenes

GENERATOR = torch.Generator().manual_seed(0)


def item(depth, **more):
    return {"image": torch.rand(3, *depth.shape[-2:]), "depth": depth, "valid": depth > 0, "name": "x", **more}


def labels(count=5, gaps=0.3):
    depths = 1 + 9 * torch.rand(count, 1, 4, 6, generator=GENERATOR)
    depths[torch.rand(depths.shape, generator=GENERATOR) < gaps] = 0
    depths[:, :, 0, 0] = 0  # a pixel without any label
    return depths


def test_constant_is_the_median_of_the_valid_labels():
    depths = labels(count=7)
    found = Constant.of([item(depth) for depth in depths])(torch.rand(2, 3, 5, 7))
    known = np.sort(depths[depths > 0].numpy())
    assert found.shape == (2, 1, 5, 7) and (found == known[(len(known) - 1) // 2]).all()
    others = torch.linspace(1, 10, 50)
    error = (others[:, None] - torch.from_numpy(known)).abs().mean(dim=1)
    assert np.abs(known - found[0, 0, 0, 0].item()).mean() <= error.min() + 1e-6, "another constant is better"


def test_fixed_map_is_the_median_at_each_pixel():
    depths = labels()
    found = FixedMap.of([item(depth) for depth in depths])(torch.rand(3, 3, 4, 6))
    arrays = np.where(depths.numpy() > 0, depths.numpy(), np.nan)
    everything = np.sort(arrays[~np.isnan(arrays)])
    for y, x in np.ndindex(4, 6):
        known = np.sort(arrays[:, 0, y, x][~np.isnan(arrays[:, 0, y, x])])
        known = known if len(known) else everything
        expected = known[(len(known) - 1) // 2]
        assert (found[:, 0, y, x] == expected).all()


def test_fixed_map_follows_the_size_of_the_image():
    ramp = torch.arange(8.0).add(1).view(1, 8, 1).expand(1, 8, 12)
    found = FixedMap(ramp)(torch.rand(1, 3, 16, 24))
    assert found.shape == (1, 1, 16, 24) and found[0, 0, :, 0].diff().min() >= 0 and found.mean() == pytest.approx(4.5)


@pytest.mark.parametrize("floor", [Constant, FixedMap, GroundPlane])
def test_no_label_is_an_error(floor):
    empty = item(torch.zeros(1, 4, 6), K=torch.eye(3), ground=torch.tensor([0, 0.5, 0]))
    with pytest.raises(ValueError, match="depth: found .* valid label"):
        floor.of([empty])


def test_items_of_two_sizes_have_no_fixed_map():
    with pytest.raises(ValueError, match="found items of 2 sizes"):
        FixedMap.of([item(torch.ones(1, 4, 6)), item(torch.ones(1, 4, 8))])


def plane(pitch, height, focal, rows=48, columns=64):
    """An item with an endless plane below and a wall at 6 m before all that is farther. Pitch upwards, radians."""
    K = torch.tensor([[focal, 0, (columns - 1) / 2], [0, focal, (rows - 1) / 2], [0, 0, 1.0]])
    # the plane's downward normal in a camera that looks up by `pitch`: down and, since the lens is raised, backwards
    ground = torch.tensor([0, np.cos(pitch), -np.sin(pitch)], dtype=torch.float32) / height
    v = (torch.arange(rows) - K[1, 2]) / focal
    below = ground[1] * v + ground[2]
    line = torch.where(below > 1 / 6, 1 / below.clamp_min(1e-6), 6.0)
    depth = line.view(1, rows, 1).expand(1, rows, columns).contiguous()
    return item(depth, K=K, ground=ground)


def test_ground_plane_moves_its_horizon_with_the_camera():
    """On planes seen by cameras that it has not met it is exact, where the fixed map is lost."""
    cameras = [(p, h, f) for p in (-0.5, -0.2, 0.1) for h in (0.8, 1.7) for f in (40, 70)]
    train = [plane(*camera) for camera in cameras]
    test = plane(-0.35, 1.2, 55)
    floor, fixed = GroundPlane.of(train), FixedMap.of(train)
    found = floor(test["image"][None], test["K"][None], test["ground"][None])[0]
    error = ((found - test["depth"]).abs() / test["depth"]).mean()
    other = ((fixed(test["image"][None])[0] - test["depth"]).abs() / test["depth"]).mean()
    assert error < 0.02 < 0.1 < other
    assert len(floor.q) == BINS and floor.q.diff().min() >= 0


def test_ground_plane_interpolates_between_its_points_and_ends_with_them():
    """Cameras that look straight down, or away from the ground, and see one q everywhere."""
    floor = GroundPlane(torch.tensor([0.0, 1.0]), torch.tensor([10.0, 2.0]))
    for q, expected in ((-1.0, 10.0), (0.25, 8.0), (0.75, 4.0), (3.0, 2.0)):
        found = floor(torch.rand(1, 3, 4, 6), torch.eye(3)[None], torch.tensor([[0.0, 0.0, q]]))
        torch.testing.assert_close(found, torch.full((1, 1, 4, 6), expected))


def test_scenes_know_their_ground():
    """Labelled depth of floor pixels, which the renderer made, lies on the plane."""
    for family, floor in (("rooms", "floor"), ("streets", "road")):
        for one in WithGround(scenes(family, "val", 2, height=32, width=48)):
            q = ground_inverse_depth(one["K"][None], one["ground"][None], 32, 48)[0]
            product = (q * one["depth"])[(one["semantics"] == CLASSES[family].index(floor))[None]]
            assert product.numel() > 50 and (product - 1).abs().max() < 5e-3


def test_the_inference_loop_scores_a_floor_like_a_network():
    data = WithGround(scenes("rooms", "val", 3, height=32, width=48))
    for floor in (Constant.of(data), FixedMap.of(data), GroundPlane.of(data)):
        found, _ = evaluate(floor, data, "scenes")
        assert len(found.images) == 3 and 0 < found.means()["abs_rel"] < 1
    exact = FixedMap(data[0]["depth"])
    found, _ = evaluate(exact, [data[0]], "scenes")
    assert found.means()["abs_rel"] == pytest.approx(0, abs=1e-6)
