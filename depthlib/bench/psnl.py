"""Time and memory of PSNL: `python -m depthlib.bench.psnl --height 480 --width 640`.

Peak memory is that of the process (on a CPU) or the allocator (on CUDA) above that before the call. On a CPU it is a
high-water mark, so run one configuration per process; the first call sets it.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence

import torch

from depthlib.bench import MIB, arguments, seconds, spread
from depthlib.papers.anuw.attention import PSNL


def held(device: torch.device) -> int:
    """Bytes: the peak on CUDA since the last reset, the high-water mark of the process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(
        "time and memory of one PSNL block",
        argv,
        height=480,
        width=640,
        channels=32,
        stride=1,
        literal=(False, "form the n x n matrix"),
        backward=(False, "forward and backward instead of forward alone"),
        repeats=(3, "timed calls after the first; 0 times the first"),
        device="cpu",
    )
    device = torch.device(options.device)
    torch.manual_seed(0)
    block = PSNL(options.channels, stride=options.stride, literal=options.literal).to(device)
    features = torch.randn(
        1, options.channels, options.height, options.width, device=device, requires_grad=options.backward
    )

    def call() -> None:
        with torch.set_grad_enabled(options.backward):
            output = block(features)
            if options.backward:
                output.sum().backward()

    PSNL(options.channels).to(device)(features[..., :16, :16])  # libraries load outside the measurement
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    before = held(device)
    first = seconds(call, 1, device)
    peak = held(device) - before
    n = (options.height // 2 // options.stride) * (options.width // 2 // options.stride)
    print(
        f"PSNL({options.channels}) {options.height}x{options.width}, stride {options.stride}, {device}, "
        f"{torch.get_num_threads()} threads, {'literal' if options.literal else 'attention kernel'}, "
        f"{'forward and backward' if options.backward else 'forward'}"
    )
    print(
        f"features {features.numel() * 4 / MIB:.0f} MiB; one n x n float32 matrix of a quadrant (n = {n}) "
        f"{n * n * 4 / MIB:.0f} MiB"
    )
    print(f"peak memory above the input {peak / MIB:.0f} MiB")
    print(f"time {spread(seconds(call, options.repeats, device) or first, 2)}")


if __name__ == "__main__":
    main()
