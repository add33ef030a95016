"""Points followed from one picture to the next, against exact motion; rotations and rigid scenes in closed form."""

import math

import pytest
import torch
from moved_patterns import SIZE, K, pattern
from scipy.spatial.transform import Rotation

from depthlib.app.own_data.tracks import Tracks, follow, grey, not_rigid, without_rotation
from depthlib.scenes import SceneDataset, SceneDistribution


@pytest.mark.parametrize("shift", [(0.0, 0.0), (2.4, -1.6), (-9.3, 6.0)])
def test_a_shift_is_found_to_a_tenth_of_a_pixel(shift):
    tracks = follow(pattern(), pattern(shift))
    assert len(tracks.points) > 30
    assert (tracks.flow - torch.tensor(shift)).abs().median() < 0.1


def test_nothing_is_followed_where_nothing_is_seen():
    assert len(follow(torch.full(SIZE, 0.5), torch.full(SIZE, 0.5)).points) == 0
    noise = torch.rand(2, *SIZE, generator=torch.Generator().manual_seed(1))
    assert len(follow(*noise).points) < 12


@pytest.mark.slow
def test_the_exact_motion_of_the_scenes_is_found():
    distribution = SceneDistribution("streets", height=SIZE[0], width=SIZE[1], antialias=1)
    for item in SceneDataset(distribution, "val", 3, views=("current", "next"), extras=("flow_next",), cache=False):
        tracks = follow(grey(item["image"]), grey(item["next"]))
        u, v = tracks.points.long().unbind(1)
        error = (tracks.flow - item["flow_next"][:, v, u].T).norm(dim=1)
        assert len(tracks.points) > 40 and error.median() < 0.6


def seen(points, rotation=(0.0, 0.0, 0.0), translation=(0.0, 0.0, 0.0)):
    """Where points [N,3] are in the picture before and after the camera has moved."""
    turned = points @ torch.tensor(Rotation.from_rotvec(rotation).as_matrix()).float().T + torch.tensor(translation)
    pixels = [(p @ K.T)[:, :2] / p[:, 2:] for p in (points, turned)]
    return Tracks(*pixels, SIZE)


def cloud(count=120):
    generator = torch.Generator().manual_seed(2)
    u = torch.rand(count, 2, generator=generator) * torch.tensor([130.0, 70.0]) + torch.tensor([15.0, 13.0])
    z = 2 + 8 * torch.rand(count, 1, generator=generator)
    return torch.cat((u, torch.ones(count, 1)), dim=1) @ torch.linalg.inv(K).T * z


def test_a_turn_is_explained_and_a_walk_is_not():
    turn = (0.01, -0.02, 0.015)
    assert without_rotation(seen(cloud(), turn), K).norm(dim=1).max() < 0.15
    both = seen(cloud(), turn, (0.2, 0.0, 0.0))
    parallax = 140 * 0.2 / cloud()[:, 2]
    rest = without_rotation(both, K)[:, 0]
    # up to what is common to all points, which a turn explains as well
    rank = torch.corrcoef(torch.stack((rest, parallax)))[0, 1]
    assert rank > 0.95 and rest.std() > 0.7 * parallax.std()


@pytest.mark.parametrize("moving", [0, 12, 30])
def test_points_that_move_by_themselves_are_counted(moving):
    points = cloud()
    tracks = seen(points, (0.0, 0.01, 0.0), (0.0, 0.0, 0.3))
    generator = torch.Generator().manual_seed(3)
    angle = 2 * math.pi * torch.rand(moving, 1, generator=generator)
    found = tracks.found.clone()
    found[:moving] += 6 * torch.cat((angle.cos(), angle.sin()), dim=1)
    strays = not_rigid(Tracks(tracks.points, found, SIZE))
    assert not strays[moving:].any()
    assert strays[:moving].sum() >= 0.6 * moving  # the others move along their epipolar lines
