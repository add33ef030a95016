"""The loss of ANUW: depth, gradient and structural similarity."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from depthlib.losses.checks import check_maps
from depthlib.losses.gradient import gradient_loss
from depthlib.losses.regression import l1_loss
from depthlib.losses.structural import ssim_loss

WEIGHTS = {"l1": 0.2, "gradient": 0.3, "ssim": 0.5}  # below Eq. 10


def anuw_loss(
    pred: Tensor,
    target: Tensor,
    valid: Tensor,
    *,
    max_depth: float,
    weights: Mapping[str, float] = WEIGHTS,
    metres: bool = False,
    windows: str = "full",
) -> tuple[Tensor, dict[str, Tensor]]:
    """0.2 L1 + 0.3 gradient + 0.5 SSIM on depth / max_depth. Eq. 7 of ANUW; units by erratum A20.

    Peak memory: about 17 times `pred` in the forward pass, 28 with backward.

    Args:
        pred, target, valid: [B,1,H,W], metres and bool mask.
        max_depth: metres; the largest depth of the range, also L of SSIM.
        weights: lambda of each term by name. A term that is missing or 0 is not computed.
        metres: L1 and gradient in metres, the literal form; SSIM does not change.
        windows: which SSIM windows count, see `ssim_loss`.

    Returns:
        The weighted sum, and the terms before weighting, detached, by name.

    Raises ValueError or TypeError as the three losses do, and ValueError for unknown weights or max_depth <= 0.
    """
    check_maps(pred, target, valid)
    if max_depth <= 0:
        raise ValueError(f"max_depth: found {max_depth}, expected a positive depth")
    if not weights or not weights.keys() <= WEIGHTS.keys():
        raise ValueError(f"weights: found {', '.join(weights) or 'none'}, expected some of {', '.join(WEIGHTS)}")
    scale = 1.0 if metres else 1.0 / max_depth
    maps = (pred * scale, target * scale, valid)
    losses = {
        "l1": lambda: l1_loss(*maps),
        "gradient": lambda: gradient_loss(*maps),
        "ssim": lambda: ssim_loss(*maps, data_range=max_depth * scale, windows=windows),
    }
    terms = {name: losses[name]() for name, weight in weights.items() if weight}
    if not terms:
        raise ValueError("weights: found only 0, expected at least one positive weight")
    total = sum(weights[name] * term for name, term in terms.items())
    return total, {name: term.detach() for name, term in terms.items()}
