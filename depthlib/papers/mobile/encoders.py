"""The ten encoders of Table 1 of the mobile paper, and small ones for short runs."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from depthlib.models import efficientnet_lite
from depthlib.models.from_timm import timm_model
from depthlib.models.imagenet import MEAN, STD, Normalise


class Backbone(NamedTuple):
    """An ImageNet classifier: its source, and the positions of its feature maps.

    Attributes:
        source: name in timm, or in torchvision for ShuffleNet.
        taps: the steps, in order of execution, whose outputs are the skips; step 0 is the stem.
        strides, channels: of the skips, finest first: the last map of every stage.
        top: the last step before the head; its output, at 1/32, has `top_channels`.
        head_channels: after the head, the last 1x1 convolution of the classifier, also at 1/32.
    """

    source: str
    taps: tuple[int, ...]
    strides: tuple[int, ...]
    channels: tuple[int, ...]
    top: int
    top_channels: int
    head_channels: int


FIVE, STRIDES = (1, 2, 3, 4, 5), (2, 4, 8, 16, 16)
BACKBONES = {
    "shufflenet_v2": Backbone("shufflenet_v2_x1_0", (0, 1, 2, 3), (2, 4, 8, 16), (24, 24, 116, 232), 4, 464, 1024),
    "mnasnet": Backbone("mnasnet_100", FIVE, STRIDES, (16, 24, 40, 80, 96), 7, 320, 1280),
    "mobilenet_v2": Backbone("mobilenetv2_100", FIVE, STRIDES, (16, 24, 32, 64, 96), 7, 320, 1280),
    "mobilenet_v3": Backbone("mobilenetv3_large_100", FIVE, STRIDES, (16, 24, 40, 80, 112), 6, 160, 1280),
    "efficientnet_es": Backbone("efficientnet_es", FIVE, STRIDES, (24, 32, 48, 96, 144), 6, 192, 1280),
    "efficientnet_b0": Backbone("efficientnet_b0", FIVE, STRIDES, (16, 24, 40, 80, 112), 7, 320, 1280),
    "ghostnet": Backbone("ghostnet_100", (1, 3, 5, 6, 7), STRIDES, (16, 24, 40, 80, 112), 9, 160, 1280),
    "mixnet_m": Backbone("mixnet_m", FIVE, STRIDES, (24, 32, 40, 80, 120), 6, 200, 1536),
    "mixnet_s": Backbone("mixnet_s", FIVE, STRIDES, (16, 24, 40, 80, 120), 6, 200, 1536),
    "mobilenet_v1": Backbone("mobilenetv1_100", (1, 2, 3, 4), (2, 4, 8, 16), (64, 128, 256, 512), 5, 1024, 1024),
    "efficientnet_lite0": Backbone(efficientnet_lite.NAME, FIVE, STRIDES, (16, 24, 40, 80, 112), 7, 320, 1280),
    "mobilenet_v2_050": Backbone("mobilenetv2_050", FIVE, STRIDES, (8, 16, 16, 32, 48), 7, 160, 1280),
    "mobilenet_v2_035": Backbone("mobilenetv2_035", FIVE, STRIDES, (8, 8, 16, 24, 32), 7, 112, 1280),
}


class Features(NamedTuple):
    """Maps of an encoder. `skips`: finest first, at the strides of its `Backbone`; `deepest`: at 1/32, after the
    head.
    """

    skips: list[Tensor]
    deepest: Tensor


class MobileEncoder(nn.Module):
    """An ImageNet classifier without its classifier: image -> `Features`.

    Parameters with `head`, in millions (the rest of each row of Table 1 is NNConv5; erratum MB-10):

    =================  ======  =================  ======  =================  ======
    shufflenet_v2      1.2536  mobilenet_v3       4.2020  ghostnet           3.9015
    mnasnet            3.1023  efficientnet_es    4.1574  mixnet_m           3.4774
    mobilenet_v2       2.2239  efficientnet_b0    4.0075  mixnet_s           2.5976
    mobilenet_v1       3.2070  (of FastDepth)
    =================  ======  =================  ======  =================  ======

    MobileNetV3 and GhostNet have their head after global pooling; here it is applied at each position.

    forward: [B,3,H,W], RGB in [0,1], H and W multiples of 32. The image is normalised with the mean and deviation of
    the published weights.

    Args:
        name: one of `BACKBONES`. For short runs "mobilenet_v2_050" and "mobilenet_v2_035" are half and a third as wide,
            and "efficientnet_lite0" has ImageNet weights that need no internet.
        head: keep the last 1x1 convolution with its norm and activation.
        pretrained: load the ImageNet weights (downloads them unless they are cached, or come as a package).

    Raises ValueError for an unknown name, WeightsError as `EfficientNetLite0`.
    """

    def __init__(self, name: str, *, head: bool = True, pretrained: bool = False) -> None:
        super().__init__()
        if name not in BACKBONES:
            raise ValueError(f"encoder: found {name!r}, expected one of {', '.join(BACKBONES)}")
        self.backbone = backbone = BACKBONES[name]
        if name == "shufflenet_v2":
            steps, last, (mean, std) = _from_torchvision(backbone.source, pretrained)
        else:
            steps, last, (mean, std) = _from_timm(backbone.source, pretrained)
        self.steps = nn.ModuleList(steps[: backbone.top + 1])
        self.head = nn.Sequential(*steps[backbone.top + 1 :], *last) if head else nn.Identity()
        self.channels = backbone.head_channels if head else backbone.top_channels
        self.normalise = Normalise(mean, std)

    def forward(self, image: Tensor) -> Features:
        x, skips = self.normalise(image), []
        for index, step in enumerate(self.steps):
            x = step(x)
            if index in self.backbone.taps:
                skips.append(x)
        return Features(skips, self.head(x))


Parts = tuple[list[nn.Module], list[nn.Module], tuple[tuple[float, ...], tuple[float, ...]]]


def _from_timm(source: str, pretrained: bool) -> Parts:
    """Stem and stages, what follows them, mean and deviation."""
    if source == efficientnet_lite.NAME:
        net = efficientnet_lite.lite0(pretrained=pretrained, num_classes=0)
        statistics = efficientnet_lite.MEAN, efficientnet_lite.STD
    else:
        net = timm_model(source, pretrained=pretrained, num_classes=0)
        statistics = net.pretrained_cfg["mean"], net.pretrained_cfg["std"]
    stem, last = (
        [net.get_submodule(name) for name in names if hasattr(net, name)]
        for names in (("conv_stem", "bn1", "act1"), ("conv_head", "norm_head", "bn2", "act2"))
    )
    return [nn.Sequential(*stem), *net.blocks], last, statistics


def _from_torchvision(source: str, pretrained: bool) -> Parts:
    import torchvision

    net = torchvision.models.get_model(source, weights="DEFAULT" if pretrained else None)
    return [net.conv1, net.maxpool, net.stage2, net.stage3, net.stage4], [net.conv5], (MEAN, STD)
