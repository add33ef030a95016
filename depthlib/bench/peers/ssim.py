"""Mean structural similarity in an 11x11 Gaussian window and its gradient, against pytorch-msssim."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from depthlib.bench.peers.comparison import Comparison, Sides
from depthlib.metrics.ssim import ssim

SHAPES = ((8, 1, 96, 192), (2, 3, 192, 640), (1, 3, 375, 1242))


def sides(device: torch.device, *, shape: tuple[int, int, int, int]) -> Sides:
    from pytorch_msssim import ssim as peer

    first, noise = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)).to(device)
    second = 0.8 * first + 0.2 * noise
    first.requires_grad_()

    def call(form) -> list[Tensor]:
        mean = form(first, second, data_range=1.0).mean()
        return [mean, *torch.autograd.grad(mean, first)]

    return Sides(partial(call, ssim), partial(call, peer))


COMPARISONS = [
    Comparison(
        f"SSIM 11x11, {'x'.join(map(str, shape))}, backward",
        "pytorch-msssim",
        partial(sides, shape=shape),
        needs="pytorch_msssim",
    )
    for shape in SHAPES
]
