"""Warps against closed forms and kornia."""

import kornia
import pytest
import torch
from cameras import intrinsics, random_pose
from devices import DEVICES
from tensors import F64

from depthlib import geometry as g


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(F64, 1e-12), (torch.float32, 1e-5)])
def test_identity_warp_returns_the_image(rng, device, dtype, tolerance):
    image = torch.rand(2, 3, 24, 32, generator=rng).to(device, dtype)
    depth = (torch.rand(2, 1, 24, 32, generator=rng) * 50 + 0.5).to(device, dtype)
    K, identity = intrinsics(24, 32, 2, dtype).to(device), torch.eye(4, device=device, dtype=dtype)[None]
    warped, visible = g.warp(image, depth, K, identity)
    assert (warped - image).abs().max() < tolerance
    assert visible.all() and visible.dtype == torch.bool and visible.shape == (2, 1, 24, 32)


def test_identity_warp_is_exact_on_a_smooth_float32_image_of_kitti_size():
    u = g.pixel_grid(96, 1248)[:, :1]
    image = 0.5 + 0.5 * torch.sin(u / 200)
    warped, visible = g.warp(
        image, torch.full_like(image, 10.0), intrinsics(96, 1248, dtype=torch.float32), torch.eye(4)[None]
    )
    assert (warped - image).abs().max() < 1e-6 and visible.all()


def test_warp_of_a_linear_image_is_its_value_at_the_projected_pixel(rng):
    """Bilinear sampling reproduces a linear image, so a general motion and a second camera have a closed form."""
    K, K_src, T = intrinsics(20, 30, 2), intrinsics(26, 40, 2), random_pose(rng, 2, 0.03, 0.1)
    depth = torch.rand(2, 1, 20, 30, generator=rng, dtype=F64) * 3 + 3
    u, v = g.pixel_grid(26, 40, dtype=F64).expand(2, -1, -1, -1).split(1, 1)
    points = torch.linalg.inv(K) @ torch.cat(
        (g.pixel_grid(20, 30, dtype=F64), torch.ones(1, 1, 20, 30, dtype=F64)), 1
    ).flatten(2)
    points = T[:, :3, :3] @ (points * depth.flatten(2)) + T[:, :3, 3:]
    where = K_src @ points
    where = (where[:, :2] / where[:, 2:]).reshape(2, 2, 20, 30)
    warped, visible = g.warp(2 * u - 3 * v, depth, K, T, K_src)
    expected = 2 * where[:, :1] - 3 * where[:, 1:]
    corner = torch.tensor([39.0, 25.0], dtype=F64).view(1, 2, 1, 1)
    in_view = ((where >= 0) & (where <= corner)).all(1, keepdim=True)
    assert 0.5 < in_view.double().mean() < 0.95
    assert torch.equal(visible, ((where >= -0.01) & (where <= corner + 0.01)).all(1, keepdim=True))
    torch.testing.assert_close(warped[in_view], expected[in_view])


def test_reproject_is_backproject_and_project(rng):
    """The rays of `reproject` are summed from a row and a column, with skew and one camera for the whole batch, too."""
    K, K_src, T = intrinsics(5, 7), intrinsics(9, 8, 2), random_pose(rng, 2)
    K[:, 0, 1], K_src[:, 0, 1] = 0.3, -0.2
    depth = torch.rand(2, 1, 5, 7, generator=rng, dtype=F64) * 3 + 2
    for pose, camera in ((T, K_src), (T[:1], K)):
        torch.testing.assert_close(
            g.reproject(depth, K, pose, camera), g.project(g.backproject(depth, K), camera, pose)
        )


def test_warp_matches_kornia(rng):
    image = torch.rand(1, 3, 20, 30, generator=rng, dtype=F64)
    depth = torch.rand(1, 1, 20, 30, generator=rng, dtype=F64) + 4
    K, T = intrinsics(20, 30), random_pose(rng, 1, 0.02, 0.1)
    reference = kornia.geometry.depth.warp_frame_depth(image, depth, T, K)
    warped, visible = g.warp(image, depth, K, T)
    inner = visible.expand_as(image)
    torch.testing.assert_close(warped[inner], reference[inner], atol=1e-6, rtol=0)


def test_sideways_motion_shifts_in_the_direction_of_the_convention():
    """T_src_dst moves points right, so src sees them further right: dst(u) = src(u + f t / z)."""
    image = torch.arange(12.0).view(1, 1, 1, 12).expand(1, 1, 5, 12)
    K = torch.tensor([[[10.0, 0, 5], [0, 10, 2], [0, 0, 1]]])
    T = torch.eye(4)[None].clone()
    T[:, 0, 3] = 0.6
    warped, visible = g.warp(image, torch.full((1, 1, 5, 12), 2.0), K, T)
    torch.testing.assert_close(warped[0, 0, 0], (torch.arange(12.0) + 3).clamp(max=11))
    assert visible[0, 0, 0].tolist() == [True] * 9 + [False] * 3


