"""Depth-aware convolution, forward and backward, against pixel-adaptive convolution in its plain form, by unfolding."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from depthlib.bench.depth_aware_conv import drawn
from depthlib.bench.peers.comparison import Comparison, Sides
from depthlib.papers.dacnn.depth_aware_conv import depth_aware_conv, depth_aware_conv_unfold

SHAPE, GUIDANCE, DILATION = (1, 64, 128, 256), 32, 6


def sides(device: torch.device, *, outputs: int) -> Sides:
    features, guidance, weight, upstream = drawn(SHAPE, guidance=GUIDANCE, outputs=outputs, device=device)
    # without the gradient's layout, each side would get maps in that of the other
    maps = [x.contiguous().requires_grad_() for x in (features, guidance, weight)]

    def call(form) -> list[Tensor]:
        output = form(*maps, dilation=DILATION)
        return [output, *torch.autograd.grad(output, maps, upstream.contiguous())]

    return Sides(partial(call, depth_aware_conv), partial(call, depth_aware_conv_unfold))


COMPARISONS = [
    Comparison(
        f"depth-aware convolution 64 -> {outputs}, with backward", "PAC by unfolding", partial(sides, outputs=outputs)
    )
    for outputs in (64, 16)
]
