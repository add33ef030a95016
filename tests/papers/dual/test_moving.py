"""A car that keeps its place in the picture is taken for something far away, and automasking finds it."""

import pytest
import torch
from torch.nn import functional as F

from depthlib.geometry.sources import project_into_sources, sample_sources
from depthlib.papers.dual.figures import VIEWS, triplet
from depthlib.papers.dual.moving import lesson_of


@pytest.fixture(scope="module")
def drive() -> dict[str, torch.Tensor]:
    """A wall at 10 m of smooth noise, seen by a camera that drives towards it; a part of it drives on as the camera."""
    noise = torch.rand(1, 3, 12, 24, generator=torch.Generator().manual_seed(0))
    image = F.interpolate(noise, size=(64, 128), mode="bicubic").clamp(0, 1)
    K = torch.tensor([[80.0, 0, 63.5], [0, 80.0, 31.5], [0, 0, 1]])
    item = {"image": image[0], "depth": torch.full((1, 64, 128), 10.0), "K": K}
    for view, ahead in zip(VIEWS, (1.0, -1.0), strict=True):
        pose = torch.eye(4)
        pose[2, 3] = ahead
        back = torch.linalg.inv(pose)[None, None]
        depth = torch.full((1, 1, 64, 128), 10.0 + ahead)
        seen = sample_sources(image[None], project_into_sources(depth, K[None], back))[0, 0]
        item |= {f"T_{view}_current": pose, view: seen}
        item[view][:, 8:24, 8:40] = image[0, :, 8:24, 8:40]
    assert triplet(item)[1].shape == (1, 2, 3, 64, 128)
    return item


def test_what_moves_with_the_camera_teaches_a_hole_and_is_masked(drive):
    moves, stands = (torch.zeros(64, 128, dtype=torch.bool) for _ in range(2))
    moves[10:22, 10:38] = True
    stands[36:60, 10:50] = True
    depths = [5.0, 10.0, 20.0, 80.0]
    car, wall = (lesson_of(drive, where, depths) for where in (moves, stands))
    assert car["error"].mean() > 5 * wall["error"].mean() and len(car["error"]) == 12 * 28
    assert car["too far"].mean() > 0.9 and car["too near"].mean() < 0.05 and car["masked"].mean() > 0.95
    assert wall["too far"].mean() < 0.1 and wall["masked"].mean() < 0.1
