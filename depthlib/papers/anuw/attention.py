"""The two attention modules of ANUW: AWCA, channel attention, and PSNL, non-local attention within quadrants."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AWCA(nn.Module):
    """Adaptive weighted channel attention: [B,C,H,W] -> [B,C,H,W]. ANUW Eqs. 1-3, Fig. 4.

    Like squeeze-and-excitation, but the average over the image is weighted, and the weights are learned.
    C + 2 * C * (C // t) parameters, none of them a bias.

    The hidden layer has max(2, C // t) channels. Without a bias, a ReLU channel is dead if its initial weights give a
    negative sum, in about half of all draws; if all channels are dead, the module is a constant factor of 1/2. That
    happens with probability 1/2 for one hidden channel and 1/4 for two (the paper's 32-channel nodes included). PReLU
    cannot die.

    Args:
        channels: C.
        reduction: t, 16 in the paper.
        prelu: the hidden activation of the code of Li et al. 2020 (one shared slope) in place of ReLU, which Eq. 2 has
            (erratum A4).
    """

    def __init__(self, channels: int, reduction: int = 16, *, prelu: bool = False) -> None:
        super().__init__()
        hidden = max(2, channels // reduction)
        self.score = nn.Conv2d(channels, 1, 1, bias=False)
        self.reduce = nn.Linear(channels, hidden, bias=False)
        self.activation = nn.PReLU() if prelu else nn.ReLU()
        self.expand = nn.Linear(hidden, channels, bias=False)

    def spatial_weights(self, features: Tensor) -> Tensor:
        """Y of Fig. 4: the weight of each pixel in the average, [B,1,H,W], sum 1."""
        return self.score(features).flatten(2).softmax(dim=-1).view(-1, 1, *features.shape[-2:])

    def channel_weights(self, features: Tensor) -> Tensor:
        """V of Eq. 2, the factor of each channel, [B,C], in (0, 1)."""
        # The weights are about 1/HW, too small for float16, hence the precision of the parameters.
        with torch.autocast(features.device.type, enabled=False):
            features = features.to(self.score.weight.dtype)
            z = torch.einsum("bchw,bhw->bc", features, self.spatial_weights(features)[:, 0])
        return self.expand(self.activation(self.reduce(z))).sigmoid()

    def forward(self, features: Tensor) -> Tensor:
        return features * self.channel_weights(features)[:, :, None, None].to(features.dtype)


def second_order_attention(b: Tensor, d: Tensor) -> Tensor:
    """softmax(B I B^T) D without the n x n matrix: b, d [B,n,M] -> [B,n,M]. ANUW Eqs. 4 and 5.

    I = (1/M) (1 - 11^T/M) subtracts from each row of B its mean over the M channels and divides by M. So X = B I B^T is
    the covariance between positions, and the whole is scaled dot-product attention with query B - mean(B), key B, value
    D and scale 1/M. (Eq. 4 prints I with n = h*w, which does not fit between B and B^T: erratum A1.)
    """
    m = b.shape[-1]
    query = b - b.mean(dim=-1, keepdim=True)
    # Zero channels change nothing; a multiple of 8 and contiguous [B,1,n,M] select kernels that store no n x n matrix.
    query, key, value = (F.pad(x, (0, -m % 8)).unsqueeze(1).contiguous() for x in (query, b, d))
    return F.scaled_dot_product_attention(query, key, value, scale=1 / m)[:, 0, :, :m]


def second_order_attention_literal(b: Tensor, d: Tensor) -> Tensor:
    """The same as `second_order_attention` as Eqs. 4 and 5 print it, with the matrix X [B,n,n]. For small n."""
    m = b.shape[-1]
    centring = (torch.eye(m, dtype=b.dtype, device=b.device) - 1 / m) / m
    return (b @ centring @ b.mT).softmax(dim=-1) @ d


class PSNL(nn.Module):
    """Patch second-order non-local block: [B,C,H,W] -> [B,C,H,W], H, W >= 2 * stride. ANUW Eqs. 4-6, Fig. 5.

    The map is split into four quadrants (H // 2 and W // 2 rows and columns first, so odd sides are allowed), which
    share the weights. In each, every pixel attends to the pixels whose second-order statistics match its own. The last
    convolution is initialised to 0, so the block starts as the identity. 3 * C * M parameters, no bias.

    A forward at 480x640 with C = 32 in float32 on a CPU holds 118 MiB above its input, of which 38 are the output,
    where one n x n matrix of one quadrant is 22 GiB; it takes 33 s on one thread (`python -m depthlib.bench.psnl`).
    Peak memory: about 2 times `features` in the forward pass, 3 with backward, without that inside kernels.

    Args:
        channels: C.
        reduction: r, 8 in the paper; M = max(2, C // r). With M = 1 a row of B minus its mean is 0 and attention
            uniform.
        stride: s > 1 attends on means of s x s cells and up-samples the residual (bilinear). An approximation, s**4
            times cheaper; 1 is the paper.
        literal: form the n x n matrix. Same result, for tests and teaching.

    Raises ValueError for stride < 1, and in forward for a side below 2.
    """

    def __init__(self, channels: int, reduction: int = 8, *, stride: int = 1, literal: bool = False) -> None:
        super().__init__()
        if stride < 1:
            raise ValueError(f"stride: found {stride}, expected at least 1")
        inner = max(2, channels // reduction)
        self.theta = nn.Conv2d(channels, inner, 1, bias=False)  # gives B
        self.g = nn.Conv2d(channels, inner, 1, bias=False)  # gives D
        self.phi = nn.Conv2d(inner, channels, 1, bias=False)
        nn.init.zeros_(self.phi.weight)
        self.stride = stride
        self.attend = second_order_attention_literal if literal else second_order_attention

    def quadrant(self, features: Tensor) -> Tensor:
        """phi(U) of Eq. 6 for one quadrant, the residual [B,C,h,w]."""
        pooled = self.pool(features)
        b, d = (conv(pooled).flatten(2).mT for conv in (self.theta, self.g))
        u = self.attend(b, d).mT.unflatten(2, pooled.shape[-2:])
        added = self.phi(u)
        if self.stride > 1:
            added = F.interpolate(added, size=features.shape[-2:], mode="bilinear", align_corners=False)
        return added

    def pool(self, features: Tensor) -> Tensor:
        return F.avg_pool2d(features, self.stride, ceil_mode=True) if self.stride > 1 else features

    def forward(self, features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        if min(height, width) < 2:
            raise ValueError(f"features: found {height}x{width}, expected at least 2x2 for four quadrants")
        rows = features.split([height // 2, height - height // 2], dim=2)
        quadrants = [row.split([width // 2, width - width // 2], dim=3) for row in rows]
        return features + torch.cat([torch.cat([self.quadrant(q) for q in row], dim=3) for row in quadrants], dim=2)

    @torch.no_grad()
    def attention_row(self, features: Tensor, row: int, column: int) -> Tensor:
        """Attention weights of pixel (row, column) over all pixels, [B,1,H,W]: 0 outside its quadrant, sum 1.

        Raises ValueError if the pixel is outside the map.
        """
        height, width = features.shape[-2:]
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(f"pixel: found ({row}, {column}), expected one inside the map of {height}x{width}")
        top, left = (height // 2) * (row >= height // 2), (width // 2) * (column >= width // 2)
        bottom, right = (height if top else height // 2), (width if left else width // 2)
        b = self.theta(self.pool(features[..., top:bottom, left:right]))
        query = b[..., (row - top) // self.stride, (column - left) // self.stride]
        query = (query - query.mean(dim=1, keepdim=True)) / query.shape[1]
        scores = torch.einsum("bm,bmhw->bhw", query, b)
        cells = scores.flatten(1).softmax(dim=1).view_as(scores)
        pixels = cells.repeat_interleave(self.stride, 1).repeat_interleave(self.stride, 2)
        result = features.new_zeros(features.shape[0], 1, height, width)
        result[:, 0, top:bottom, left:right] = pixels[:, : bottom - top, : right - left]
        return result / result.sum(dim=(2, 3), keepdim=True)
