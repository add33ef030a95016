"""Losses against values worked out by hand on 2x3 maps, scikit-image, numerical gradients and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from depthlib.losses import berhu_loss, gradient_loss, l1_loss, scale_invariant_log_loss, ssim_loss
from depthlib.papers.anuw.loss import anuw_loss


def as_map(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)[None, None]


# e = pred - target:   0 -2  3     the 3 is invalid, so five pixels count
#                      1  0 -3
PRED = as_map([[1, 2, 4], [3, 5, 6]])
TARGET = as_map([[1, 4, 1], [2, 5, 9]])
VALID = as_map([[1, 1, 0], [1, 1, 1]]).bool()
ALL = torch.ones_like(VALID)

SIMPLE = {
    "l1": l1_loss,
    "gradient": gradient_loss,
    "berhu": berhu_loss,
    "si_log": scale_invariant_log_loss,
    "ssim": lambda *maps: ssim_loss(*maps, data_range=10.0),
    "anuw": lambda *maps: anuw_loss(*maps, max_depth=10.0)[0],
}


def random_maps(height: int = 13, width: int = 14, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Depths of 1 to 9 m; some invalid pixels near a corner, so that full windows remain."""
    generator = torch.Generator().manual_seed(0)
    pred, target = 1 + 8 * torch.rand(2, batch, 1, height, width, generator=generator, dtype=torch.float64)
    valid = torch.ones(batch, 1, height, width, dtype=torch.bool)
    valid[0, 0, 0, :3] = False
    valid[:, 0, -1, -1] = False
    return pred, target, valid


@pytest.mark.parametrize(("loss", "valid", "expected"), [
    (l1_loss, VALID, (0 + 2 + 1 + 0 + 3) / 5),
    (l1_loss, ALL, (0 + 2 + 3 + 1 + 0 + 3) / 6),
    # along x: |-2-0|, |0-1|, |-3-0|; along y: |1-0|, |0+2|
    (gradient_loss, VALID, (2 + 1 + 3 + 1 + 2) / 5),
    (gradient_loss, ALL, (2 + 5 + 1 + 3 + 1 + 2 + 6) / 6),
])
def test_by_hand(loss, valid: Tensor, expected: float) -> None:
    assert loss(PRED, TARGET, valid).item() == pytest.approx(expected, rel=1e-12)


def test_berhu_by_hand() -> None:
    # c = 0.5 * 3 = 1.5: 0, (4 + 2.25) / 3, 1, 0, (9 + 2.25) / 3
    assert berhu_loss(PRED, TARGET, VALID, fraction=0.5).item() == pytest.approx((6.25 / 3 + 1 + 11.25 / 3) / 5)
    # An invalid pixel with a huge error must not raise c.
    pred = PRED.clone()
    pred[0, 0, 0, 2] = 1e6
    assert berhu_loss(pred, TARGET, VALID) == berhu_loss(PRED, TARGET, VALID)


@pytest.mark.parametrize("focus", [0.0, 0.5, 1.0])
def test_scale_invariant_log_loss_by_hand(focus: float) -> None:
    # Image one: d = 0, 1, (invalid), 2, -1, 3. Image two: d = 2, 2 in two pixels. Image three: no label at all.
    d = torch.stack([as_map([[0, 1, 9], [2, -1, 3]])[0], as_map([[2, 9, 9], [9, 2, 9]])[0], as_map([[9] * 3] * 2)[0]])
    valid = torch.stack([VALID[0], as_map([[1, 0, 0], [0, 1, 0]])[0].bool(), torch.zeros_like(VALID[0])])
    target = torch.where(valid, 3.0, 0.0).double()
    expected = ((15 / 5 - focus * (5 / 5) ** 2) + (8 / 2 - focus * (4 / 2) ** 2)) / 2
    assert scale_invariant_log_loss(3 * d.exp(), target, valid, variance_focus=focus).item() == pytest.approx(expected)


def test_scale_invariant_log_loss_forgives_a_factor_per_image_only_with_full_focus() -> None:
    pred, target, valid = random_maps()
    factors = torch.tensor([0.5, 3.0], dtype=torch.float64).view(2, 1, 1, 1)
    for focus, same in ((1.0, True), (0.5, False)):
        values = [scale_invariant_log_loss(p, target, valid, variance_focus=focus).item() for p in (pred, factors * pred)]
        assert (values[0] == pytest.approx(values[1])) == same


