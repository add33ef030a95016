"""MiDaS v2 and v2.1 small (Ranftl et al. 2020): 105.3 M and 21.3 M parameters in Tables 7 and 8 of the mobile paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.blocks import check_image
from depthlib.models.enc_dec_resnet import twice
from depthlib.models.from_timm import timm_model
from depthlib.models.full_precision import FullPrecision
from depthlib.models.imagenet import MEAN, STD, Normalise

MAPS = {"small": (32, 48, 136, 384), "large": (256, 512, 1024, 2048)}  # channels of the encoder at 1/4 to 1/32
WIDTHS = {"small": (64, 128, 256, 512), "large": (256, 256, 256, 256)}


class ResidualUnit(nn.Module):
    """ReLU, 3x3 convolution, ReLU, 3x3 convolution, plus x, or plus relu(x) if the first ReLU is in place."""

    def __init__(self, channels: int, in_place: bool) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.in_place = in_place

    def forward(self, x: Tensor) -> Tensor:
        active = x.relu()
        return self.second(self.first(active).relu()) + (active if self.in_place else x)


class Fusion(nn.Module):
    """Adds a map of the encoder, doubles the size: below [B,C,h,w], left [B,C,h,w] or none -> [B,out,2h,2w].

    The deepest one has no map to add; its `left` unit never runs, but its parameters count, as in the published
    network.
    """

    def __init__(self, channels: int, out_channels: int | None, in_place: bool) -> None:
        super().__init__()
        self.left, self.after = (ResidualUnit(channels, in_place) for _ in range(2))
        self.project = nn.Conv2d(channels, out_channels, 1) if out_channels else nn.Identity()

    def forward(self, below: Tensor, left: Tensor | None = None) -> Tensor:
        x = below if left is None else below + self.left(left)
        return self.project(twice(self.after(x)))


class Midas(nn.Module):
    """An ImageNet encoder and four fusions.

    "small": EfficientNet-Lite3, 21,320,545 parameters; "large": ResNeXt-101, 105,362,945.

    forward: image [B,3,H,W], RGB in [0,1], H and W multiples of 32 -> minus inverse depth [B,1,H,W], up to scale and
    shift, so that larger = farther as everywhere here: at most 0.

    Args:
        variant: "small" (v2.1) or "large" (v2).
        width: factor on the channels of the decoder.
        pretrained: load ImageNet weights (downloads them unless they are cached). The published MiDaS weights have
            other names.

    Raises ValueError for invalid options, and in forward for invalid sizes.
    """

    def __init__(self, *, variant: str = "small", width: float = 1.0, pretrained: bool = False) -> None:
        super().__init__()
        if variant not in MAPS:
            raise ValueError(f"variant: found {variant!r}, expected one of {', '.join(MAPS)}")
        if width < 1 / 32:
            raise ValueError(f"width: found {width}, expected at least 1/32")
        small = variant == "small"
        self.stages, (mean, std) = _lite3(pretrained) if small else _resnext(pretrained)
        self.normalise = Normalise(mean, std)
        widths = [max(2, round(channels * width)) for channels in WIDTHS[variant]]
        self.reduce = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1, bias=False) for i, o in zip(MAPS[variant], widths, strict=True)
        )
        outs: Sequence[int | None] = [widths[0], *widths[:-1]] if small else [None] * 4
        self.fusions = nn.ModuleList(Fusion(w, out, in_place=not small) for w, out in zip(widths, outs, strict=True))
        half = widths[0] // 2
        self.coarse = nn.Conv2d(widths[0], half, 3, padding=1)
        self.fine = nn.Sequential(nn.Conv2d(half, 32, 3, padding=1), nn.ReLU(inplace=True))
        self.head = FullPrecision(nn.Conv2d(32, 1, 1), nn.ReLU())

    def forward(self, image: Tensor) -> Tensor:
        check_image(image, 32)
        x, maps = self.normalise(image), []
        for stage, reduce in zip(self.stages, self.reduce, strict=True):
            x = stage(x)
            maps.append(reduce(x))
        path = self.fusions[3](maps[3])
        for level in (2, 1, 0):
            path = self.fusions[level](path, maps[level])
        path = F.interpolate(self.coarse(path), scale_factor=2, mode="bilinear", align_corners=False)
        return -self.head(self.fine(path))


Encoder = tuple[nn.ModuleList, tuple[tuple[float, ...], tuple[float, ...]]]


def _lite3(pretrained: bool) -> Encoder:
    net: Any = timm_model("tf_efficientnet_lite3", pretrained=pretrained, num_classes=0)
    stages = [nn.Sequential(net.conv_stem, net.bn1, *net.blocks[:2]), net.blocks[2], net.blocks[3:5], net.blocks[5:]]
    return nn.ModuleList(stages), (net.pretrained_cfg["mean"], net.pretrained_cfg["std"])


def _resnext(pretrained: bool) -> Encoder:
    net = torchvision.models.resnext101_32x8d(weights="IMAGENET1K_V1" if pretrained else None)
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
    return nn.ModuleList([stem, net.layer2, net.layer3, net.layer4]), (MEAN, STD)
