"""How the branches of the synergy network exchange features: lateral sharing units, and the cross-stitch units they replace."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHARING = ("lsu", "cross_stitch", "none")
START = {"lsu": (0.0, 0.1), "cross_stitch": (0.9, 0.1)}  # weight of a branch's own features, and of the other's


def lateral_sharing(
    d: Tensor, s: Tensor, phi_d: Tensor, phi_s: Tensor, gamma_d: Tensor, gamma_s: Tensor
) -> tuple[Tensor, Tensor]:
    """What the next layers of the depth and of the semantic branch see. Look Deeper Eq. 3.

    The two identities keep each branch's own information on its way, whatever the weights become: with all four at 0
    nothing is shared and nothing is lost.

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
    """The same without the identities (Misra et al. 2016): weights of 0 cut a branch off. Arguments as `lateral_sharing`."""
    return phi_d * d + phi_s * s, gamma_d * d + gamma_s * s


class LateralSharing(nn.Module):
    """One sharing unit: d, s [B,C,H,W] -> two maps of the same shape; 4 parameters, or 4 * C with `per_channel`.

    "lsu" starts at phi_d = gamma_s = 0 and phi_s = gamma_d = 0.1, "cross_stitch" at 0.9 and 0.1, as the identity of the former
    stands in for the 0.9. (The paper says He initialisation, which would negate features at random; spec dual_synergy, 8.3
    and LD-8.)

    Args:
        channels: C.
        kind: "lsu" or "cross_stitch".
        per_channel: one weight for each channel instead of one for all; Eq. 3 reads as the latter.

    Raises ValueError for another kind, and in forward for maps that differ in shape.
    """

    def __init__(self, channels: int, kind: str = "lsu", *, per_channel: bool = False) -> None:
        super().__init__()
        if kind not in START:
            raise ValueError(f"kind must be one of {', '.join(START)}, got {kind!r}")
        own, other = START[kind]
        shape = (channels, 1, 1) if per_channel else ()
        self.phi_d, self.gamma_s = (nn.Parameter(torch.full(shape, own)) for _ in range(2))
        self.phi_s, self.gamma_d = (nn.Parameter(torch.full(shape, other)) for _ in range(2))
        self.kind = kind
        self.share = {"lsu": lateral_sharing, "cross_stitch": cross_stitch}[kind]

    def forward(self, d: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        if d.shape != s.shape:
            raise ValueError(f"d and s must have one shape to be added, got {list(d.shape)} and {list(s.shape)}")
        return self.share(d, s, self.phi_d, self.phi_s, self.gamma_d, self.gamma_s)

    @torch.no_grad()
    def weights(self) -> dict[str, Tensor]:
        """The learned weights by name, each [1] or [C]. For pictures."""
        return {name: getattr(self, name).detach().flatten().clone() for name in ("phi_d", "phi_s", "gamma_d", "gamma_s")}

    def extra_repr(self) -> str:
        return self.kind