def test_scale_invariant_log_loss_refuses_depth_without_a_logarithm() -> None:
    for name in ("pred", "target"):
        maps = {"pred": PRED.clone(), "target": TARGET.clone()}
        maps[name][0, 0, 1, 1] = 0
        with pytest.raises(ValueError, match=f"{name}: found a value <= 0"):
            scale_invariant_log_loss(**maps, valid=VALID)


def test_berhu_is_smooth_at_c_and_does_not_differentiate_c() -> None:
    target, valid = torch.zeros(1, 1, 1, 2, dtype=torch.float64), torch.ones(1, 1, 1, 2, dtype=torch.bool)
    values, slopes = [], []
    for error in (1 - 1e-7, 1 + 1e-7):  # the other pixel, 5, makes c = 1
        pred = torch.tensor([error, 5.0], dtype=torch.float64).view(1, 1, 1, 2).requires_grad_()
        loss = berhu_loss(pred, target, valid)
        loss.backward()
        values.append(loss.item())
        slopes.append(pred.grad.flatten().tolist())
    assert values[0] == pytest.approx(values[1], abs=1e-6)
    assert slopes[0] == pytest.approx(slopes[1], abs=1e-6)
    assert slopes[0] == pytest.approx([1 / 2, 5 / 2], abs=1e-6)  # e / c over two pixels


def test_berhu_of_a_perfect_prediction_has_no_gradient() -> None:
    pred = TARGET.clone().requires_grad_()
    loss = berhu_loss(pred, TARGET, VALID)
    loss.backward()
    assert loss == 0
    assert torch.equal(pred.grad, torch.zeros_like(pred))


def test_gradient_loss_ignores_a_common_shift_and_isolated_pixels() -> None:
    pred, target, valid = random_maps()
    assert gradient_loss(pred + 3, target, valid).item() == pytest.approx(gradient_loss(pred, target, valid).item())
    chess = (torch.arange(13)[:, None] + torch.arange(14)) % 2 == 0
    assert gradient_loss(pred, target, chess.expand_as(valid)) == 0


# SSIM


