"""Ranking losses by hand, against WHDR and against their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from devices import DEVICES
from tensors import F64, randn

from depthlib.losses.ranking import (
    hard_pair_weights,
    improved_ranking_loss,
    pair_losses,
    ranking_loss,
    relations,
    sample_pixels,
)
from depthlib.metrics.ordinal import whdr

POINTS = torch.tensor([[[0, 0, 1, 1], [1, 0, 0, 1], [0, 0, 0, 1]]])  # rows (yA, xA, yB, xB) of a 2x2 map


def test_ranking_loss_by_hand() -> None:
    z = torch.tensor([[[[3.0, 1.0], [0.0, 2.5]]]], dtype=F64)
    relation = torch.tensor([[1, -1, 0]])
    expected = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-1.0)) + 4) / 3
    assert ranking_loss(z, POINTS, relation).item() == pytest.approx(expected)
    assert ranking_loss(torch.zeros_like(z), POINTS[:, :2], relation[:, :2]).item() == pytest.approx(math.log(2))
    # Far from the border it is linear: no overflow, and no infinite gradient out of the branch that is not taken.
    far = torch.tensor([[[[-1e30, 0.0], [0.0, 1e30]]]], requires_grad=True)
    ranking_loss(far, POINTS[:, :1], relation[:, :1]).backward()
    assert far.grad.flatten().tolist() == [-1, 0, 0, 1]


def test_larger_is_farther_and_eq_2_to_the_letter_is_the_opposite() -> None:
    z = torch.zeros(1, 1, 2, 2, dtype=F64, requires_grad=True)
    a_is_farther = torch.tensor([[1]])
    for orientation, sign in (("depth", 1), ("inverse_depth", -1)):
        (gradient,) = torch.autograd.grad(ranking_loss(z, POINTS[:, :1], a_is_farther, orientation=orientation), z)
        assert gradient[0, 0, 0, 0] == -0.5 * sign and gradient[0, 0, 1, 1] == 0.5 * sign  # A rises with "depth"
        assert gradient[0, 0, 0, 1] == gradient[0, 0, 1, 0] == 0


def test_ranking_loss_agrees_with_whdr_and_has_its_symmetries() -> None:
    generator = torch.Generator().manual_seed(0)
    depth = randn(2, 1, 6, 7)
    points = torch.stack([torch.randint(0, n, (2, 40), generator=generator) for n in (6, 7, 6, 7)], dim=-1)
    a, b = (torch.stack([depth[i, 0, points[i, :, k], points[i, :, k + 1]] for i in range(2)]) for k in (0, 2))
    relation = (a - b).sign().long()
    assert whdr(depth, points, relation) == 0
    unequal = relation.abs().bool()
    assert ranking_loss(1e4 * depth, points, relation) < 1e-6 < 100 < ranking_loss(-1e4 * depth, points, relation)
    loss = ranking_loss(depth, points, relation)
    expected = torch.where(unequal, torch.log1p(torch.exp(-relation * (a - b))), (a - b) ** 2).mean()
    torch.testing.assert_close(loss, expected)
    swapped = points[..., [2, 3, 0, 1]]
    order = torch.randperm(40, generator=generator)
    offset = randn(2, 1, 1, 1, seed=3)
    for other in (
        ranking_loss(depth, swapped, -relation),
        ranking_loss(depth + offset, points, relation),
        ranking_loss(depth[[1, 0]], points[[1, 0]][:, order], relation[[1, 0]][:, order]),
        ranking_loss(
            depth.flip(-1),
            torch.stack([points[..., 0], 6 - points[..., 1], points[..., 2], 6 - points[..., 3]], -1),
            relation,
        ),
    ):
        torch.testing.assert_close(other, loss)
    assert torch.autograd.gradcheck(lambda z: ranking_loss(z, points, relation), depth[:].requires_grad_())


def test_relations_of_eight_bit_depth() -> None:
    a = torch.tensor([51, 50, 101, 100, 0, 0, 1, 255], dtype=torch.float32)
    b = torch.tensor([50, 51, 100, 101, 0, 1, 0, 255], dtype=torch.float32)
    expected = [1, -1, 0, 0, 0, -1, 1, 0]
    assert (
        relations(a, b).tolist() == relations(a / 255, b / 255).tolist() == expected
    )  # stored numbers, or between 0 and 1
    levels = torch.arange(256.0)
    exact = [
        [0 if p == q or 100 * max(p, q) < 102 * min(p, q) else (1 if p > q else -1) for q in range(256)]
        for p in range(256)
    ]
    assert relations(levels[:, None] / 255, levels[None] / 255).tolist() == exact
    with pytest.raises(ValueError, match="relative: found a negative value"):
        relations(a - 1, b)


def test_the_easiest_quarter_of_the_unequal_pairs_has_no_weight() -> None:
    losses = torch.tensor([[0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.0, 0.6, 0.01], [1.0, 2, 3, 4, 5, 6, 7, 8, 9]])
    relation = torch.tensor([[1, -1, 1, -1, 1, 1, 0, -1, 1], [0] * 9])
    weights = hard_pair_weights(losses, relation, 0.25)  # 8 unequal pairs: two are dropped; equal ones never
    assert weights.tolist() == [[0, 1, 1, 1, 1, 1, 1, 1, 0], [1] * 9]
    assert hard_pair_weights(losses, relation, 0.0).all()


@pytest.mark.parametrize("device", DEVICES)
def test_pixels_are_drawn_from_the_valid_ones_alone_and_evenly(device: str) -> None:
    valid = torch.zeros(2, 1, 4, 5, dtype=torch.bool)
    valid[0, 0, 0, 0] = valid[0, 0, 3, 4] = valid[0, 0, 1, 2] = True
    valid[1, 0, 2] = True
    draws = sample_pixels(valid.to(device), 6000, torch.Generator(device).manual_seed(0)).cpu()
    for image, allowed in enumerate(([0, 7, 19], [10, 11, 12, 13, 14])):
        counts = draws[image].bincount(minlength=20)
        assert counts.nonzero().flatten().tolist() == allowed
        expected = 6000 / len(allowed)
        assert ((counts[allowed] - expected) ** 2 / expected).sum() < 20  # chi-squared
    again = sample_pixels(valid.to(device), 6000, torch.Generator(device).manual_seed(0)).cpu()
    assert torch.equal(draws, again)
    with pytest.raises(ValueError, match="found an image without a valid pixel"):
        sample_pixels(torch.zeros_like(valid), 3)


def test_improved_ranking_loss_is_its_formula() -> None:
    pred, relative = randn(3, 1, 6, 7), randn(3, 1, 6, 7, seed=1).abs()
    relative[0, 0, :3] = 1.0  # equal pairs
    valid = torch.rand(3, 1, 6, 7, generator=torch.Generator().manual_seed(2)) > 0.3
    valid[1] = False  # an image without labels does not count
    pred[~valid], relative[~valid] = torch.nan, torch.nan
    index = sample_pixels(valid[[0, 2]], 100, torch.Generator().manual_seed(5))
    means = []
    for image, row in zip((0, 2), index, strict=True):
        kept, unequal = [], []
        for p, q in zip(row[:50].tolist(), row[50:].tolist(), strict=True):
            d = (pred[image].flatten()[p] - pred[image].flatten()[q]).item()
            g, h = relative[image].flatten()[p].item(), relative[image].flatten()[q].item()
            if max(g, h) / min(g, h) < 1.02:
                kept.append(d**2)
            else:
                unequal.append(math.log1p(math.exp(-d if g > h else d)))
        kept += sorted(unequal)[math.floor(0.25 * len(unequal)) :]
        assert 5 < len(unequal) < 50
        means.append(sum(kept) / len(kept))
    options = {"pairs": 50}
    loss = improved_ranking_loss(pred, relative, valid, generator=torch.Generator().manual_seed(5), **options)
    assert loss.item() == pytest.approx(sum(means) / 2)
    for other in (relative * 7, relative):
        again = improved_ranking_loss(pred + 3, other, valid, generator=torch.Generator().manual_seed(5), **options)
        torch.testing.assert_close(again, loss)
    everything = improved_ranking_loss(
        pred, relative, valid, dropped=0, generator=torch.Generator().manual_seed(5), **options
    )
    assert everything < loss
    z = torch.where(valid, pred, torch.nan).requires_grad_()
    improved_ranking_loss(z, relative, valid).backward()
    assert z.grad.isfinite().all() and (z.grad[~valid] == 0).all() and (z.grad[valid] != 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pred": torch.zeros(1, 3, 4, 4)}, r"pred, points: found .* expected \[B,1,H,W\]"),
        ({"points": torch.zeros(1, 0, 4, dtype=torch.int64), "relation": torch.zeros(1, 0)}, "at least one pair"),
        ({"points": torch.tensor([[[0, 0, 4, 0]]])}, "outside 4x4, expected them counted from 0"),
        ({"points": torch.tensor([[[0, -1, 3, 0]]])}, "outside 4x4"),
        ({"relation": torch.tensor([[2]])}, r"relation: found \[2\], expected -1, 0 or 1"),
        ({"relation": torch.tensor([[1, 1]])}, "one relation per pair"),
        ({"orientation": "disparity"}, "orientation: found 'disparity', expected one of depth, inverse_depth"),
    ],
)
def test_ranking_loss_refuses(change: dict, message: str) -> None:
    arguments = {
        "pred": torch.zeros(1, 1, 4, 4),
        "points": torch.tensor([[[0, 0, 3, 3]]]),
        "relation": torch.tensor([[1]]),
    } | change
    with pytest.raises(ValueError, match=message):
        ranking_loss(**arguments)
    with pytest.raises(TypeError, match="pred, points: found .* expected floating-point and int64"):
        ranking_loss(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4), torch.tensor([[1]]))
    with pytest.raises(ValueError, match="dropped"):
        improved_ranking_loss(
            torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2, dtype=torch.bool), dropped=1
        )
    assert pair_losses(torch.tensor([0.0]), torch.tensor([0])).item() == 0
