"""Grey levels, and how far a real frame is from another one, warped and not."""

from __future__ import annotations

import torch

from depthlib.geometry import inside, reproject, sample_pixels


def grey(image: torch.Tensor) -> torch.Tensor:
    """[1,1,H,W], 0 to 255, with the usual weights of red, green and blue."""
    return 255 * (image * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0)[None, None]


def warped_and_still(item: dict, source: torch.Tensor, T_source_current: torch.Tensor) -> tuple[float, float]:
    """Mean difference of grey levels where the view's pixels fall into the source (its nearest pixel); and without a
    warp.
    """
    current, source = grey(item["image"]), grey(source)
    pixels, z = reproject(item["depth"][None], item["K"][None], T_source_current[None])
    mask = item["valid"][None] & (z > 0) & inside(pixels, *source.shape[-2:])
    seen = sample_pixels(source, pixels, mode="nearest")
    return (seen - current)[mask].abs().mean().item(), (source - current)[mask].abs().mean().item()
