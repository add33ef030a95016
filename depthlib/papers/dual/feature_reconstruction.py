"""The feature reconstruction loss: features of one point should agree between views."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from depthlib.geometry.sources import sample_sources

TINY = 1e-12  # under the root of the norm, whose gradient at 0 is infinite


def feature_reconstruction_loss(target: Tensor, sources: Tensor, pixels: Tensor, *, detach: bool = True) -> Tensor:
    """Mean over pixels of min_s ||f_t(p) - f_s(p')||_2. Eq. 8 of the dual networks; a mean by erratum DN-2.

    With the network's own features Eq. 8 has a trivial minimum, all features 0. So by default the features of each
    pixel are normalised to length 1 and detached: gradients reach depth and pose through `pixels` alone (erratum DN-5).
    (The features of Zhan et al. 2018 came from another, frozen network.)

    Args:
        target: [B,C,H,W], the last decoder layer's features of the target, 16 channels in the paper.
        sources: [B,S,C,H,W], of the sources.
        pixels: positions of the target's pixels in the sources, [B,S,2,H,W], see `project_into_sources`.
        detach: False for the literal Eq. 8.

    Returns:
        a scalar, in [0, 2] if detached.

    Raises:
        TypeError, ValueError: as `sample_sources`; shapes that do not agree.
    """
    if (
        target.ndim != 4
        or sources.ndim != 5
        or sources.shape[0] != target.shape[0]
        or sources.shape[2:] != target.shape[1:]
    ):
        shapes = f"{list(target.shape)} and {list(sources.shape)}"
        raise ValueError(f"target, sources: found shapes {shapes}, expected [B,C,H,W] and [B,S,C,H,W] of one size")
    if detach:
        target, sources = F.normalize(target.detach(), dim=1), F.normalize(sources.detach(), dim=2)
    difference = target.unsqueeze(1) - sample_sources(sources, pixels)
    return (difference.square().sum(dim=2) + TINY).sqrt().amin(dim=1).mean()
