"""The focal loss against kornia, cross entropy and by hand."""

from __future__ import annotations

import math

import kornia
import pytest
import torch
from tensors import random_logits
from torch.nn import functional as F

from depthlib.papers.synergy.semantic_focal import inverse_frequency, label_counts, semantic_focal_loss


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 2.0, 0.1, 3.0]])
@pytest.mark.parametrize("gamma", [1.0, 2.0, 2.5])
def test_focal_loss_is_that_of_kornia(gamma: float, weights: list[float] | None) -> None:
    logits, labels = random_logits()
    labels = labels.where(labels != 255, 0)
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    pixels = kornia.losses.focal_loss(logits, labels, alpha=None, gamma=gamma, reduction="none", weight=weight)
    ours = semantic_focal_loss(logits, labels, gamma=gamma, alpha=1.0 if weights is None else weights)
    torch.testing.assert_close(ours, pixels.sum() / labels.numel(), rtol=1e-6, atol=1e-8)
    if weights is None:
        torch.testing.assert_close(semantic_focal_loss(logits, labels, gamma=gamma), 0.25 * ours)


def test_focal_loss_without_focus_is_the_cross_entropy_of_the_labelled() -> None:
    logits, labels = random_logits()
    for ignore in (255, 0):
        labels = labels.where(labels != 255, ignore)
        ours = semantic_focal_loss(logits, labels, gamma=0, alpha=1, ignore=ignore)
        torch.testing.assert_close(ours, F.cross_entropy(logits, labels, ignore_index=ignore))


def test_focal_loss_by_hand() -> None:
    logits = torch.log(torch.tensor([0.9, 0.1], dtype=torch.float64)).view(1, 2, 1, 1).expand(1, 2, 1, 2)
    easy, hard = 0.1**2 * -math.log(0.9), 0.9**2 * -math.log(0.1)
    assert semantic_focal_loss(logits, torch.tensor([[[0, 1]]])).item() == pytest.approx(0.25 * (easy + hard) / 2)


def test_focal_loss_gradients_and_pixels_without_a_label() -> None:
    logits, labels = random_logits(3, 3, 4)
    labels[0, 0, 0] = 255
    moving = logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: semantic_focal_loss(x, labels, alpha=[1.0, 2.0, 0.5]), (moving,))
    expected = semantic_focal_loss(logits, labels)
    dirty = torch.where((labels == 255)[:, None], math.nan, logits).requires_grad_()
    loss = semantic_focal_loss(dirty, labels)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    assert dirty.grad.isfinite().all()
    certain = torch.tensor([1e4, -1e4]).view(1, 2, 1, 1).requires_grad_()
    for label, value in ((0, 0.0), (1, 0.25 * 2e4)):
        loss = semantic_focal_loss(certain, torch.tensor([[[label]]]))
        assert loss.item() == pytest.approx(value)
        assert torch.autograd.grad(loss, certain)[0].isfinite().all()


def test_inverse_frequency_lifts_the_tail() -> None:
    labels = torch.tensor([[0] * 8 + [1] * 4 + [2] * 1 + [255] * 3])
    counts = label_counts(labels, 4)
    assert counts.tolist() == [8, 4, 1, 0]
    assert inverse_frequency(counts).tolist() == [0.125, 0.25, 1.0, 0.0]
    assert inverse_frequency(counts * 1000, scale=1.0).tolist() == [0.5, 1.0, 4.0, 0.0]
    with pytest.raises(ValueError, match="not all 0"):
        inverse_frequency(torch.zeros(3))
    with pytest.raises(ValueError, match="found 2, expected 0 to 1, or 255"):
        label_counts(labels, 2)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x, y: (x, y, {"gamma": 0.5}), ValueError, "gamma: found 0.5, expected 0 or at least 1"),
        (lambda x, y: (x, y, {"alpha": [1.0, 2.0]}), ValueError, r"found shape \[2\], expected a number or \[5\]"),
        (lambda x, y: (x[:, :4], y, {}), ValueError, "found 4, expected 0 to 3, or 255"),
        (lambda x, y: (x, torch.full_like(y, 255), {}), ValueError, "no labelled pixel"),
        (lambda x, y: (x, y[:, None], {}), ValueError, r"found shapes \[2, 5, 9, 10\] and \[2, 1, 9, 10\]"),
        (lambda x, y: (x, y.double(), {}), TypeError, "expected floating-point and integer"),
    ],
)
def test_focal_loss_refuses(change, error: type[Exception], message: str) -> None:
    logits, labels, options = change(*random_logits())
    with pytest.raises(error, match=message):
        semantic_focal_loss(logits, labels, **options)
