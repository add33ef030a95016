"""Camera, pose and warp against closed forms, scipy, kornia and properties that must hold."""

import math

import kornia
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from depthlib import geometry as g

F64 = torch.float64
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def intrinsics(height: int, width: int, batch: int = 1, dtype: torch.dtype = F64) -> torch.Tensor:
    K = torch.tensor([[0.8 * width, 0.0, 0.47 * width], [0.0, 0.9 * width, 0.55 * height], [0.0, 0.0, 1.0]], dtype=dtype)
    return K.expand(batch, 3, 3).clone()


def random_pose(rng: torch.Generator, batch: int = 1, angle: float = 0.1, shift: float = 0.2) -> torch.Tensor:
    vector = torch.randn(batch, 6, generator=rng, dtype=F64) * torch.tensor([angle] * 3 + [shift] * 3, dtype=F64)
    return g.pose_from_axis_angle(vector)


# --- camera


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
    resized = torch.nn.functional.interpolate(old_rays, new, mode="area" if scale[0] < 1 else "bilinear", align_corners=None)
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


# --- pose


def test_rotations_match_scipy(rng):
    vectors = torch.randn(64, 3, generator=rng, dtype=F64)
    angles = vectors.clamp(-math.pi, math.pi)
    torch.testing.assert_close(g.axis_angle_to_matrix(vectors).numpy(), Rotation.from_rotvec(vectors.numpy()).as_matrix())
    torch.testing.assert_close(g.euler_to_matrix(angles).numpy(), Rotation.from_euler("XYZ", angles.numpy()).as_matrix())
    quaternions = torch.randn(64, 4, generator=rng, dtype=F64)
    torch.testing.assert_close(g.quaternion_to_matrix(quaternions).numpy(), Rotation.from_quat(quaternions.numpy()).as_matrix())


def test_euler_angles_are_clipped_to_half_turns():
    wide = torch.tensor([[4.0, -9.0, 0.1]], dtype=F64)
    torch.testing.assert_close(g.euler_to_matrix(wide), g.euler_to_matrix(wide.clamp(-math.pi, math.pi)))


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-4, 0.0099999, 0.0100001, 1.0, math.pi - 1e-6])
def test_axis_angle_gradient_from_zero_to_half_turn(size):
    vector = torch.tensor([[0.6, -0.64, 0.48]], dtype=F64) * size
    vector.requires_grad_(True)
    reference = Rotation.from_rotvec(vector.detach().numpy()[0]).as_matrix()
    torch.testing.assert_close(g.axis_angle_to_matrix(vector.detach())[0].numpy(), reference, rtol=0, atol=1e-15)
    assert torch.autograd.gradcheck(g.axis_angle_to_matrix, vector)


def test_axis_angle_float32_small_angles_are_orthonormal():
    vectors = torch.logspace(-6, 0, 50)[:, None] * torch.tensor([0.6, -0.64, 0.48])
    R = g.axis_angle_to_matrix(vectors)
    assert (R @ R.transpose(1, 2) - torch.eye(3)).abs().max() < 1e-6
    assert (R - g.axis_angle_to_matrix(vectors.to(F64))).abs().max() < 2e-7


def test_axis_angle_float32_gradient_does_not_cancel():
    """1 - cos t in float32 would lose half its digits just above the Taylor series' range."""
    vectors = torch.logspace(-3, 0, 50)[:, None] * torch.tensor([0.6, -0.64, 0.48])

    def gradient(dtype: torch.dtype) -> torch.Tensor:
        v = vectors.to(dtype).requires_grad_(True)
        R = g.axis_angle_to_matrix(v)
        return torch.autograd.grad((R * torch.arange(9.0, dtype=dtype).view(3, 3)).sum(), v)[0]

    assert (gradient(torch.float32) - gradient(F64)).abs().max() < 2e-5


def test_quaternion_round_trip_with_half_turns(rng):
    half_turns = torch.eye(4, dtype=F64)  # x, y, z: half turns; w: identity
    q = torch.cat((torch.randn(60, 4, generator=rng, dtype=F64), half_turns, -half_turns))
    q = q / q.norm(dim=-1, keepdim=True)
    back = g.matrix_to_quaternion(g.quaternion_to_matrix(q))
    torch.testing.assert_close((back * q).sum(-1).abs(), torch.ones(68, dtype=F64))
    assert (back[:, 3] >= 0).all()


