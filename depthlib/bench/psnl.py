"""Time and memory of PSNL: `python -m depthlib.bench.psnl --height 480 --width 640`.

Peak memory is that of the process (on a CPU) or the allocator (on CUDA) above that before the call. On a CPU it is a
high-water mark, so run one configuration per process; the first call sets it.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Sequence

import torch

from depthlib.papers.anuw.attention import PSNL

MIB = 2**20


def held(device: torch.device) -> int:
    """Bytes: the peak on CUDA since the last reset, the high-water mark of the process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="time and memory of one PSNL block")
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--literal", action="store_true", help="form the n x n matrix")
    parser.add_argument("--backward", action="store_true", help="forward and backward instead of forward alone")
    parser.add_argument("--repeats", type=int, default=3, help="timed calls after the first; 0 times the first")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(argv)

    device = torch.device(options.device)
    torch.manual_seed(0)
    block = PSNL(options.channels, stride=options.stride, literal=options.literal).to(device)
    features = torch.randn(
        1, options.channels, options.height, options.width, device=device, requires_grad=options.backward,
    )

    def call() -> float:
        start = time.perf_counter()
        with torch.set_grad_enabled(options.backward):
            output = block(features)
            if options.backward:
                output.sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    PSNL(options.channels).to(device)(features[..., :16, :16])  # libraries load outside the measurement
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    before = held(device)
    first = call()
    peak = held(device) - before
    seconds = [call() for _ in range(options.repeats)] or [first]
    n = (options.height // 2 // options.stride) * (options.width // 2 // options.stride)
    print(f"PSNL({options.channels}) {options.height}x{options.width}, stride {options.stride}, {device}, "
          f"{torch.get_num_threads()} threads, {'literal' if options.literal else 'attention kernel'}, "
          f"{'forward and backward' if options.backward else 'forward'}")
    matrix = n * n * 4 / MIB
    print(
        f"features {features.numel() * 4 / MIB:.0f} MiB; one n x n float32 matrix of a quadrant (n = {n}) "
        f"{matrix:.0f} MiB"
    )
    print(f"peak memory above the input {peak / MIB:.0f} MiB")
    print(
        f"time {statistics.median(seconds):.2f} s (median of {len(seconds)}, {min(seconds):.2f} to {max(seconds):.2f})"
    )


if __name__ == "__main__":
    main()
