"""The smallest photometric error among two warped sources and its gradient, against the usual average pooling."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.bench.peers.comparison import Comparison, Sides
from depthlib.losses.photometric import TIE_BREAK, photometric_loss

SHAPES = ((8, 3, 96, 192), (2, 3, 192, 640))


def usual_error(image: Tensor, target: Tensor) -> Tensor:
    """[B,C,H,W] twice -> [B,1,H,W]."""
    x, y = (F.pad(each, (1, 1, 1, 1), mode="reflect") for each in (image, target))
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (F.avg_pool2d(each, 3, 1) for each in (x, y, x**2, y**2, x * y))
    variances, covariance = (mean_xx - mean_x**2) + (mean_yy - mean_y**2), mean_xy - mean_x * mean_y
    above = (2 * mean_x * mean_y + 0.01**2) * (2 * covariance + 0.03**2)
    below = (mean_x**2 + mean_y**2 + 0.01**2) * (variances + 0.03**2)
    structure = ((1 - above / below) / 2).clamp(0, 1).mean(dim=1, keepdim=True)
    return 0.85 * structure + 0.15 * (target - image).abs().mean(dim=1, keepdim=True)


def usual_loss(target: Tensor, warped: Tensor, *, sources: Tensor | None = None) -> Tensor:
    errors = [usual_error(image, target) for image in warped.unbind(1)]
    if sources is not None:
        unmoved = torch.cat([usual_error(image, target) for image in sources.unbind(1)], dim=1)
        errors.append(unmoved + TIE_BREAK * torch.randn_like(unmoved))
    return torch.cat(errors, dim=1).min(dim=1).values.mean()


def sides(device: torch.device, *, shape: tuple[int, int, int, int], automask: bool) -> Sides:
    """Each half of the target is visible in one source, and its lower third does not move: roundings decide nothing."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(shape, generator=generator)
    seen = target + 0.1 * torch.rand(shape, generator=generator)
    height, width = shape[-2:]
    left, static = torch.arange(width) < width // 2, torch.arange(height)[:, None] > height * 2 // 3
    warped = torch.stack([torch.where(half, seen, 1 - target) for half in (left, ~left)], dim=1).to(device)
    sources = torch.stack([torch.where(static, target, target.roll(shift, -1)) for shift in (5, -5)], dim=1).to(device)
    target = target.to(device)
    warped.requires_grad_()

    def call(form) -> list[Tensor]:
        torch.manual_seed(0)  # both sides break ties by the same noise
        loss = form(target, warped, sources=sources if automask else None)
        return [loss, *torch.autograd.grad(loss, warped)]

    return Sides(partial(call, photometric_loss), partial(call, usual_loss))


COMPARISONS = [
    Comparison(
        f"photometric minimum of 2{', automask' if automask else ''}, {'x'.join(map(str, shape))}, backward",
        "the usual layers",
        partial(sides, shape=shape, automask=automask),
    )
    for shape in SHAPES
    for automask in (False, True)
]
