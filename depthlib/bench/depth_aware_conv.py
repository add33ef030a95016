"""Memory and time of the depth-aware convolution against its unfold form: `python -m depthlib.bench.depth_aware_conv`.

Memory is the peak held by tensors during the call above that before it: counted per tensor on a CPU, by the allocator
on CUDA. `--train` adds the backward pass.
"""

from __future__ import annotations

import argparse
import statistics
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from depthlib.papers.dacnn.depth_aware_conv import depth_aware_conv, depth_aware_conv_unfold

MIB = 2**20
FORMS = {"tap by tap": depth_aware_conv, "unfold": depth_aware_conv_unfold}


class PeakBytes(TorchDispatchMode):
    """Counts the bytes of live tensors created inside `with`; `peak` is their maximum. Views do not count.

    Scratch memory inside a kernel is not counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.alive = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None,
    ) -> Any:
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


def peak_bytes(call: Callable[[], Any], device: torch.device) -> int:
    """Peak memory of `call` above that held before it, bytes."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with PeakBytes() as counter:
        call()
    return counter.peak


def measure(form: str, shape: Sequence[int], *, guidance: int, outputs: int, dilation: int, train: bool, repeats: int,
            device: torch.device) -> tuple[int, list[float]]:
    """Peak bytes of one call and the seconds of `repeats` more. `shape` is [B,C,H,W]; `form` a name in `FORMS`."""
    torch.manual_seed(0)
    features = torch.randn(shape, device=device, requires_grad=train)
    cues = (torch.randn(shape[0], guidance, *shape[2:], device=device) * guidance**-0.5).requires_grad_(train)
    weight = (torch.randn(outputs, shape[1], 3, 3, device=device) * 0.1).requires_grad_(train)
    upstream = torch.ones(shape[0], outputs, *shape[2:], device=device)

    def call() -> None:
        with torch.set_grad_enabled(train):
            output = FORMS[form](features, cues, weight, dilation=dilation)
            if train:
                torch.autograd.grad(output, (features, cues, weight), upstream)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    call()  # libraries load outside the measurement
    peak = peak_bytes(call, device)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return peak, seconds


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="memory and time of the depth-aware convolution")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--outputs", type=int, default=16)
    parser.add_argument("--guidance", type=int, default=32)
    parser.add_argument("--height", type=int, default=128)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--dilation", type=int, default=6)
    parser.add_argument("--train", action="store_true", help="forward and backward instead of forward alone")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(argv)

    device = torch.device(options.device)
    shape = (options.batch, options.channels, options.height, options.width)
    features = 4 * options.batch * options.channels * options.height * options.width / MIB
    print(
        f"features {list(shape)} of {features:.0f} MiB, guidance of {options.guidance} channels, "
        f"{options.outputs} outputs, {device}, {torch.get_num_threads()} threads, "
        f"{'forward and backward' if options.train else 'forward'}"
    )
    for form in FORMS:
        peak, seconds = measure(
            form, shape, guidance=options.guidance, outputs=options.outputs, dilation=options.dilation,
            train=options.train, repeats=options.repeats, device=device,
        )
        print(f"{form:11s} {peak / MIB:6.0f} MiB above the arguments, {statistics.median(seconds):.3f} s "
              f"(median of {len(seconds)}, {min(seconds):.3f} to {max(seconds):.3f})")


if __name__ == "__main__":
    main()
