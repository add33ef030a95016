"""ANU, the network of ANUW: U-Net++ with channel attention at nine nodes and a non-local block before the head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from depthlib.models.unetpp import UNetPlusPlus
from depthlib.papers.anuw.attention import AWCA, PSNL

# The nodes of the outer U, five down and four up: the paper gives their number, nine, and not their places.
AWCA_NODES = ("00", "10", "20", "30", "40", "31", "22", "13", "04")


class ANU(UNetPlusPlus):
    """U-Net++ + AWCA + PSNL; 9,219,713 parameters at width 32 (9,219,722 with `awca_prelu`). ANUW Sec. 3.1.

    AWCA recalibrates the output of its node for all consumers. PSNL, "the final step" of the paper, stands before the
    convolution to one channel (erratum A2). Rows of Table 1: A has neither and equals `UNetPlusPlus`, B has AWCA, C has
    PSNL, D both.

    forward: image [B,3,H,W], RGB in [0,1], H and W multiples of 16 -> depth [B,1,H,W] in metres.

    Args:
        awca, psnl: whether to use each module.
        awca_nodes: names "ij" of the nodes that AWCA follows, see `UNetPlusPlus`.
        awca_prelu: PReLU in AWCA, see `AWCA`.
        awca_reduction, psnl_reduction: t and r, 16 and 8 in the paper; narrow networks need smaller ones.
        psnl_stride: see `PSNL`; 4 is an approximation for large images.
        options: width, max_depth, min_depth, activation, norm of `UNetPlusPlus`.

    Raises ValueError for a node that does not exist, else as `UNetPlusPlus` does.
    """

    def __init__(
        self,
        *,
        awca: bool = True,
        psnl: bool = True,
        awca_nodes: Sequence[str] = AWCA_NODES,
        awca_prelu: bool = False,
        awca_reduction: int = 16,
        psnl_reduction: int = 8,
        psnl_stride: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        unknown = [name for name in awca_nodes if name not in self.nodes]
        if unknown:
            raise ValueError(
                f"awca_nodes: found {', '.join(map(repr, unknown))}, expected some of {', '.join(self.nodes)}"
            )
        self.awca = nn.ModuleDict()
        if awca:
            self.awca.update(
                {name: AWCA(self.widths[int(name[0])], awca_reduction, prelu=awca_prelu) for name in awca_nodes}
            )
        self.psnl = PSNL(self.widths[0], psnl_reduction, stride=psnl_stride) if psnl else nn.Identity()

    def _recalibrate(self, name: str, x: Tensor) -> Tensor:
        return self.awca[name](x) if name in self.awca else x

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.psnl(self.features(image, self._recalibrate)))

    @torch.no_grad()
    def channel_weights(self, image: Tensor) -> dict[str, Tensor]:
        """The factors that AWCA gives the channels of each of its nodes for `image`: name -> [B,C]."""
        weights = {}

        def record(name: str, x: Tensor) -> Tensor:
            if name in self.awca:
                weights[name] = self.awca[name].channel_weights(x)
            return self._recalibrate(name, x)

        self.features(image, record)
        return weights

    @torch.no_grad()
    def attention_row(self, image: Tensor, row: int, column: int) -> Tensor:
        """Attention weights of PSNL of pixel (row, column) over all pixels, [B,1,H,W], sum 1.

        Raises ValueError if the network has no PSNL or the pixel is outside the image.
        """
        if not isinstance(self.psnl, PSNL):
            raise ValueError("psnl: found a network without it, expected psnl=True")
        return self.psnl.attention_row(self.features(image, self._recalibrate), row, column)
