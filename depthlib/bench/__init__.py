"""Measurements of time and memory. Each module is a program: `python -m depthlib.bench.<name>`."""

from __future__ import annotations

import argparse
import time
import weakref
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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


class PeakBytes(TorchDispatchMode):
    """Counts the bytes of live tensors created inside `with`; `peak` is their maximum. Views do not count.

    Scratch memory inside a kernel is not counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.alive = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        given = {leaf.untyped_storage()._cdata for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata not in self._known | given:
                self._add(leaf.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._known.add(key)
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.alive -= size


def peak_bytes(call: Callable[[], Any], device: str | torch.device = "cpu") -> int:
    """Peak memory of `call` above that held before it, bytes: per tensor on a CPU, by the allocator on CUDA."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with PeakBytes() as counter:
        call()
    return counter.peak
