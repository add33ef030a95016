"""Poses against scipy, and gradients that do not cancel."""

import math

import pytest
import torch
from cameras import random_pose
from scipy.spatial.transform import Rotation
from tensors import F64

from depthlib import geometry as g


def test_rotations_match_scipy(rng):
    vectors = torch.randn(64, 3, generator=rng, dtype=F64)
    angles = vectors.clamp(-math.pi, math.pi)
    torch.testing.assert_close(
        g.axis_angle_to_matrix(vectors).numpy(), Rotation.from_rotvec(vectors.numpy()).as_matrix()
    )
    torch.testing.assert_close(
        g.euler_to_matrix(angles).numpy(), Rotation.from_euler("XYZ", angles.numpy()).as_matrix()
    )
    quaternions = torch.randn(64, 4, generator=rng, dtype=F64)
    torch.testing.assert_close(
        g.quaternion_to_matrix(quaternions).numpy(), Rotation.from_quat(quaternions.numpy()).as_matrix()
    )


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
