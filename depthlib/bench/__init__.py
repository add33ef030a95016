"""Measurements of time and memory. Each module is a program: `python -m depthlib.bench.<name>`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch

MIB = 2**20


def seconds(call: Callable[[], Any], repeats: int, device: str | torch.device = "cpu") -> list[float]:
    """Seconds of each of `repeats` calls; on CUDA a call ends when its work is done."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return times


def spread(times: Sequence[float], digits: int) -> str:
    return f"{median(times):.{digits}f} s (median of {len(times)}, {min(times):.{digits}f} to {max(times):.{digits}f})"


def arguments(description: str, argv: Sequence[str] | None, **options: Any) -> argparse.Namespace:
    """A command line with an option for each keyword, which gives its default, or (default, help); False: a flag."""
    parser = argparse.ArgumentParser(description=description)
    for name, default in options.items():
        default, text = default if isinstance(default, tuple) else (default, None)
        kind = {"action": "store_true"} if default is False else {"type": type(default), "default": default}
        parser.add_argument(f"--{name}", help=text, **kind)
    return parser.parse_args(argv)
