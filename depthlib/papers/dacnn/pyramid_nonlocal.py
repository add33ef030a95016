"""Asymmetric pyramid non-local block: attention over pooled anchors. Zhu et al. 2019, Sec. 3.2."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GRIDS = (1, 3, 6, 8)  # 1 + 9 + 36 + 64 = 110 anchors


class PyramidNonLocal(nn.Module):
    """[B,C,H,W] -> [B,C,H,W]: context = softmax(Q K^T / sqrt(k)) V, result = ReLU(norm(conv([w(context), features]))).

    A non-local block compares all pairs of pixels. Here keys and values are averaged over the cells of 1x1, 3x3, 6x6
    and 8x8 grids, so each pixel attends to 110 anchors, whatever the size of the map. Query and key are the same
    convolution. `w` is initialised to 0: the block starts without context. 230,912 parameters with 256 channels.
    Peak memory: about 4 times `features` in the forward pass, 9.2 with backward.

    Args:
        channels: C.
        inner: k, channels of query, key and value; C / 2 by default.
        dropout: probability that a channel of the result is 0 in training.
    """

    def __init__(self, channels: int, inner: int | None = None, *, dropout: float = 0.05) -> None:
        super().__init__()
        inner = inner or max(1, channels // 2)
        self.query_key = nn.Sequential(nn.Conv2d(channels, inner, 1), nn.BatchNorm2d(inner), nn.ReLU(inplace=True))
        self.value = nn.Conv2d(channels, inner, 1)
        self.w = nn.Conv2d(inner, channels, 1)
        nn.init.zeros_(self.w.weight)
        nn.init.zeros_(self.w.bias)
        self.merge = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.Dropout2d(dropout)
        )

    def anchors(self, x: Tensor) -> Tensor:
        """Means of the cells of all grids, grid by grid, row by row: [B,k,H,W] -> [B,S,k]."""
        return torch.cat([F.adaptive_avg_pool2d(x, grid).flatten(2) for grid in GRIDS], dim=2).mT

    def context(self, features: Tensor) -> Tensor:
        """Attention over the anchors: [B,C,H,W] -> [B,k,H,W]."""
        query = self.query_key(features)
        gathered = F.scaled_dot_product_attention(
            query.flatten(2).mT.unsqueeze(1).contiguous(),
            self.anchors(query).unsqueeze(1).contiguous(),
            self.anchors(self.value(features)).unsqueeze(1).contiguous(),
        )
        return gathered.squeeze(1).mT.unflatten(2, features.shape[-2:])

    def forward(self, features: Tensor) -> Tensor:
        return self.merge(torch.cat([self.w(self.context(features)), features], dim=1))
