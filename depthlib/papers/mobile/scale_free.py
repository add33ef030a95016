"""The loss of the Mannequin Challenge on log depth: scale-invariant error, multi-scale gradients, smoothness."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.losses.checks import check_maps, masked

WEIGHTS = {"mse": 1.0, "gradient": 0.5, "smooth": 0.05}  # Eq. 1: 1, a1, a2
GRADIENT_SCALES, SMOOTH_SCALES = 5, 3
ORDERS = (1, 2)
EPSILON = 1e-6


def mannequin_loss(
    log_depth: Tensor,
    target: Tensor,
    valid: Tensor,
    image: Tensor,
    *,
    weights: dict[str, float] | None = None,
    order: int = 1,
) -> tuple[Tensor, dict[str, Tensor]]:
    """L_mse + a1 L_grad + a2 L_sm. Eq. 1 of the mobile paper; Li et al. 2019.

    Peak memory: about 13 times `log_depth` in the forward pass, 20 with backward.

    Args:
        log_depth: [B,1,H,W], natural logarithm of depth, the raw output of the network. A constant offset costs
            nothing.
        target: [B,1,H,W], depth in any unit, positive where valid.
        valid: bool [B,1,H,W].
        image: [B,3,H,W], RGB in [0,1], not normalised.
        weights: of "mse", "gradient" and "smooth"; missing terms are not computed. Default: `WEIGHTS`.
        order: of the derivative in the smoothness, see `smoothness_loss`.

    Returns:
        The sum, and its terms after weighting, detached.

    Raises ValueError or TypeError as `check_maps` does, and ValueError for unknown weights or a valid target that is
    not positive.
    """
    weights = WEIGHTS if weights is None else weights
    if not weights.keys() <= WEIGHTS.keys() or not any(weights.values()):
        raise ValueError(f"weights: found {dict(weights)}, expected some of {', '.join(WEIGHTS)}, not all 0")
    check_maps(log_depth, target, valid)
    if ((target <= 0) & valid).any():
        raise ValueError("target: found a value <= 0 in a valid pixel, expected positive depths")
    residual = log_depth - torch.where(valid, target, 1).log()
    losses = {
        "mse": lambda: si_mse_loss(residual, valid),
        "gradient": lambda: multiscale_gradient_loss(residual, valid),
        "smooth": lambda: smoothness_loss(log_depth, image, order=order),
    }
    terms = {name: weight * losses[name]() for name, weight in weights.items() if weight}
    return sum(terms.values()), {name: term.detach() for name, term in terms.items()}


def si_mse_loss(residual: Tensor, valid: Tensor) -> Tensor:
    """mean R^2 - (mean R)^2 over the valid pixels of an image, mean over the images; one without valid pixels counts as
    0.

    residual: [B,1,H,W], log prediction minus log truth; valid: bool, the same shape.
    """
    n = valid.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1)
    mean = masked(residual, valid).sum(dim=(1, 2, 3), keepdim=True) / n
    # The variance about the mean is the same, without cancellation for large residuals.
    return (masked(residual - mean, valid).square() / n).sum(dim=(1, 2, 3)).mean()


def multiscale_gradient_loss(
    residual: Tensor, valid: Tensor, *, scales: int = GRADIENT_SCALES, step: int = 2
) -> Tensor:
    """Sum over the scales of the mean |R(x) - R(x + step)|, along x and y, over the pairs of valid pixels of the batch.

    Scale s keeps every 2^s-th row and column. The step of 2 pixels is that of the published code. A scale that is too
    small for a step, or has no pair, adds 0.
    """
    total = residual.new_zeros(())
    for scale in range(scales):
        r, v = (x[..., :: 2**scale, :: 2**scale] for x in (masked(residual, valid), valid))
        sums = count = residual.new_zeros(())
        for axis in (2, 3):
            length = r.shape[axis] - step
            if length > 0:
                both = v.narrow(axis, 0, length) & v.narrow(axis, step, length)
                sums = sums + masked(r.narrow(axis, 0, length) - r.narrow(axis, step, length), both).abs().sum()
                count = count + both.sum()
        total = total + sums / (count + EPSILON)
    return total


def smoothness_loss(log_depth: Tensor, image: Tensor, *, order: int = 1, scales: int = SMOOTH_SCALES) -> Tensor:
    """Sum over scales s of 2^-s times the mean derivative of the map, weighted by exp(-derivative of the image).

    Args:
        log_depth: [B,1,H,W]. image: [B,C,H,W], in [0,1].
        order: 1: |dx p| exp(-mean_c |dx I|) + |dy p| exp(-mean_c |dy I|), forward differences, over the pixels that
            have both; 2: |lap p| exp(-mean_c |lap I|), the Laplacian of four neighbours. The published code adds both.
        scales: scale s keeps every 2^s-th row and column; 5 in the published code, 3 in the mobile paper.

    Raises ValueError for another order, shapes that do not fit, or an image too small for the scales.
    """
    if order not in ORDERS:
        raise ValueError(f"order: found {order!r}, expected 1 or 2")
    if image.ndim != 4 or log_depth.shape != (len(image), 1, *image.shape[2:]):
        raise ValueError(
            f"log_depth, image: found shapes {list(log_depth.shape)} and {list(image.shape)}, "
            "expected [B, 1, H, W] and [B, C, H, W]"
        )
    smallest = (order << (scales - 1)) + 1
    if min(image.shape[2:]) < smallest:
        raise ValueError(
            f"image: found {image.shape[2]}x{image.shape[3]}, "
            f"expected at least {smallest}x{smallest} for {scales} scales"
        )
    total = log_depth.new_zeros(())
    for scale in range(scales):
        p, i = (x[..., :: 2**scale, :: 2**scale] for x in (log_depth, image))
        total = total + _roughness(p, i, order) / 2**scale
    return total


def _roughness(p: Tensor, image: Tensor, order: int) -> Tensor:
    if order == 2:
        lap_p, lap_i = laplacian(p).abs(), laplacian(image).abs().mean(1, keepdim=True)
        return (lap_p * (-lap_i).exp()).mean()
    along = [
        x.diff(dim=axis).abs() * (-i.abs().mean(1, keepdim=True)).exp()
        for axis, x, i in ((3, p, image.diff(dim=3)), (2, p, image.diff(dim=2)))
    ]
    return (along[0][..., :-1, :] + along[1][..., :-1]).mean()


def laplacian(x: Tensor) -> Tensor:
    """4 x minus the four neighbours, of each channel, inside the border: [B,C,H,W] -> [B,C,H-2,W-2]."""
    kernel = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]], dtype=x.dtype, device=x.device)
    return F.conv2d(x.flatten(0, 1).unsqueeze(1), kernel[None, None]).squeeze(1).unflatten(0, x.shape[:2])
