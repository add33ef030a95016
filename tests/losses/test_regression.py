"""BerHu and the scale-invariant logarithmic loss, by hand and by their properties."""

from __future__ import annotations

import pytest
import torch
from loss_maps import PRED, TARGET, VALID, random_maps
from tensors import as_map

from depthlib.losses import berhu_loss, scale_invariant_log_loss
from depthlib.losses.regression import berhu


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
        values = [
            scale_invariant_log_loss(p, target, valid, variance_focus=focus).item() for p in (pred, factors * pred)
        ]
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


def test_berhu_of_pixels_has_the_mean_of_berhu_loss() -> None:
    pred, target, _ = random_maps()
    for fraction in (0.2, 0.7):
        expected = berhu_loss(pred, target, target > 0, fraction=fraction)
        torch.testing.assert_close(berhu(pred - target, fraction).mean(), expected)
