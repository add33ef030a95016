"""The tasks of DACNN: crops, the stereo teacher, and distillation by Equation 7."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from depthlib.models import create_model
from depthlib.papers.dacnn.loss import dacnn_loss
from depthlib.papers.dacnn.network import Estimate
from depthlib.papers.dacnn.task import Distillation, StereoTeacher


def small_batch(batch: int = 2, height: int = 24, width: int = 32) -> dict:
    generator = torch.Generator().manual_seed(0)
    depth = 1 + 20 * torch.rand(batch, 1, height, width, generator=generator)
    valid = torch.rand(depth.shape, generator=generator) > 0.5
    image, right = torch.rand(2, batch, 3, height, width, generator=generator)
    return {"image": image, "right": right, "depth": depth * valid, "valid": valid, "name": ["a", "b"]}


def small(name: str = "dacnn", **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, backbone="resnest14d", width=0.125, guidance_channels=4, dilations=(1, 2), **options)


def test_the_teacher_learns_from_labels_alone():
    batch, model = small_batch(), small("dacnn_teacher", max_displacement=2).eval()
    loss, terms = StereoTeacher().loss(model, batch)
    depth = model(batch["image"], batch["right"])
    assert loss.item() == pytest.approx((depth - batch["depth"]).abs()[batch["valid"]].mean().item()) and terms == {}


class Known(nn.Module):
    """A teacher whose answer is known; keeps what it is given."""

    def __init__(self, estimate: Estimate) -> None:
        super().__init__()
        self.answer, self.weight, self.seen = estimate, nn.Parameter(torch.ones(())), []

    def estimate(self, left, right):
        self.seen.append((left, right, torch.is_grad_enabled()))
        return Estimate(self.weight * self.answer.depth, tuple(self.weight * g for g in self.answer.guidance))


def test_distillation_is_equation_7():
    batch, student = small_batch(), small().eval()
    teacher = Known(
        Estimate(torch.full((2, 1, 24, 32), 7.0), tuple(torch.randn(2, 4, 24 // s, 32 // s) for s in (8, 4, 2)))
    ).train()
    task = Distillation(teacher)
    task.prepare(student, None)
    assert not teacher.training and not teacher.weight.requires_grad
    loss, terms = task.loss(student, batch)
    own = student.estimate(batch["image"])
    expected, parts = dacnn_loss(
        own.depth,
        batch["depth"],
        batch["valid"],
        batch["image"],
        guidance=own.guidance,
        teacher_depth=teacher.answer.depth,
        teacher_guidance=teacher.answer.guidance,
    )
    assert loss.item() == pytest.approx(expected.item()) and {k: v.item() for k, v in terms.items()} == pytest.approx(
        {k: v.item() for k, v in parts.items()}
    )
    assert terms["proxy"].item() == pytest.approx(0.01 * (own.depth - 7).abs().mean().item())
    ((left, right, with_grad),) = teacher.seen
    assert torch.equal(left, batch["image"]) and torch.equal(right, batch["right"]) and not with_grad
    loss.backward()
    assert teacher.weight.grad is None and all(
        p.grad is not None for n, p in student.named_parameters() if n.startswith("guidance")
    )


def test_without_a_teacher():
    batch, student = small_batch(), small().eval()
    loss, terms = Distillation(weights={"pixel": 1.0, "smooth": 0.01}).loss(student, batch)
    assert set(terms) == {"pixel", "smooth"} and loss.item() == pytest.approx(
        sum(t.item() for t in terms.values()), rel=1e-5
    )
    with pytest.raises(ValueError, match="teacher: found None"):
        Distillation(weights={"pixel": 1.0, "guidance": 1.0})
