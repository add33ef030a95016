"""Schedules against torch's own and closed forms."""

import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, MultiStepLR, PolynomialLR, SequentialLR

from depthlib.training.schedules import SCHEDULES, rate_factor

STEPS = 40
SETTINGS = {"poly": {"power": 1.5}, "step": {"milestones": (0.4, 0.75), "drop": 0.3}}


def of_torch(schedule: str, warmup: int) -> list[float]:
    """The rates of torch's schedulers, step by step."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    rest = STEPS - warmup
    own = {
        "constant": lambda: LambdaLR(optimizer, lambda step: 1.0),
        "cosine": lambda: CosineAnnealingLR(optimizer, rest),
        "poly": lambda: PolynomialLR(optimizer, rest, 1.5),
        "step": lambda: MultiStepLR(optimizer, [math.ceil(share * rest) for share in (0.4, 0.75)], gamma=0.3),
    }[schedule]()
    scheduler = (
        own
        if warmup == 0
        else SequentialLR(
            optimizer, [LinearLR(optimizer, 1 / (warmup + 1), total_iters=warmup), own], milestones=[warmup]
        )
    )
    rates = []
    for _ in range(STEPS):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


# SequentialLR starts its later schedulers by a call that torch has deprecated.
@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("warmup", [0, 1, 7, 39])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rates_are_those_of_torch(schedule, warmup):
    ours = [rate_factor(schedule, step, STEPS, warmup=warmup, **SETTINGS.get(schedule, {})) for step in range(STEPS)]
    assert ours == pytest.approx(of_torch(schedule, warmup), rel=1e-12)


def test_closed_forms():
    rising = [rate_factor("constant", step, 10, warmup=4) for step in range(6)]
    assert rising == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])
    falling = [rate_factor("cosine", step, 4) for step in range(5)]
    assert falling == pytest.approx([1, 0.5 + 0.125**0.5, 0.5, 0.5 - 0.125**0.5, 0])
    assert rate_factor("cosine", 12, 20, warmup=4) == pytest.approx(0.5)
    assert all(rate_factor(schedule, 4, 20, warmup=4) == 1.0 for schedule in SCHEDULES)  # the whole rate


def test_bad_arguments_say_what_is_wrong():
    with pytest.raises(ValueError, match="^schedule: found 'linear', expected one of constant, poly, step, cosine$"):
        rate_factor("linear", 0, 10, warmup=5)
    for warmup in (-1, 10, 11):
        with pytest.raises(ValueError, match=f"^warmup: found {warmup}, expected 0 to 9"):
            rate_factor("cosine", 0, 10, warmup=warmup)


def test_schedules():
    assert [rate_factor("poly", s, 4, power=1.0) for s in range(4)] == [1.0, 0.75, 0.5, 0.25]
    assert rate_factor("poly", 50, 100, power=1.5) == pytest.approx(0.5**1.5)
    assert rate_factor("constant", 3, 4, power=9.0) == 1.0
    torch_own = torch.optim.lr_scheduler.MultiStepLR(torch.optim.SGD([torch.zeros(1)], lr=1.0), [4, 7], gamma=0.1)
    for step in range(10):
        torch_own.optimizer.step()
        assert rate_factor("step", step, 10, milestones=(0.4, 0.7), drop=0.1) == pytest.approx(
            torch_own.get_last_lr()[0]
        )
        torch_own.step()
    with pytest.raises(ValueError, match="schedule: found .linear"):
        rate_factor("linear", 0, 1)