def test_pose_vectors_use_their_own_order():
    euler = g.pose_from_euler(torch.tensor([[1.0, 2.0, 3.0, 0.1, 0.0, 0.0]]))
    axis_angle = g.pose_from_axis_angle(torch.tensor([[0.1, 0.0, 0.0, 1.0, 2.0, 3.0]]))
    torch.testing.assert_close(euler, axis_angle)
    assert euler[0, :3, 3].tolist() == [1, 2, 3] and euler[0, 2, 1] > 0  # turning about x carries y towards z


def test_invert_and_compose(rng):
    a, b = random_pose(rng, 3, 1.0, 5.0), random_pose(rng, 3, 1.0, 5.0)
    torch.testing.assert_close(g.compose_poses(a, b, a), a @ b @ a)
    torch.testing.assert_close(g.invert_pose(a), torch.linalg.inv(a))
    stacked = g.pose_from_axis_angle(torch.zeros(2, 5, 6))
    assert torch.equal(stacked, torch.eye(4).expand(2, 5, 4, 4))


# --- warp


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
    warped, visible = g.warp(image, torch.full_like(image, 10.0), intrinsics(96, 1248, dtype=torch.float32), torch.eye(4)[None])
    assert (warped - image).abs().max() < 1e-6 and visible.all()


def test_warp_of_a_linear_image_is_its_value_at_the_projected_pixel(rng):
    """Bilinear sampling reproduces a linear image, so a general motion and a second camera have a closed form."""
    K, K_src, T = intrinsics(20, 30, 2), intrinsics(26, 40, 2), random_pose(rng, 2, 0.03, 0.1)
    depth = torch.rand(2, 1, 20, 30, generator=rng, dtype=F64) * 3 + 3
    u, v = g.pixel_grid(26, 40, dtype=F64).expand(2, -1, -1, -1).split(1, 1)
    points = torch.linalg.inv(K) @ torch.cat((g.pixel_grid(20, 30, dtype=F64), torch.ones(1, 1, 20, 30, dtype=F64)), 1).flatten(2)
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
        torch.testing.assert_close(g.reproject(depth, K, pose, camera), g.project(g.backproject(depth, K), camera, pose))


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
    assert torch.autograd.gradcheck(lambda i, d, k, p: g.warp(i, d, k, g.pose_from_axis_angle(p))[0], (image, depth, K, vector))


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
    """A near bar (2 m) before a wall (8 m), seen from a camera 0.4 m further left: the strip the bar hides there is false."""
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


# --- guards

ONES = torch.ones(1, 1, 4, 4)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: g.backproject(torch.ones(2, 4, 4), torch.eye(3)[None]), ValueError, r"depth: found shape \[2, 4, 4\]"),
        (lambda: g.backproject(torch.ones(2, 1, 4, 4), torch.eye(3)), ValueError, r"K: found shape \[3, 3\]"),
        (lambda: g.backproject(torch.ones(2, 1, 4, 4), torch.ones(3, 3, 3)), ValueError, "K: found batch size 3, expected 2"),
        (lambda: g.backproject(torch.ones(1, 1, 4, 4), torch.eye(3).bfloat16()[None]), TypeError, "K: found dtype torch.bf"),
        (lambda: g.backproject(np.ones((1, 1, 4, 4)), torch.eye(3)[None]), TypeError, "depth: found ndarray"),
        (lambda: g.project(torch.ones(1, 3), torch.eye(3)[None]), ValueError, r"points: found shape \[1, 3\]"),
        (lambda: g.warp(ONES.expand(1, 3, 4, 4), ONES[..., :2], *(torch.eye(n)[None] for n in (3, 4))), ValueError, "K_src"),
        (lambda: g.warp_disparity(torch.ones(1, 3, 4, 4), torch.ones(1, 1, 4, 5)), ValueError, "disparity: found shape"),
        (lambda: g.pose_from_euler(torch.ones(2, 5)), ValueError, r"vector: found shape \[2, 5\]"),
        (lambda: g.invert_pose(torch.ones(3, 4)), ValueError, "T: found shape"),
        (lambda: g.compose_poses(), ValueError, "poses: found none"),
        (lambda: g.scale_intrinsics(torch.eye(3)[None], 0, 1), ValueError, "scale_x: found 0"),
        (lambda: g.pixel_grid(0, 3), ValueError, "height: found 0"),
    ],
)
def test_guards_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
