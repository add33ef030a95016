"""Predictions and truths with zeros and NaN under the mask."""

import torch


def pair(
    batch: int = 3, height: int = 13, width: int = 17, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Depths of 1 to 20 m off by up to a factor of 2, and a mask of 80 %; zeros and NaN lie under the mask."""
    rng = torch.Generator().manual_seed(seed)
    target = 1 + 19 * torch.rand(batch, 1, height, width, generator=rng, dtype=torch.float64)
    pred = target * torch.exp(1.4 * torch.rand(target.shape, generator=rng, dtype=torch.float64) - 0.7)
    valid = torch.rand(target.shape, generator=rng) < 0.8
    target = torch.where(valid, target, 0)
    pred = torch.where(valid, pred, float("nan"))
    return pred, target, valid
