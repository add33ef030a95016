"""ANUW's loss: the weighted sum of its terms, by hand, in any unit."""

from __future__ import annotations

import pytest
import torch
from loss_maps import PRED, TARGET, VALID, random_maps

from depthlib.losses import gradient_loss, l1_loss, ssim_loss
from depthlib.papers.anuw.loss import anuw_loss


def test_anuw_loss_is_the_weighted_sum_on_normalised_depth() -> None:
    pred, target, valid = random_maps()
    total, terms = anuw_loss(pred, target, valid, max_depth=10.0)
    assert terms["l1"].item() == pytest.approx(l1_loss(pred, target, valid).item() / 10)
    assert terms["gradient"].item() == pytest.approx(gradient_loss(pred, target, valid).item() / 10)
    assert terms["ssim"].item() == pytest.approx(ssim_loss(pred / 10, target / 10, valid, data_range=1.0).item())
    expected = 0.2 * terms["l1"] + 0.3 * terms["gradient"] + 0.5 * terms["ssim"]
    assert total.item() == pytest.approx(expected.item(), rel=1e-12)
    assert not any(
        term.requires_grad for term in anuw_loss(pred.requires_grad_(), target, valid, max_depth=10.0)[1].values()
    )


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
        ({}, "found none"),
        ({"l1": 0}, "found only 0"),
    ):
        with pytest.raises(ValueError, match=message):
            anuw_loss(PRED, TARGET, VALID, max_depth=1.0, weights=weights)
    with pytest.raises(ValueError, match="max_depth: found 0, expected a positive depth"):
        anuw_loss(PRED, TARGET, VALID, max_depth=0)
