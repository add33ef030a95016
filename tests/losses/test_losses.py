"""What holds for all losses: gradients, invalid pixels, memory layout, precision and refusals; and two of them by
hand.
"""

from __future__ import annotations

import math

import pytest
import torch
from loss_maps import ALL, PRED, TARGET, VALID, random_maps
from torch import Tensor

from depthlib.losses import berhu_loss, gradient_loss, l1_loss, scale_invariant_log_loss, ssim_loss
from depthlib.papers.anuw.loss import anuw_loss

SIMPLE = {
    "l1": l1_loss,
    "gradient": gradient_loss,
    "berhu": berhu_loss,
    "si_log": scale_invariant_log_loss,
    "ssim": lambda *maps: ssim_loss(*maps, data_range=10.0),
    "anuw": lambda *maps: anuw_loss(*maps, max_depth=10.0)[0],
}


@pytest.mark.parametrize(
    ("loss", "valid", "expected"),
    [
        (l1_loss, VALID, (0 + 2 + 1 + 0 + 3) / 5),
        (l1_loss, ALL, (0 + 2 + 3 + 1 + 0 + 3) / 6),
        # along x: |-2-0|, |0-1|, |-3-0|; along y: |1-0|, |0+2|
        (gradient_loss, VALID, (2 + 1 + 3 + 1 + 2) / 5),
        (gradient_loss, ALL, (2 + 5 + 1 + 3 + 1 + 2 + 6) / 6),
    ],
)
def test_by_hand(loss, valid: Tensor, expected: float) -> None:
    assert loss(PRED, TARGET, valid).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", SIMPLE)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    pred, target, valid = random_maps(12, 13, batch=1)
    if name == "berhu":  # c is detached, so it must not move: pin it with a large error that is not differentiated
        target[0, 0, 6, 6] = 100.0
        fixed = torch.zeros_like(valid)
        fixed[0, 0, 6, 6] = True
        moving = pred.clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda p: berhu_loss(torch.where(fixed, pred, p), target, valid), (moving,))
    else:
        assert torch.autograd.gradcheck(lambda p: SIMPLE[name](p, target, valid), (pred.requires_grad_(),))


@pytest.mark.parametrize("name", SIMPLE)
def test_what_lies_in_invalid_pixels_does_not_matter(name: str) -> None:
    pred, target, valid = random_maps()
    expected = SIMPLE[name](pred, target, valid)
    for junk in (0.0, 1e9, math.nan, math.inf):
        dirty = torch.where(valid, target, junk)
        p = torch.where(valid, pred, -1.0).requires_grad_()
        loss = SIMPLE[name](p, dirty, valid)
        loss.backward()
        assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
        assert p.grad.isfinite().all()
        assert (p.grad[~valid] == 0).all()
        assert (p.grad[valid] != 0).any()


@pytest.mark.parametrize("name", SIMPLE)
def test_memory_layout_and_precision(name: str) -> None:
    pred, target, valid = random_maps()
    exact = SIMPLE[name](pred, target, valid)
    assert exact.dtype == torch.float64
    assert exact.shape == ()
    single = SIMPLE[name](pred.float(), target.float(), valid)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(exact.item(), rel=1e-5)
    last = (x.to(memory_format=torch.channels_last) for x in (pred, target, valid))
    assert SIMPLE[name](*last).item() == pytest.approx(exact.item(), rel=1e-12)


@pytest.mark.parametrize("name", SIMPLE)
def test_refusals(name: str) -> None:
    loss, (pred, target, valid) = SIMPLE[name], random_maps()
    with pytest.raises(
        ValueError, match=r"found shapes \[2, 1, 13, 14\], \[2, 1, 13, 13\] and .* one shape \[B,1,H,W\]"
    ):
        loss(pred, target[..., 1:], valid)
    with pytest.raises(ValueError, match="one shape"):
        loss(pred[:, 0], target[:, 0], valid[:, 0])
    with pytest.raises(ValueError, match="valid: found no valid pixel"):
        loss(pred, target, torch.zeros_like(valid))
    with pytest.raises(TypeError, match="valid: found torch.float64, expected a bool mask"):
        loss(pred, target, valid.double())
    with pytest.raises(TypeError, match="pred, target: found torch.float64 and torch.int64, expected floating-point"):
        loss(pred, target.long(), valid)
