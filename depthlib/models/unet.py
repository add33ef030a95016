"""U-Net, the baseline of ANUW Table 2 (Ronneberger et al. 2015, with padded convolutions and bilinear up-sampling)."""

from __future__ import annotations

from torch import Tensor, nn

from depthlib.models.blocks import DepthHead, VGGBlock, check_image, join


class UNet(nn.Module):
    """Five levels of `width * 2**i` channels; 7,852,545 parameters at width 32.

    forward: image [B,3,H,W], RGB in [0,1], H and W multiples of 16 -> depth [B,1,H,W] in metres.

    Args:
        width: channels of the first level (32 in the paper).
        max_depth, min_depth, activation: see `DepthHead`.
        norm: "bn", "gn" or "in", see `normalization`.

    Raises ValueError for an unknown norm or activation, and in forward for sides that are not multiples of 16.
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
        widths = [width * 2**level for level in range(5)]
        self.encoder = nn.ModuleList(VGGBlock(i, o, norm) for i, o in zip([3, *widths], widths, strict=False))
        self.decoder = nn.ModuleList(VGGBlock(skip + 2 * skip, skip, norm) for skip in widths[:-1])
        self.pool = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.head = DepthHead(width, max_depth=max_depth, min_depth=min_depth, activation=activation)

    def forward(self, image: Tensor) -> Tensor:
        check_image(image, multiple=16)
        levels = [self.encoder[0](image)]
        for block in self.encoder[1:]:
            levels.append(block(self.pool(levels[-1])))
        x = levels.pop()
        for block, skip in zip(reversed(self.decoder), reversed(levels), strict=True):
            x = block(join([skip, self.up(x)]))
        return self.head(x)
