"""SA-Attention of the dual networks: each position is a sum of all positions, weighted by similarity."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NORMALISERS = ("mean", "none", "softmax")

# factor on the initial weights: the output is cubic in them, and a large message would dominate HR-Net's own features
START = 0.5


def self_assemble(f: Tensor, normaliser: str = "mean") -> Tensor:
    """f''_j = sum_i w_ij f_i with w_ij = f_i . f_j, for N positions: [B,C,N] -> [B,C,N]. Eqs. 3 and 4.

    sum_i (f_i . f_j) f_i = (sum_i f_i f_i^T) f_j: a C x C matrix replaces the N x N matrix of similarities, and its
    size does not depend on N. With a softmax over i this does not hold.

    Args:
        normaliser: "mean" divides by N, as non-local networks do, so that the output does not grow with the image;
            "none" is the literal Eq. 3 (erratum DN-6: 129 times the input at N = 52, C = 64); "softmax" over i.

    Raises ValueError for another normaliser.
    """
    if normaliser not in NORMALISERS:
        raise ValueError(f"normaliser: found {normaliser!r}, expected one of {', '.join(NORMALISERS)}")
    if normaliser == "softmax":
        return f @ (f.mT @ f).softmax(dim=1)
    gram = f @ f.mT
    return (gram / f.shape[-1] if normaliser == "mean" else gram) @ f


def self_assemble_literal(f: Tensor, normaliser: str = "mean") -> Tensor:
    """The same as `self_assemble` with the N x N matrix of similarities, as Eqs. 3 and 4 print it."""
    return torch.einsum("bij,bci->bcj", similarities(f, f, normaliser), f)


def similarities(f: Tensor, query: Tensor, normaliser: str = "mean") -> Tensor:
    """w_ij between every position i of f [B,C,N] and every j of query [B,C,M]: [B,N,M], normalised over i."""
    w = torch.einsum("bci,bcj->bij", f, query)
    return {"mean": w / f.shape[-1], "none": w, "softmax": w.softmax(dim=1)}[normaliser]


class SAAttention(nn.Module):
    """Features, colour and coordinates, embedded and self-assembled: [B,C,h,w] -> [B,embedding,h,w]. Sec. 3.3.

    No residual and no projection of values: the output is all that HR-Net gets from LR-Net.
    (channels + 5) * embedding + embedding parameters.
    Peak memory: about 1 times `features` in the forward pass, 2.4 with backward, for 2048 channels.

    Args:
        channels: of the features, 2048 for ResNet-50.
        embedding: channels of f', 64 (erratum DN-7).
        normaliser: see `self_assemble`.

    Raises ValueError for an unknown normaliser.
    """

    def __init__(self, channels: int, embedding: int = 64, *, normaliser: str = "mean") -> None:
        super().__init__()
        if normaliser not in NORMALISERS:
            raise ValueError(f"normaliser: found {normaliser!r}, expected one of {', '.join(NORMALISERS)}")
        self.embed = nn.Conv2d(channels + 5, embedding, 1)
        with torch.no_grad():
            self.embed.weight.mul_(START)
        self.normaliser = normaliser

    def embedding(self, features: Tensor, image: Tensor) -> Tensor:
        """f' of Sec. 3.3, [B,embedding,h,w]. `image` [B,3,H,W], normalised, is averaged to the grid of the features."""
        batch, _, height, width = features.shape
        colour = F.interpolate(image, size=(height, width), mode="area")
        y = torch.linspace(-1, 1, height, dtype=colour.dtype, device=colour.device).view(1, 1, -1, 1)
        x = torch.linspace(-1, 1, width, dtype=colour.dtype, device=colour.device).view(1, 1, 1, -1)
        place = torch.cat([axis.expand(batch, 1, height, width) for axis in (x, y)], dim=1)
        return self.embed(torch.cat([features, colour.to(features.dtype), place.to(features.dtype)], dim=1))

    def forward(self, features: Tensor, image: Tensor) -> Tensor:
        f = self.embedding(features, image)
        # The output is cubic in f: half precision would overflow or lose small differences of the embeddings.
        with torch.autocast(f.device.type, enabled=False):
            assembled = self_assemble(f.flatten(2).to(self.embed.weight.dtype), self.normaliser)
        return assembled.unflatten(2, f.shape[-2:]).to(f.dtype)

    @torch.no_grad()
    def attention_map(self, features: Tensor, image: Tensor, row: int, column: int) -> Tensor:
        """w_ij of Eq. 4 for j = (row, column) and every i, [B,1,h,w]. May be negative unless softmax.

        Raises ValueError if the position is outside the map.
        """
        f = self.embedding(features, image)
        height, width = f.shape[-2:]
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(f"position: found ({row}, {column}), expected one inside the map of {height}x{width}")
        w = similarities(f.flatten(2), f[:, :, row, column, None], self.normaliser)
        return w.mT.unflatten(2, (height, width))
