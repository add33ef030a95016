"""FCRN, a comparison network of ANUW Table 2: ResNet-50 and four up-projections (Laina et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.blocks import DepthHead, check_image
from depthlib.models.encoders import ImageNetEncoder


def unpool_conv(x: Tensor, weight: Tensor) -> Tensor:
    """Un-pooling, then a 5x5 convolution: [B,I,h,w], [O,I,5,5] -> [B,O,2h,2w]. Laina et al., Sec. 3.3.

    Un-pooling puts each value at the top left of a 2x2 cell of zeros. The products with 0 are left out: even rows of
    the output see kernel rows 0, 2, 4 and odd rows kernel rows 1, 3; likewise for columns. So the kernel splits into a
    3x3, a 3x2, a 2x3 and a 2x2 one, whose outputs are interleaved. The even-sized ones reach down and to the right. (In
    the published TensorFlow code they reach up and to the left, which is another network.)
    """
    pads = {0: (1, 1), 1: (0, 1)}  # before and after, for even and odd rows or columns
    parts = [
        F.conv2d(F.pad(x, (*pads[column], *pads[row])), weight[:, :, row::2, column::2])
        for row in (0, 1)
        for column in (0, 1)
    ]
    return F.pixel_shuffle(torch.stack(parts, dim=2).flatten(1, 2), 2)


class UnpoolConv(nn.Module):
    """`unpool_conv` with a weight [out,in,5,5] and no bias: [B,in,h,w] -> [B,out,2h,2w]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 5, 5))
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return unpool_conv(x, self.weight)


class UpProjection(nn.Module):
    """[B,I,h,w] -> [B,O,2h,2w]: a residual block whose two branches un-pool. Laina et al., Fig. 2c."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            UnpoolConv(in_channels, out_channels),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            _conv(out_channels, out_channels, 3),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = nn.Sequential(UnpoolConv(in_channels, out_channels), nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.shortcut(x))


class FCRN(nn.Module):
    """Trunk (ResNet-50 in the paper), 1x1 convolution, four up-projections, 3x3 convolution: 63,563,008 parameters.

    forward: image [B,3,H,W], RGB in [0,1], any size -> depth [B,1,H,W] in metres. The network normalises the image with
    the mean and deviation of the trunk's weights. A 228x304 image is 8x10 after the trunk and 128x160 after the decoder
    (width and height round up); the depth is then resized to the image, bilinearly.

    The paper's head is a ReLU, so depth may be exactly 0: clamp it before a logarithm, as the protocols do, or set
    min_depth.

    Args:
        trunk: an encoder of `ImageNetEncoder`.
        output_stride: of the trunk, 32 in the paper; 16 gives small frames as many cells as the paper's have.
        width: factor on all channels, of the trunk, where it has several widths, and of the rest; 1 is the paper's.
        max_depth, min_depth, activation: see `DepthHead`. "relu" ignores max_depth.
        head_bias: whether the depth head has a bias. The paper's has none, but only with it depth can start at the
            median of the labels, see `DepthHead.start_at`.
        pretrained: load ImageNet weights into the trunk, see `ImageNetEncoder`.

    Raises ValueError if width is below 1/64, and as `ImageNetEncoder`.
    """

    def __init__(
        self,
        *,
        trunk: str = "resnet50",
        output_stride: int = 32,
        width: float = 1.0,
        max_depth: float = 40.0,
        min_depth: float = 0.0,
        activation: str = "relu",
        head_bias: bool = False,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        encoder = ImageNetEncoder(trunk, width=width, pretrained=pretrained, output_stride=output_stride)
        self.normalise, self.trunk = encoder.normalise, encoder.trunk
        channels = [4 * max(1, round(512 * width)) // 2**step for step in range(1, 6)]  # halves of ResNet-50's 2048
        # No ReLU after this norm, as in the published code.
        self.bridge = nn.Sequential(_conv(encoder.channels[-1], channels[0], 1), nn.BatchNorm2d(channels[0]))
        self.decoder = nn.Sequential(*(UpProjection(i, o) for i, o in zip(channels[:-1], channels[1:], strict=True)))
        self.head = DepthHead(
            channels[-1], max_depth=max_depth, min_depth=min_depth, activation=activation, kernel_size=3, bias=head_bias
        )

    def forward(self, image: Tensor) -> Tensor:
        check_image(image)
        features = self.bridge(self.trunk(self.normalise(image))[-1])
        depth = self.head(self.decoder(features))
        return F.interpolate(depth, size=image.shape[-2:], mode="bilinear", align_corners=False)


def _conv(in_channels: int, out_channels: int, kernel_size: int) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv
