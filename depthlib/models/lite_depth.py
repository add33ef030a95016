"""A plain network for metric depth that trains in minutes on a CPU: a pretrained small encoder, a small decoder."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.aspp import conv_norm_relu
from depthlib.models.blocks import DepthHead, join
from depthlib.models.efficientnet_lite import EfficientNetLite0

WIDTHS = (128, 64, 48, 32, 16)
NEAREST, FARTHEST = 0.01, 1000.0  # metres; they only keep the exponential finite


class LiteDepth(nn.Module):
    """`EfficientNetLite0` and five times: double the size, concatenate the skip, 3x3 convolution, norm, ReLU.

    3,615,489 parameters. The skips are the trunk's maps at 1/16, 1/8, 1/4 and 1/2, and the image itself.

    forward: image [B,3,H,W], RGB in [0,1], any size -> depth [B,1,H,W] in metres, the exponential of the last
        convolution.

    Args:
        pretrained: see `EfficientNetLite0`, which also says what is raised.
    """

    def __init__(self, *, pretrained: bool = False) -> None:
        super().__init__()
        self.trunk = EfficientNetLite0(pretrained=pretrained)
        *skips, deepest = [3, *self.trunk.channels]
        self.decoder = nn.ModuleList(
            conv_norm_relu(below + skip, width)
            for below, skip, width in zip((deepest, *WIDTHS), reversed(skips), WIDTHS, strict=False)
        )
        self.head = DepthHead(WIDTHS[-1], min_depth=NEAREST, max_depth=FARTHEST, activation="exp", kernel_size=3)

    def forward(self, image: Tensor) -> Tensor:
        maps: list[Tensor] = self.trunk(image)
        *skips, x = [image, *maps]
        for block, skip in zip(self.decoder, reversed(skips), strict=True):
            x = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = block(join([x, skip]))
        return self.head(x)
