"""EncDecResNet, the teacher of the mobile paper: the network of Xian et al. 2018 as Chen et al. 2019 trained it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.blocks import check_image
from depthlib.models.encoders import ImageNetEncoder
from depthlib.models.full_precision import FullPrecision


class Estimate(NamedTuple):
    """Relative depth [B,1,H,W], and `features` [B,128 * width,H/2,W/2], the input of the output head."""

    depth: Tensor
    features: Tensor


class ResidualUnit(nn.Module):
    """[B,C,H,W] -> the same: ReLU, 3x3 convolution, norm, ReLU, 3x3 convolution, norm, plus a shortcut.

    The shortcut carries relu(x), not x, as in the published code, whose ReLU works in place.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            _conv(channels, channels),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x.relu() + self.body(x.relu())


class Fusion(nn.Module):
    """Adds a map of the encoder, `left` [B,Cl,h,w], to `below` [B,Cb,h,w], and doubles the size: -> [B,width,2h,2w]."""

    def __init__(self, left: int, below: int, width: int) -> None:
        super().__init__()
        self.left = nn.Sequential(_conv(left, width), nn.BatchNorm2d(width), ResidualUnit(width))
        self.below = nn.Sequential(_conv(below, width), nn.BatchNorm2d(width))
        self.after = ResidualUnit(width)

    def forward(self, left: Tensor, below: Tensor) -> Tensor:
        return twice(self.after(self.left(left) + self.below(below)))


class EncDecResNet(nn.Module):
    """ResNet-50 and three fusions, 53,158,977 parameters ("53.1M" of Table 7).

    forward: image [B,3,H,W], RGB in [0,1], H and W multiples of 32 -> relative depth [B,1,H,W], any real number, larger
    = farther. `estimate` returns the features too.

    Args:
        width: factor on all channels; 1 is the paper's.
        pretrained: load the ImageNet weights of torchvision into the trunk (downloads them unless they are cached).

    Raises ValueError for invalid options, and in forward for invalid sizes.
    """

    def __init__(self, *, width: float = 1.0, pretrained: bool = False) -> None:
        super().__init__()
        encoder = ImageNetEncoder("resnet50", width=width, pretrained=pretrained)
        self.normalise, self.trunk = encoder.normalise, encoder.trunk
        c5 = encoder.channels[-1]
        widths = [c5 // 4, c5 // 8, c5 // 16]
        self.fusions = nn.ModuleList(
            Fusion(left, below, out)
            for left, below, out in zip((c5 // 2, c5 // 4, c5 // 8), (c5, *widths), widths, strict=False)
        )
        self.near = nn.Sequential(
            nn.Conv2d(widths[-1], widths[-1], 3, padding=1), nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True)
        )
        self.head = FullPrecision(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def estimate(self, image: Tensor) -> Estimate:
        """Relative depth, and the features that pairwise distillation compares."""
        check_image(image, 32)
        _, *lefts, deepest = self.trunk(self.normalise(image))
        x = twice(deepest)
        for fusion, left in zip(self.fusions, reversed(lefts), strict=True):
            x = fusion(left, x)
        return Estimate(twice(self.head(self.near(x))), x)

    def forward(self, image: Tensor) -> Tensor:
        return self.estimate(image).depth


def twice(x: Tensor) -> Tensor:
    """[B,C,h,w] -> [B,C,2h,2w], bilinear, corners on corners."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def _conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv
