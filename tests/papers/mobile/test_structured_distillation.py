"""The losses of distillation: by hand, against their formulas, and that critic and student learn from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tensors import randn
from torch import Tensor

from depthlib.papers.mobile.critic import Critic
from depthlib.papers.mobile.structured_distillation import (
    affinity,
    critic_loss,
    holistic_loss,
    pairwise_loss,
    rmse_loss,
)


def test_rmse_by_hand_without_alignment() -> None:
    student, teacher = (
        torch.zeros(2, 1, 1, 2, requires_grad=True),
        torch.tensor([[[[3.0, 4.0]]], [[[1.0, 1.0]]]], requires_grad=True),
    )
    loss = rmse_loss(student, teacher)
    assert loss.item() == pytest.approx((12.5**0.5 + 1) / 2)
    loss.backward()
    assert teacher.grad is None and (student.grad < 0).all()
    assert rmse_loss(teacher + 1, teacher).item() == pytest.approx(1)  # a shift costs
    same = torch.ones(1, 1, 2, 2, requires_grad=True)
    rmse_loss(same, torch.ones(1, 1, 2, 2)).backward()
    assert same.grad.isfinite().all()
    assert torch.autograd.gradcheck(rmse_loss, (randn(2, 1, 3, 3).requires_grad_(), randn(2, 1, 3, 3, seed=1)))
    with pytest.raises(ValueError, match="expected one shape"):
        rmse_loss(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2))


def test_pairwise_loss_is_its_formula() -> None:
    student, teacher = randn(2, 3, 6, 8), randn(2, 5, 6, 8, seed=1)

    def cosines(features: Tensor) -> np.ndarray:
        result = np.zeros((2, 4, 4))
        for b in range(2):
            nodes = [features[b, :, y : y + 3, x : x + 4].amax((1, 2)).numpy() for y in (0, 3) for x in (0, 4)]
            result[b] = [[p @ q / np.linalg.norm(p) / np.linalg.norm(q) for q in nodes] for p in nodes]
        return result

    expected = ((cosines(student) - cosines(teacher)) ** 2).sum() / 16 / 2
    assert pairwise_loss(student, teacher).item() == pytest.approx(expected, rel=1e-6)
    torch.testing.assert_close(affinity(student), torch.from_numpy(cosines(student)), atol=1e-6, rtol=0)
    for other in (3 * student, student[:, [2, 0, 1]], student.flip(1)):
        torch.testing.assert_close(pairwise_loss(other, teacher), pairwise_loss(student, teacher), atol=1e-9, rtol=1e-6)
    assert pairwise_loss(student, 2 * student).item() == pytest.approx(0, abs=1e-12)
    assert affinity(torch.rand(1, 2, 7, 6)).shape == (1, 6, 6)  # an odd side has three nodes
    assert affinity(torch.rand(1, 2, 1, 1)).shape == (1, 1, 1)
    with pytest.raises(ValueError, match="numbers of nodes"):
        pairwise_loss(torch.rand(1, 2, 7, 6), torch.rand(1, 2, 6, 6))
    assert pairwise_loss(torch.rand(1, 2, 12, 6), torch.rand(1, 2, 6, 6)).isfinite()  # other sizes, as many nodes
    with pytest.raises(ValueError, match="expected above 0"):
        pairwise_loss(student, teacher, pool=0)


def test_gradient_of_the_pairwise_loss() -> None:
    student, teacher = randn(1, 3, 4, 4).requires_grad_(), randn(1, 2, 4, 4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: pairwise_loss(s, teacher, detach_norm=False), student)
    radial = {}
    for detach in (True, False):
        (gradient,) = torch.autograd.grad(pairwise_loss(student, teacher, detach_norm=detach), student)
        radial[detach] = (gradient * student).sum().abs().item()
    assert radial[False] < 1e-6 < 1e-3 < radial[True]  # what the detached length lets through
    zero = torch.zeros(1, 3, 4, 4, requires_grad=True)
    pairwise_loss(zero, teacher).backward()
    assert zero.grad.isfinite().all() and teacher.grad is None


def test_hinge_by_hand() -> None:
    of_teacher, of_student = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 1.0])
    assert critic_loss(of_teacher, of_student).item() == pytest.approx((0 + 0.5) / 2 + (0 + 2) / 2)
    assert holistic_loss(of_student).item() == pytest.approx(1)
    assert critic_loss(torch.tensor([1.0]), torch.tensor([-1.0])) == 0  # satisfied: nothing to learn


@pytest.mark.slow
def test_critic_learns_who_is_who_and_the_student_to_deceive_it() -> None:
    torch.manual_seed(0)
    critic = Critic(width=4, extra=0)
    teacher, student = torch.rand(4, 1, 16, 16) + torch.linspace(0, 3, 16), torch.rand(4, 1, 16, 16).requires_grad_()
    optimizer = torch.optim.Adam(critic.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        loss = critic_loss(critic(teacher), critic(student.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    critic.eval()
    before = critic(student)
    (gradient,) = torch.autograd.grad(holistic_loss(before), student)
    assert critic(student - 0.5 * gradient / gradient.norm()).mean() > before.mean()
