"""Memory and time of the depth-aware convolution against its unfold form: `python -m depthlib.bench.depth_aware_conv`.

Memory is the peak held by tensors during the call above that before it: counted per tensor on a CPU, by the allocator
on CUDA. `--train` adds the backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from depthlib.bench import MIB, arguments, peak_bytes, seconds, spread
from depthlib.papers.dacnn.depth_aware_conv import depth_aware_conv, depth_aware_conv_unfold

FORMS = {"tap by tap": depth_aware_conv, "unfold": depth_aware_conv_unfold}


def drawn(shape: Sequence[int], *, guidance: int, outputs: int, device: torch.device) -> list[Tensor]:
    """Features [B,C,H,W], guidance, weight and the gradient of the output; maps are channels last, as in networks."""
    generator = torch.Generator().manual_seed(0)
    batch, channels, *size = shape
    shapes = (shape, (batch, guidance, *size), (outputs, channels, 3, 3), (batch, outputs, *size))
    scales = (1.0, guidance**-0.5, 0.1, 1.0)
    return [
        (scale * torch.randn(each, generator=generator)).to(device, memory_format=torch.channels_last)
        for scale, each in zip(scales, shapes, strict=True)
    ]


def measure(
    form: str,
    shape: Sequence[int],
    *,
    guidance: int,
    outputs: int,
    dilation: int,
    train: bool,
    repeats: int,
    device: torch.device,
) -> tuple[int, list[float]]:
    """Peak bytes of one call and the seconds of `repeats` more. `shape` is [B,C,H,W]; `form` a name in `FORMS`."""
    features, cues, weight, upstream = drawn(shape, guidance=guidance, outputs=outputs, device=device)
    for tensor in (features, cues, weight):
        tensor.requires_grad_(train)

    def call() -> None:
        with torch.set_grad_enabled(train):
            output = FORMS[form](features, cues, weight, dilation=dilation)
            if train:
                torch.autograd.grad(output, (features, cues, weight), upstream)

    call()  # libraries load outside the measurement
    return peak_bytes(call, device), seconds(call, repeats, device)


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(
        "memory and time of the depth-aware convolution",
        argv,
        batch=1,
        channels=64,
        outputs=16,
        guidance=32,
        height=128,
        width=256,
        dilation=6,
        train=(False, "forward and backward instead of forward alone"),
        repeats=3,
        device="cpu",
    )
    device, what = torch.device(options.device), "forward and backward" if options.train else "forward"
    shape = (options.batch, options.channels, options.height, options.width)
    print(
        f"features {list(shape)} of {4 * math.prod(shape) / MIB:.0f} MiB, guidance of {options.guidance} channels, "
        f"{options.outputs} outputs, {device}, {torch.get_num_threads()} threads, {what}"
    )
    for form in FORMS:
        peak, times = measure(
            form,
            shape,
            guidance=options.guidance,
            outputs=options.outputs,
            dilation=options.dilation,
            train=options.train,
            repeats=options.repeats,
            device=device,
        )
        print(f"{form:11s} {peak / MIB:6.0f} MiB above the arguments, {spread(times, 3)}")


if __name__ == "__main__":
    main()
