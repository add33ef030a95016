"""Cameras against closed forms and kornia."""

import kornia
import pytest
import torch
from cameras import intrinsics, random_pose
from tensors import F64

from depthlib import geometry as g


def test_pixel_grid_counts_u_right_and_v_down():
    grid = g.pixel_grid(3, 4)
    assert grid.shape == (1, 2, 3, 4)
    assert grid[0, :, 2, 3].tolist() == [3, 2]
    assert grid[0, :, 0, 1].tolist() == [1, 0]


def test_backproject_matches_kornia_with_skew(rng):
    depth = torch.rand(2, 1, 5, 7, generator=rng, dtype=F64) + 0.5
    K = intrinsics(5, 7, 2)
    K[:, 0, 1] = 0.3  # kornia has no skew; K^-1 [u v 1] is the reference with it
    homogeneous = torch.cat((g.pixel_grid(5, 7, dtype=F64), torch.ones(1, 1, 5, 7, dtype=F64)), 1).flatten(2)
    reference = depth * (torch.linalg.inv(K) @ homogeneous).reshape(2, 3, 5, 7)
    torch.testing.assert_close(g.backproject(depth, K), reference)
    K[:, 0, 1] = 0
    points = kornia.geometry.depth.depth_to_3d_v2(depth[:, 0], K).permute(0, 3, 1, 2)
    torch.testing.assert_close(g.backproject(depth, K), points)


def test_project_matches_matrix_form(rng):
    points = torch.randn(2, 3, 11, generator=rng, dtype=F64) + torch.tensor([0.0, 0.0, 6.0], dtype=F64).view(1, 3, 1)
    K, T = intrinsics(20, 30, 2), random_pose(rng, 2)
    K[:, 0, 1] = 0.4
    homogeneous = torch.cat((points, torch.ones(2, 1, 11, dtype=F64)), 1)
    image = K @ (T @ homogeneous)[:, :3]
    pixels, z = g.project(points, K, T)
    torch.testing.assert_close(pixels, image[:, :2] / image[:, 2:])
    torch.testing.assert_close(z, image[:, 2:])


def test_project_inverts_backproject(rng):
    depth = torch.rand(2, 1, 6, 9, generator=rng, dtype=F64) * 80 + 0.1
    pixels, z = g.project(g.backproject(depth, intrinsics(6, 9, 2)), intrinsics(6, 9, 1))
    torch.testing.assert_close(pixels, g.pixel_grid(6, 9, dtype=F64).expand(2, -1, -1, -1))
    torch.testing.assert_close(z, depth)


def test_behind_the_camera_is_finite_and_keeps_its_true_z():
    points = torch.tensor([[[1.0, 0.0], [0.5, 0.0], [-2.0, 0.0]]], requires_grad=True)
    pixels, z = g.project(points, intrinsics(4, 4, dtype=torch.float32))
    pixels.sum().backward()
    assert z.flatten().tolist() == [-2.0, 0.0]
    assert pixels.isfinite().all() and points.grad.isfinite().all()


@pytest.mark.parametrize("scale", [(0.5, 0.5), (0.25, 0.5), (2.0, 3.0)])
def test_scale_intrinsics_keeps_rays_of_an_area_resize(scale):
    """The centre of a block of old pixels and the new pixel it becomes must look along one ray."""
    height, width = 8, 16
    new = (round(height * scale[1]), round(width * scale[0]))
    K = intrinsics(height, width)
    old_rays = g.viewing_rays(K, height, width)[:, :2]
    resized = torch.nn.functional.interpolate(
        old_rays, new, mode="area" if scale[0] < 1 else "bilinear", align_corners=None
    )
    rays = g.viewing_rays(g.scale_intrinsics(K, *scale), *new)[:, :2]
    inner = (..., slice(2, -2), slice(2, -2)) if scale[0] > 1 else (...,)  # enlarging repeats the border
    torch.testing.assert_close(resized[inner], rays[inner])


def test_crop_and_flip_keep_the_rays():
    K = intrinsics(8, 16)
    K[:, 0, 1] = 0.2
    rays = g.viewing_rays(K, 8, 16)
    torch.testing.assert_close(g.viewing_rays(g.crop_intrinsics(K, 3, 2), 5, 10), rays[:, :, 2:7, 3:13])
    mirror = torch.tensor([-1.0, 1.0, 1.0], dtype=F64).view(1, 3, 1, 1)
    torch.testing.assert_close(g.viewing_rays(g.flip_intrinsics(K, 16), 8, 16), rays.flip(-1) * mirror)


def test_normals_of_a_plane_and_of_a_sphere():
    height, width = 24, 32
    K = intrinsics(height, width)
    rays = g.viewing_rays(K, height, width)
    normal = torch.tensor([0.3, -0.5, -0.8], dtype=F64)
    normal = normal / normal.norm()
    plane = -2.0 / (rays * normal.view(1, 3, 1, 1)).sum(1, keepdim=True)  # n.X = -2
    expected = normal.view(1, 3, 1, 1).expand_as(rays)
    torch.testing.assert_close(g.normals_from_depth(plane, K), expected)
    wall = g.normals_from_depth(torch.full((1, 1, 4, 4), 3.0, dtype=F64), K)
    torch.testing.assert_close(wall[0, :, 1, 1], torch.tensor([0.0, 0.0, -1.0], dtype=F64))

    fine = g.scale_intrinsics(K, 8, 8)
    rays = g.viewing_rays(fine, 8 * height, 8 * width)[..., 88:104, 120:136]
    centre = torch.tensor([0.0, 0.0, 5.0], dtype=F64).view(1, 3, 1, 1)
    a, b, c = (rays**2).sum(1, keepdim=True), (rays * centre).sum(1, keepdim=True), 25 - 1.5**2
    depth = (b - (b * b - a * c).sqrt()) / a
    normals = g.normals_from_depth(depth, g.crop_intrinsics(fine, 120, 88))
    error = (normals - (depth * rays - centre) / 1.5)[..., 1:-1, 1:-1].abs().max()
    assert error < 1e-4


def test_normals_are_zero_next_to_unknown_depth():
    depth = torch.full((1, 1, 7, 7), 2.0)
    depth[..., 3, 3] = 0
    known = g.normals_from_depth(depth, intrinsics(7, 7, dtype=torch.float32)).abs().sum(1)[0] > 0
    expected = torch.ones(7, 7, dtype=torch.bool)
    expected[3, 2:5] = expected[2:5, 3] = False
    assert torch.equal(known, expected)