def test_unknown_depth_and_points_behind_the_camera_are_not_visible():
    image, depth = torch.rand(1, 3, 6, 8), torch.full((1, 1, 6, 8), 2.0)
    depth[..., 2, 3] = 0
    K = intrinsics(6, 8, dtype=torch.float32)
    assert (~g.warp(image, depth, K, torch.eye(4)[None])[1]).nonzero().tolist() == [[0, 0, 2, 3]]
    pull, push = torch.eye(4)[None].clone(), torch.eye(4)[None].clone()
    pull[:, 2, 3], push[:, 2, 3] = 1, -5
    assert not g.warp(image, depth, K, pull)[1][0, 0, 2, 3]  # the camera of dst itself is in view, but not what it saw
    K[:, 0, 2], K[:, 1, 2] = 3, 2  # a point exactly behind still projects into the image
    assert not g.warp(image, depth + 1, K, push)[1].any()


@pytest.mark.parametrize("shift", [-2.0, -5.0, 40.0])
def test_warp_gradients_are_finite_at_the_border_and_behind_the_camera(rng, shift):
    image = torch.rand(1, 3, 6, 8, generator=rng).requires_grad_(True)
    depth = (torch.rand(1, 1, 6, 8, generator=rng) * 3).requires_grad_(True)
    vector = torch.tensor([[0.0, 0.0, 0.0, 0.1, 0.0, shift]], requires_grad=True)
    warped, _ = g.warp(image, depth, intrinsics(6, 8, dtype=torch.float32), g.pose_from_axis_angle(vector))
    warped.square().sum().backward()
    assert all(x.grad.isfinite().all() for x in (image, depth, vector)) and warped.isfinite().all()


def test_warp_gradcheck(rng):
    image = torch.rand(1, 2, 5, 6, generator=rng, dtype=F64, requires_grad=True)
    depth = (torch.rand(1, 1, 5, 6, generator=rng, dtype=F64) + 2).requires_grad_(True)
    vector = (torch.randn(1, 6, generator=rng, dtype=F64) * 0.03).requires_grad_(True)
    K = intrinsics(5, 6).requires_grad_(True)
    assert torch.autograd.gradcheck(
        lambda i, d, k, p: g.warp(i, d, k, g.pose_from_axis_angle(p))[0], (image, depth, K, vector)
    )


def test_warp_keeps_float32_positions_under_autocast():
    """In bfloat16 the positions of a wide image are off by pixels."""
    image = (g.pixel_grid(8, 400)[:, :1] / 400).clone()
    K = intrinsics(8, 400, dtype=torch.float32)
    vector = torch.tensor([[0.01, -0.02, 0.005, 0.1, 0.0, 0.1]])
    plain, _ = g.warp(image, torch.full_like(image, 5.0), K, g.pose_from_axis_angle(vector))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed, _ = g.warp(image.bfloat16().float(), torch.full_like(image, 5.0), K, g.pose_from_axis_angle(vector))
    assert (mixed - plain).abs().max() < 2e-3


@pytest.mark.slow
def test_warp_disparity_equals_warp_by_depth_of_a_rectified_pair(rng):
    right = torch.rand(2, 3, 10, 24, generator=rng, dtype=F64)
    disparity = torch.rand(2, 1, 10, 24, generator=rng, dtype=F64) * 6 + 1
    K, baseline = intrinsics(10, 24, 2), 0.4
    T_right_left = torch.eye(4, dtype=F64)[None].clone()
    T_right_left[:, 0, 3] = -baseline
    left, visible = g.warp_disparity(right, disparity)
    reference, reference_visible = g.warp(right, K[0, 0, 0] * baseline / disparity, K, T_right_left)
    torch.testing.assert_close(left, reference)
    assert torch.equal(visible, reference_visible) and not visible.all()
    leaves = right[:1].requires_grad_(), disparity[:1].requires_grad_()
    assert torch.autograd.gradcheck(lambda r, d: g.warp_disparity(r, d)[0], leaves)


def test_depth_agrees_finds_the_occluded_strip():
    """A near bar (2 m) before a wall (8 m), seen from a camera 0.4 m further left: the strip the bar hides there is
    false.
    """
    width = 40
    K = torch.tensor([[[20.0, 0, 19.5], [0, 20, 2], [0, 0, 1]]], dtype=F64)

    def view(bar: slice) -> torch.Tensor:
        depth = torch.full((1, 1, 5, width), 8.0, dtype=F64)
        depth[..., bar] = 2
        return depth

    T_src_dst = torch.eye(4, dtype=F64)[None].clone()
    T_src_dst[:, 0, 3] = 0.4  # the bar moves by 4 pixels, the wall by 1
    agrees = g.depth_agrees(view(slice(19, 24)), view(slice(15, 20)), K, T_src_dst)[0, 0, 0]
    hidden = [20, 21, 22]  # wall pixels that land at 21..23, behind the bar of src
    outside = [39]
    assert (~agrees).nonzero().flatten().tolist() == hidden + outside
    T_src_dst[:, 0, 3] = 0.36  # 3.6 and 0.9 pixels: positions between a pixel of the bar and one of the wall
    agrees = g.depth_agrees(view(slice(19, 24)), view(slice(15, 20)), K, T_src_dst)[0, 0, 0]
    assert (~agrees).nonzero().flatten().tolist() == hidden + outside
