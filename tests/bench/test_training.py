"""Where the time of a step goes: operators are told apart by name, and a row is split into its phases."""

import pytest
import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from depthlib.bench.training import PHASES, ROWS, measure, shares

CPU = torch.device("cpu")


@pytest.mark.parametrize(("work", "kind", "other"), [
    (lambda: F.conv2d(torch.ones(4, 32, 64, 64), torch.ones(32, 32, 3, 3)), "conv", "matmul"),
    (lambda: torch.ones(600, 600) @ torch.ones(600, 600), "matmul", "conv"),
])
def test_operators_are_told_apart(work, kind, other):
    work()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    found = shares(profiler, CPU)
    assert found[kind] > 0.5 and found[other] == 0


@pytest.mark.slow
def test_a_row_is_split_into_its_phases():
    split = measure(ROWS[0], steps=2, profiled=1, device=CPU)
    assert tuple(split.phases) == PHASES and min(split.phases.values()) > 0
    assert 0.2 < split.shares["conv"] < 0.95 and split.shares["matmul"] == 0       # a U-Net
    assert split.speed == pytest.approx(8 / sum(split.phases.values()), rel=0.5)
