"""Correlation of two views and its gradients, against a loop over displacements and against a plain row product."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.bench.peers.comparison import Comparison, Sides
from depthlib.models.correlation import MAX_DISPLACEMENT, correlation

SHAPE = (2, 64, 48, 156)


def by_loop(left: Tensor, right: Tensor) -> Tensor:
    width = left.shape[-1]
    shifted = ((left[..., d:] * right[..., : width - d]).mean(dim=1) for d in range(MAX_DISPLACEMENT + 1))
    return torch.stack([F.pad(plane, (d, 0)) for d, plane in enumerate(shifted)], dim=1)


def by_rows(left: Tensor, right: Tensor) -> Tensor:
    channels, width = left.shape[1], left.shape[-1]
    rows = torch.einsum("bchx,bchs->bhxs", left, right)
    source = torch.arange(width, device=left.device)[:, None] - torch.arange(MAX_DISPLACEMENT + 1, device=left.device)
    needed = torch.take_along_dim(rows, source.clamp(min=0)[None, None], dim=3) / channels
    return needed.masked_fill(source < 0, 0).permute(0, 3, 1, 2)


def sides(device: torch.device, *, peer, layout: torch.memory_format) -> Sides:
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn(SHAPE, generator=generator).to(device, memory_format=layout) for _ in range(2)]
    for view in views:
        view.requires_grad_()
    upstream = torch.randn(SHAPE[0], MAX_DISPLACEMENT + 1, *SHAPE[2:], generator=generator).to(device)

    def call(form) -> list[Tensor]:
        volume = form(*views)
        return [volume, *torch.autograd.grad(volume, views, upstream)]

    return Sides(partial(call, correlation), partial(call, peer))


COMPARISONS = [
    Comparison(
        f"correlation, {'x'.join(map(str, SHAPE))}{note}, backward", name, partial(sides, peer=peer, layout=layout)
    )
    for note, layout in (("", torch.contiguous_format), (" channels-last", torch.channels_last))
    for name, peer in (("a loop over displacements", by_loop), ("row matmul and gather", by_rows))
]