def reference_ssim(a: Tensor, b: Tensor, data_range: float) -> np.ndarray:
    """The map of scikit-image where its window lies inside."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    maps = structural_similarity(a.numpy(), b.numpy(), data_range=data_range, full=True, **options)[1]
    return maps[5:-5, 5:-5]


def test_ssim_loss_is_that_of_scikit_image_over_full_windows() -> None:
    pred, target, valid = random_maps(24, 20)
    valid[1, 0, 12, 0] = False
    total, count = 0.0, 0
    for p, t, v in zip(pred[:, 0], target[:, 0], valid[:, 0], strict=True):
        local = reference_ssim(p * v, t * v, 10.0)
        for row, column in np.ndindex(local.shape):
            if v[row : row + 11, column : column + 11].all():
                total, count = total + (1 - local[row, column]) / 2, count + 1
    assert 0 < count < 2 * 14 * 10
    assert ssim_loss(pred, target, valid, data_range=10.0).item() == pytest.approx(total / count, rel=1e-9)


def test_ssim_loss_of_any_window_masks_both_maps() -> None:
    pred, target, valid = random_maps(24, 20, batch=1)
    valid[:] = False
    valid[0, 0, 3::6, 2::6] = True
    valid[0, 0, :, 15:] = False  # no valid pixel in the windows of the last columns
    with pytest.raises(ValueError, match="no fully valid 11x11 window, expected at least one: use windows='any'"):
        ssim_loss(pred, target, valid, data_range=10.0)
    local = reference_ssim((pred * valid)[0, 0], (target * valid)[0, 0], 10.0)
    counted = np.array([[valid[0, 0, r : r + 11, c : c + 11].any().item() for c in range(10)] for r in range(14)])
    expected = (1 - local[counted].mean()) / 2
    assert ssim_loss(pred, target, valid, data_range=10.0, windows="any").item() == pytest.approx(expected, rel=1e-9)


def test_ssim_loss_bounds_and_refusals() -> None:
    pred, target, valid = random_maps()
    assert ssim_loss(target, target, valid, data_range=10.0).item() == pytest.approx(0, abs=1e-12)
    assert 0.5 < ssim_loss(10 - target, target, valid, data_range=10.0).item() < 1  # what is near is far
    with pytest.raises(ValueError, match="pred: found 2x3, expected at least 11x11 pixels for SSIM"):
        ssim_loss(PRED, TARGET, VALID, data_range=10.0)
    with pytest.raises(ValueError, match="windows: found 'some', expected 'full' or 'any'"):
        ssim_loss(pred, target, valid, data_range=10.0, windows="some")


# The sum


def test_anuw_loss_is_the_weighted_sum_on_normalised_depth() -> None:
    pred, target, valid = random_maps()
    total, terms = anuw_loss(pred, target, valid, max_depth=10.0)
    assert terms["l1"].item() == pytest.approx(l1_loss(pred, target, valid).item() / 10)
    assert terms["gradient"].item() == pytest.approx(gradient_loss(pred, target, valid).item() / 10)
    assert terms["ssim"].item() == pytest.approx(ssim_loss(pred / 10, target / 10, valid, data_range=1.0).item())
    expected = 0.2 * terms["l1"] + 0.3 * terms["gradient"] + 0.5 * terms["ssim"]
    assert total.item() == pytest.approx(expected.item(), rel=1e-12)
    assert not any(term.requires_grad for term in anuw_loss(pred.requires_grad_(), target, valid, max_depth=10.0)[1].values())


def test_anuw_loss_by_hand_for_a_constant_error() -> None:
    # Constant maps of 3 and 1 m in 10 m: no slope and no variance, so SSIM is its luminance term alone.
    pred, target = torch.full((1, 1, 12, 12), 3.0).double(), torch.full((1, 1, 12, 12), 1.0).double()
    similarity = (2 * 0.3 * 0.1 + 1e-4) / (0.3**2 + 0.1**2 + 1e-4)
    total, terms = anuw_loss(pred, target, target > 0, max_depth=10.0)
    assert total.item() == pytest.approx(0.2 * 0.2 + 0.3 * 0 + 0.5 * (1 - similarity) / 2, rel=1e-6)
    metres, metre_terms = anuw_loss(pred, target, target > 0, max_depth=10.0, metres=True)
    assert metre_terms["l1"].item() == pytest.approx(2.0)
    assert metre_terms["ssim"].item() == pytest.approx(terms["ssim"].item())
    assert metres.item() == pytest.approx(0.2 * 2 + 0.5 * (1 - similarity) / 2, rel=1e-6)


def test_anuw_loss_does_not_depend_on_the_unit_of_depth() -> None:
    pred, target, valid = random_maps()
    values = [anuw_loss(k * pred, k * target, valid, max_depth=k * 10.0)[0].item() for k in (1, 1000)]
    assert values[0] == pytest.approx(values[1])


def test_anuw_loss_computes_only_the_terms_that_weigh() -> None:
    total, terms = anuw_loss(PRED, TARGET, VALID, max_depth=1.0, weights={"l1": 2.0, "ssim": 0.0})  # too small for SSIM
    assert list(terms) == ["l1"]
    assert total.item() == pytest.approx(2 * 6 / 5)
    for weights, message in (
        ({"l2": 1.0}, "weights: found l2, expected some of l1, gradient, ssim"),
        ({}, "found none"), ({"l1": 0}, "found only 0"),
    ):
        with pytest.raises(ValueError, match=message):
            anuw_loss(PRED, TARGET, VALID, max_depth=1.0, weights=weights)
    with pytest.raises(ValueError, match="max_depth: found 0, expected a positive depth"):
        anuw_loss(PRED, TARGET, VALID, max_depth=0)


# What holds for all of them


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
    with pytest.raises(ValueError, match=r"found shapes \[2, 1, 13, 14\], \[2, 1, 13, 13\] and .* one shape \[B,1,H,W\]"):
        loss(pred, target[..., 1:], valid)
    with pytest.raises(ValueError, match="one shape"):
        loss(pred[:, 0], target[:, 0], valid[:, 0])
    with pytest.raises(ValueError, match="valid: found no valid pixel"):
        loss(pred, target, torch.zeros_like(valid))
    with pytest.raises(TypeError, match="valid: found torch.float64, expected a bool mask"):
        loss(pred, target, valid.double())
    with pytest.raises(TypeError, match="pred, target: found torch.float64 and torch.int64, expected floating-point"):
        loss(pred, target.long(), valid)
