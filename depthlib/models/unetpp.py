"""U-Net++ (Zhou et al. 2018): a U-Net with dense skip connections. The base of ANU, and row A of ANUW Table 1."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from depthlib.models.blocks import DepthHead, VGGBlock, check_image, join

LEVELS = 5


class UNetPlusPlus(nn.Module):
    """Fifteen nodes; 9,163,329 parameters at width 32.

    Node "ij" is on level i (`width * 2**i` channels, side / 2**i) in column j. Column 0 is the encoder. Every other
    node sees all earlier nodes of its level and, up-sampled, the node below it in the column before:

        X(i,j) = VGG(cat[X(i,0), ..., X(i,j-1), up(X(i+1,j-1))])

    forward: image [B,3,H,W], RGB in [0,1], H and W multiples of 16 -> depth [B,1,H,W] in metres.
    One head on the last node "04"; no deep supervision. Arguments and errors as for `UNet`.
    """

    def __init__(
        self,
        *,
        width: int = 32,
        max_depth: float = 40.0,
        min_depth: float = 1e-3,
        activation: str = "sigmoid",
        norm: str = "bn",
    ) -> None:
        super().__init__()
        self.widths = [width * 2**level for level in range(LEVELS)]
        self.nodes = nn.ModuleDict()
        for j in range(LEVELS):
            for i in range(LEVELS - j):
                channels_in = j * self.widths[i] + self.widths[i + 1] if j else [3, *self.widths][i]
                self.nodes[f"{i}{j}"] = VGGBlock(channels_in, self.widths[i], norm)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.head = DepthHead(width, max_depth=max_depth, min_depth=min_depth, activation=activation)

    def features(self, image: Tensor, after_node: Callable[[str, Tensor], Tensor] = lambda name, x: x) -> Tensor:
        """Output of node "04", [B,width,H,W]. `after_node(name, output)` may replace the output of each node."""
        check_image(image, multiple=2 ** (LEVELS - 1))
        rows: list[list[Tensor]] = [[] for _ in range(LEVELS)]  # rows[i] holds X(i,0), X(i,1), ... so far
        for j in range(LEVELS):
            for i in range(LEVELS - j):
                if j:
                    x = join([*rows[i], self.up(rows[i + 1][-1])])
                else:
                    x = self.pool(rows[i - 1][0]) if i else image
                rows[i].append(after_node(f"{i}{j}", self.nodes[f"{i}{j}"](x)))
        return rows[0][-1]

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image))
