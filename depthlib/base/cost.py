"""Cost of a network: parameters, multiply-adds, latency."""

from __future__ import annotations

import time
from statistics import median

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(model: nn.Module) -> int:
    """Number of parameters, including parts for training only, such as a pose network."""
    return sum(p.numel() for p in model.parameters())


@torch.no_grad()
def macs(model: nn.Module, *inputs: Tensor) -> int:
    """Multiply-adds of convolutions and matrix products in one forward pass; torch counts each as two operations."""
    with FlopCounterMode(display=False) as counter:
        model.eval()(*inputs)
    total: int = counter.get_total_flops()
    return total // 2


@torch.no_grad()
def latency(model: nn.Module, *inputs: Tensor, repeats: int = 20) -> tuple[float, float]:
    """Median and spread (half the interquartile range) of the milliseconds of a forward pass, after a warm-up."""
    model.eval()
    times = []
    for repetition in range(repeats + 3):
        _wait(inputs[0])
        started = time.perf_counter()
        model(*inputs)
        _wait(inputs[0])
        if repetition >= 3:
            times.append(1e3 * (time.perf_counter() - started))
    low, high = torch.tensor(times).quantile(torch.tensor([0.25, 0.75])).tolist()
    return median(times), (high - low) / 2


def _wait(x: Tensor) -> None:
    if x.device.type == "cuda":
        torch.cuda.synchronize(x.device)
