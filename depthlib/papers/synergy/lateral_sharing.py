"""Feature sharing between the branches of the synergy network: lateral sharing units and cross-stitch units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Weight of a branch's own features at the start, and of the other's.
START = {"lsu": (0.0, 0.1), "lsu_without_identity": (0.0, 0.1), "cross_stitch": (0.9, 0.1)}
SHARING = (*START, "none")


def lateral_sharing(
    d: Tensor, s: Tensor, phi_d: Tensor, phi_s: Tensor, gamma_d: Tensor, gamma_s: Tensor
) -> tuple[Tensor, Tensor]:
    """Inputs of the next layers of the depth and of the semantic branch. Look Deeper Eq. 3.

    The identities pass on each branch's own features whatever the weights are: with all four at 0 nothing is shared.

    Args:
        d, s: [B,C,H,W], features of the depth and of the semantic branch.
        phi_d, phi_s, gamma_d, gamma_s: weights that broadcast against them.

    Returns:
        The two shared maps, each [B,C,H,W].
    """
    return d + (phi_d * d + phi_s * s), s + (gamma_d * d + gamma_s * s)


def cross_stitch(
    d: Tensor, s: Tensor, phi_d: Tensor, phi_s: Tensor, gamma_d: Tensor, gamma_s: Tensor
) -> tuple[Tensor, Tensor]:
    """The same without the identities (Misra et al. 2016). Arguments as `lateral_sharing`."""
    return phi_d * d + phi_s * s, gamma_d * d + gamma_s * s


class LateralSharing(nn.Module):
    """One sharing unit: d, s [B,C,H,W] -> two maps of the same shape; 4 parameters, or 4 * C with `per_channel`.

    "lsu" starts at phi_d = gamma_s = 0 and phi_s = gamma_d = 0.1, "cross_stitch" at 0.9 and 0.1. (The paper's He
    initialisation would negate features at random; erratum LD-8.) "lsu_without_identity" starts as "lsu" does and lacks
    its identities, so that each branch first hears the other alone.

    Args:
        channels: C.
        kind: "lsu", "lsu_without_identity" or "cross_stitch".
        per_channel: one weight per channel instead of one for all, which is how Eq. 3 reads.

    Raises ValueError for another kind, and in forward for maps that differ in shape.
    """

    def __init__(self, channels: int, kind: str = "lsu", *, per_channel: bool = False) -> None:
        super().__init__()
        if kind not in START:
            raise ValueError(f"kind: found {kind!r}, expected one of {', '.join(START)}")
        own, other = START[kind]
        shape = (channels, 1, 1) if per_channel else ()
        self.phi_d, self.gamma_s = (nn.Parameter(torch.full(shape, own)) for _ in range(2))
        self.phi_s, self.gamma_d = (nn.Parameter(torch.full(shape, other)) for _ in range(2))
        self.kind = kind
        self.share = lateral_sharing if kind == "lsu" else cross_stitch

    def forward(self, d: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        if d.shape != s.shape:
            raise ValueError(f"d, s: found shapes {list(d.shape)} and {list(s.shape)}, expected equal shapes")
        return self.share(d, s, self.phi_d, self.phi_s, self.gamma_d, self.gamma_s)

    @torch.no_grad()
    def weights(self) -> dict[str, Tensor]:
        """The learned weights by name, each [1] or [C], for display."""
        return {
            name: getattr(self, name).detach().flatten().clone() for name in ("phi_d", "phi_s", "gamma_d", "gamma_s")
        }

    def extra_repr(self) -> str:
        return self.kind
