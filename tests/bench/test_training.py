"""Where the time of a step goes: operators are told apart by name, and a row is split into its phases."""

from types import SimpleNamespace

import pytest
import torch
from torch.autograd import DeviceType
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from depthlib.bench.training import PHASES, ROWS, measure, shares

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("work", "kind", "other"),
    [
        (lambda: F.conv2d(torch.ones(4, 32, 64, 64), torch.ones(32, 32, 3, 3)), "conv", "matmul"),
        (lambda: torch.ones(600, 600) @ torch.ones(600, 600), "matmul", "conv"),
    ],
)
def test_operators_are_told_apart(work, kind, other):
    work()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    found = shares(profiler, CPU)
    assert found[kind] > 0 and found[other] == 0


def test_a_share_is_the_own_time_of_operators_by_that_name() -> None:
    times = {
        "aten::mkldnn_convolution": 50,
        "aten::convolution_backward": 10,
        "aten::addmm": 15,
        "aten::add_": 20,
        "my_mm": 5,
    }
    events = [SimpleNamespace(key=k, self_cpu_time_total=t, device_type=DeviceType.CPU) for k, t in times.items()]
    assert shares(SimpleNamespace(key_averages=lambda: events), CPU) == {"conv": 0.6, "matmul": 0.15}


@pytest.mark.slow
def test_a_row_is_split_into_its_phases():
    split = measure(ROWS[0], steps=2, profiled=1, device=CPU)
    assert tuple(split.phases) == PHASES and min(split.phases.values()) > 0
    assert 0 < split.shares["conv"] < 1 and split.shares["matmul"] == 0  # a U-Net
    assert split.speed > 0
