"""MTAdam against torch's Adam, its formula, and what it does where losses disagree."""

from __future__ import annotations

import copy

import pytest
import torch
from tensors import F64, randn
from torch import Tensor

from depthlib.training.mtadam import MTAdam


def toy(seed: int = 0) -> tuple[list[Tensor], Tensor]:
    return [randn(3, 2, seed=seed).requires_grad_(), randn(seed=seed + 1).requires_grad_()], randn(2, 3, seed=seed + 2)


def toy_losses(parameters: list[Tensor], x: Tensor, scale: float = 1.0) -> list[Tensor]:
    w, b = parameters
    return [(x @ w + b).square().sum(), scale * (w.sin().sum() + 0.1 * b).square(), w.exp().mean()]


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_mtadam_with_one_loss_is_adam(decay: float) -> None:
    (ours, x), (theirs, _) = toy(), toy()
    optimizer = MTAdam(ours, lr=0.01, weight_decay=decay)
    adam = torch.optim.Adam(theirs, lr=0.01, weight_decay=decay)
    for _ in range(30):
        optimizer.step(toy_losses(ours, x)[:1])
        adam.zero_grad()
        toy_losses(theirs, x)[0].backward()
        adam.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("ranks", [None, (1.0, 2.0, 0.5)])
def test_mtadam_is_its_formula(ranks: tuple[float, ...] | None) -> None:
    parameters, x = toy()
    optimizer = MTAdam(parameters, lr=0.05, betas=(0.8, 0.95, 0.7), eps=1e-6, weight_decay=0.02)
    p = [parameter.detach().clone() for parameter in parameters]
    n = [[None] * 3 for _ in p]
    m, v = ([[torch.zeros_like(q) for _ in range(3)] for q in p] for _ in range(2))
    for t in range(1, 6):
        leaves = [q.clone().requires_grad_() for q in p]
        gradients = [torch.autograd.grad(loss, leaves, allow_unused=True) for loss in toy_losses(leaves, x)]
        for k in range(2):
            top, bottom = 0.0, torch.zeros_like(p[k])
            for i in range(3):
                g = torch.zeros_like(p[k]) if gradients[i][k] is None else gradients[i][k]
                length = g.norm()
                n[k][i] = length if t == 1 else 0.7 * n[k][i] + 0.3 * length
                if n[k][i] > 1e-10:
                    g = (1.0 if ranks is None else ranks[i]) * n[k][0] * g / n[k][i]
                g = g + 0.02 * p[k]
                m[k][i] = 0.8 * m[k][i] + 0.2 * g
                v[k][i] = 0.95 * v[k][i] + 0.05 * g**2
                bottom = torch.maximum(bottom, (v[k][i] / (1 - 0.95**t)).sqrt() + 1e-6)
                top = top + 0.05 / (1 - 0.8**t) * m[k][i]
            p[k] = p[k] - top / bottom
        optimizer.step(toy_losses(parameters, x), ranks)
    for a, b in zip(parameters, p, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_mtadam_does_not_see_the_scale_of_a_loss() -> None:
    (small_ones, x), (large, _) = toy(), toy()
    first, second = MTAdam(small_ones), MTAdam(large)
    for _ in range(10):
        first.step(toy_losses(small_ones, x))
        second.step(toy_losses(large, x, scale=1e5))
    for a, b in zip(small_ones, large, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_mtadam_stops_at_the_first_compromise_where_adam_serves_the_loudest() -> None:
    """(x - 1)^2 and 10^4 (x + 1)^2: from 1 to -1 the two equally long gradients cancel; the minimum of the sum is at
    -1.
    """
    ends = {}
    for kind in (MTAdam, torch.optim.Adam):
        x = torch.tensor(3.0, dtype=F64, requires_grad=True)
        optimizer = kind([x], lr=0.02)
        for _ in range(500):
            losses = [(x - 1) ** 2, 1e4 * (x + 1) ** 2]
            if kind is MTAdam:
                optimizer.step(losses)
            else:
                optimizer.zero_grad()
                sum(losses).backward()
                optimizer.step()
        ends[kind.__name__] = x.item()
    assert ends["MTAdam"] == pytest.approx(1, abs=0.1) and ends["Adam"] == pytest.approx(-1, abs=0.05)
    y = torch.zeros(2, dtype=F64, requires_grad=True)
    optimizer = MTAdam([y], lr=0.05)
    for _ in range(600):
        optimizer.step([(y[0] - 1) ** 2, 1e6 * (y[1] - 2) ** 2])
    assert y.tolist() == pytest.approx([1, 2], abs=0.02)  # no conflict: both minima


def test_mtadam_leaves_what_no_loss_reaches_and_can_be_resumed() -> None:
    (parameters, x), unused = toy(), torch.ones(2, requires_grad=True)
    optimizer = MTAdam([*parameters, unused], lr=0.1)
    for _ in range(3):
        optimizer.step(toy_losses(parameters, x))
    assert torch.equal(unused, torch.ones(2)) and parameters[0].grad is None
    copies = [p.detach().clone().requires_grad_() for p in parameters]
    resumed = MTAdam([*copies, unused], lr=0.1)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(3):
        optimizer.step(toy_losses(parameters, x))
        resumed.step(toy_losses(copies, x))
    for a, b in zip(parameters, copies, strict=True):
        assert torch.equal(a, b)
    flat = torch.zeros(2, dtype=F64, requires_grad=True)
    MTAdam([flat]).step(
        [flat.sum() * 0, (flat - 1).square().sum()]
    )  # the first loss says nothing: the second is the anchor
    assert (flat > 0).all()
    for losses, ranks, message in (
        ([], None, "at least one"),
        (toy_losses(parameters, x), (1.0,), "as many ranks"),
        (toy_losses(parameters, x)[:2], None, "losses: found 2, expected 3 as before"),
    ):
        with pytest.raises(ValueError, match=message):
            optimizer.step(losses, ranks)
    for options in ({"lr": -1}, {"betas": (0.9, 0.999)}, {"betas": (0.9, 1.0, 0.9)}):
        with pytest.raises(ValueError):
            MTAdam(parameters, **options)
