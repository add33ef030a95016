"""Loss rebalancing: what it keeps, when it moves, and that it can be resumed."""

from __future__ import annotations

import math

import pytest
import torch
from mobile_parts import NAMES

from depthlib.papers.mobile.rebalancing import LossRebalancer, initial_weights, lam_of_epoch, rebalanced


@pytest.mark.parametrize("lam", [-3.0, -1.5, 0.0, 0.7, 3.0])
def test_rebalancing_keeps_the_weighted_sum(lam: float) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        w, now, before = (
            dict(zip(NAMES, (torch.rand(3, generator=generator) + 0.1).tolist(), strict=True)) for _ in range(3)
        )
        total_before = sum(w[n] * before[n] for n in NAMES)
        new = rebalanced(w, now, before, total_before, lam, clip=False)
        assert sum(new[n] * now[n] for n in NAMES) == pytest.approx(sum(w[n] * now[n] for n in NAMES))
        clipped = rebalanced(w, now, before, total_before, lam)
        for name in NAMES:
            assert clipped[name] == pytest.approx(w[name] * min(max(new[name] / w[name], 0.5), 2))
        if lam == 0:
            assert new == w


def test_hard_losses_gain_while_lam_is_negative() -> None:
    w = dict.fromkeys(NAMES, 1 / 3)
    before, now = (
        dict.fromkeys(NAMES, 1.0),
        {"ranking": 0.9, "rmse": 0.8, "pairwise": 0.7},
    )  # ranking falls slowest: hard
    hard = rebalanced(w, now, before, 1.0, -1.0)
    easy = rebalanced(w, now, before, 1.0, 1.0)
    assert hard["ranking"] > hard["rmse"] > hard["pairwise"]
    assert easy["ranking"] < easy["rmse"] < easy["pairwise"]
    assert hard["ranking"] == pytest.approx((2 - 0.8 / 0.9) / 3)  # T / T' = 0.8
    assert [lam_of_epoch(e) for e in range(7)] == [-3, -1.5, 0, 1.5, 3, 3, 3]
    assert [lam_of_epoch(e, "easy_to_hard") for e in range(6)] == [3, 1.5, 0, -1.5, -3, -3]
    finished = rebalanced(w, now | {"rmse": 0.0}, before | {"rmse": 0.0}, 1.0, 3.0)
    assert all(math.isfinite(value) for value in finished.values())


def test_events_come_five_times_an_epoch_and_see_the_mean_since_the_last_one() -> None:
    rebalancer = LossRebalancer(NAMES, steps_per_epoch=12)
    events = [step for step in range(24) if rebalancer.observe(dict.fromkeys(NAMES, 1.0))]
    assert events == [2, 4, 7, 9, 11, 14, 16, 19, 21, 23]  # ceil(12 k / 5) - 1
    assert LossRebalancer(NAMES, steps_per_epoch=5).behind == {1, 2, 3, 4, 5}
    rebalancer = LossRebalancer(("a", "b"), steps_per_epoch=4, events=2)
    for losses, samples in (((1.0, 4.0), 1), ((4.0, 4.0), 3)):
        assert rebalancer.weights == {"a": 0.5, "b": 0.5}
        rebalancer.observe(dict(zip("ab", losses, strict=True)), samples)
    assert rebalancer.weights == {"a": 0.5, "b": 0.5}  # the first event only looks
    assert (rebalancer.before, rebalancer.total_before) == ({"a": 3.25, "b": 4.0}, 3.625)  # over samples
    for _ in range(2):
        rebalancer.observe({"a": 3.0, "b": 2.0})
    ratio = (0.5 * 3 + 0.5 * 2) / 3.625
    factors = [1 - 3 * (ratio * 3.25 / 3 - 1), 1 - 3 * (ratio * 4 / 2 - 1)]
    expected = {name: 0.5 * min(max(f, 0.5), 2) for name, f in zip("ab", factors, strict=True)}
    assert rebalancer.weights == pytest.approx(expected) and rebalancer.weights["a"] > rebalancer.weights["b"]
    assert rebalancer.total_before == pytest.approx(expected["a"] * 3 + expected["b"] * 2)  # with the new weights


def test_initialisation_evens_out_the_losses() -> None:
    w = initial_weights(dict.fromkeys(NAMES, 1 / 3), {"ranking": 0.5, "rmse": 10.0, "pairwise": 0.01})
    assert [w[n] * v for n, v in zip(NAMES, (0.5, 10.0, 0.01), strict=True)] == pytest.approx([10.51 / 9] * 3)
    rebalancer = LossRebalancer(NAMES, steps_per_epoch=1, events=1, initialise=True)
    rebalancer.observe(dict(zip(NAMES, (0.5, 10.0, 0.01), strict=True)))
    assert rebalancer.weights == pytest.approx(w) and rebalancer.total_before == pytest.approx(10.51 / 3)


def test_a_resumed_rebalancer_goes_on_in_the_same_way() -> None:
    values = torch.rand(40, 3, generator=torch.Generator().manual_seed(0)).tolist()
    whole, first = (LossRebalancer(NAMES, steps_per_epoch=10) for _ in range(2))
    for row in values[:17]:
        first.observe(dict(zip(NAMES, row, strict=True)))
    second = LossRebalancer(NAMES, steps_per_epoch=10)
    second.load_state_dict(first.state_dict())
    for row in values[17:]:
        second.observe(dict(zip(NAMES, row, strict=True)))
    for row in values:
        whole.observe(dict(zip(NAMES, row, strict=True)))
    assert whole.state_dict() == second.state_dict() and whole.weights != dict.fromkeys(NAMES, 1 / 3)
    terms = {name: torch.tensor(1.0, requires_grad=True) for name in reversed(NAMES)}
    whole.total(terms).backward()
    assert {name: term.grad.item() for name, term in terms.items()} == pytest.approx(whole.weights)


def test_rebalancer_refuses() -> None:
    for options, message in (
        ({"events": 6, "steps_per_epoch": 5}, "1 to steps_per_epoch"),
        ({"order": "up"}, "hard_to_easy"),
    ):
        with pytest.raises(ValueError, match=message):
            LossRebalancer(NAMES, **{"steps_per_epoch": 9} | options)
    with pytest.raises(ValueError, match="distinct"):
        LossRebalancer(("a", "a"), steps_per_epoch=9)
    rebalancer = LossRebalancer(("a", "b"), steps_per_epoch=9)
    for terms, message in (
        ({"a": 1.0}, "terms: found a, expected a, b"),
        ({"a": 1.0, "b": -0.1}, "b: found the loss -0.1"),
        ({"a": math.nan, "b": 1.0}, "a: found the loss nan"),
    ):
        with pytest.raises(ValueError, match=message):
            rebalancer.observe(terms)
