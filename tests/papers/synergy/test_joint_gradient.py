"""The joint gradient loss: its edges and its parts, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from synergy_parts import random_maps
from tensors import random_logits
from torch import Tensor
from torch.nn import functional as F

from depthlib.base.filters import sobel
from depthlib.papers.synergy.joint_gradient import class_edges, joint_gradient_loss, semantic_gradient_loss, sobel_loss


def test_sobel_loss_counts_pixels_whose_neighbours_are_valid() -> None:
    pred, target, valid = random_maps()
    total, count = 0.0, 0
    for p, t, v in zip(pred[:, 0].numpy(), target[:, 0].numpy(), valid[:, 0].numpy(), strict=True):
        inside = ndimage.binary_erosion(v, np.ones((3, 3)), border_value=1)
        slopes = [
            ndimage.sobel(p, axis=axis, mode="nearest") - ndimage.sobel(t, axis=axis, mode="nearest") for axis in (0, 1)
        ]
        total, count = total + np.abs(slopes)[:, inside].sum(), count + inside.sum()
    assert 0 < count < valid.sum()
    assert sobel_loss(pred, target, valid).item() == pytest.approx(total / count, rel=1e-12)
    assert sobel_loss(pred, target, valid, normalized=True).item() == pytest.approx(total / count / 8, rel=1e-12)
    assert sobel_loss(target + 3, target, valid).item() == pytest.approx(0, abs=1e-12)
    chess = ((torch.arange(9)[:, None] + torch.arange(10)) % 2 == 0).expand_as(valid)
    assert sobel_loss(pred.requires_grad_(), target, chess) == 0


def two_rooms(depths: tuple[float, float], classes: tuple[int, int], count: int = 4) -> tuple[Tensor, Tensor]:
    """A depth map and certain class scores, both with one upright edge in the middle of 6x8."""
    left = torch.arange(8) < 4
    depth = torch.where(left, *(torch.tensor(d, dtype=torch.float64) for d in depths)).expand(1, 1, 6, 8)
    labels = torch.where(left, *map(torch.tensor, classes)).expand(1, 6, 8)
    return depth, 1e3 * F.one_hot(labels, count).movedim(-1, 1).double()


def test_class_edges_of_a_certain_step_are_those_of_a_step_of_one() -> None:
    for classes in ((0, 1), (3, 0), (2, 1)):
        step, logits = two_rooms((0.0, 1.0), classes)
        for edge, expected in zip(class_edges(logits), sobel(step), strict=True):
            torch.testing.assert_close(edge, expected.abs())


def test_semantic_gradient_by_hand_and_the_number_of_a_class() -> None:
    valid = torch.ones(1, 1, 6, 8, dtype=torch.bool)
    options = {"max_depth": 10.0}
    for classes in ((0, 1), (3, 0)):
        for depths, expected in (((2.0, 12.0), 0.0), ((2.0, 7.0), 0.5), ((3.0, 3.0), 1.0)):
            depth, logits = two_rooms(depths, classes)
            value = semantic_gradient_loss(depth, logits, valid, **options)  # 4 in two of eight columns
            assert value.item() == pytest.approx(expected * 4 * 2 / 8, abs=1e-9)
    depth, logits = two_rooms((3.0, 3.0), (0, 1))
    assert semantic_gradient_loss(depth, logits, valid, mode="argmax", **options).item() == pytest.approx(1 / 3)
    renumbered = logits[:, [0, 2, 3, 1]]  # class 1 is now called 3
    assert semantic_gradient_loss(depth, renumbered, valid, mode="argmax", **options).item() == pytest.approx(1.0)


def test_edges_of_probabilities_do_not_depend_on_the_numbering_and_learn_nothing() -> None:
    pred, _, valid = random_maps()
    logits = random_logits()[0].requires_grad_()
    values = [
        semantic_gradient_loss(pred, logits[:, order], valid, max_depth=10)
        for order in ([0, 1, 2, 3, 4], [3, 0, 4, 2, 1])
    ]
    torch.testing.assert_close(*values)
    pred.requires_grad_()
    for mode in ("prob_edge", "argmax"):
        loss = semantic_gradient_loss(pred, logits, valid, max_depth=10, mode=mode)
        slope, nothing = torch.autograd.grad(loss, (pred, logits), allow_unused=True)
        assert slope.any()
        assert nothing is None


def test_joint_gradient_loss_is_the_sum_of_its_parts() -> None:
    pred, target, valid = random_maps()
    logits = random_logits()[0]
    first = sobel_loss(pred, target, valid)
    assert torch.equal(joint_gradient_loss(pred, target, valid, max_depth=10, mode="none"), first)
    for mode, weight in (("prob_edge", 0.1), ("argmax", 1.0)):
        second = semantic_gradient_loss(pred, logits, valid, max_depth=10, mode=mode)
        joint = joint_gradient_loss(pred, target, valid, logits, max_depth=10, mode=mode, semantic_weight=weight)
        torch.testing.assert_close(joint, first + weight * second)
    torch.testing.assert_close(
        joint_gradient_loss(pred, target, valid, logits, max_depth=10),
        joint_gradient_loss(pred, target, valid, logits, max_depth=10, mode="prob_edge", semantic_weight=0.1),
    )
    with pytest.raises(ValueError, match="logits: found None"):
        joint_gradient_loss(pred, target, valid, max_depth=10)
    with pytest.raises(ValueError, match="mode: found 'edges', expected one of prob_edge, argmax, none"):
        joint_gradient_loss(pred, target, valid, logits, max_depth=10, mode="edges")
    with pytest.raises(ValueError, match=r"found shape \[2, 5, 9, 9\], expected \[2, K >= 2, 9, 10\]"):
        joint_gradient_loss(pred, target, valid, logits[..., 1:], max_depth=10)
