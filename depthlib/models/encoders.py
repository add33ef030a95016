"""Encoders with ImageNet weights: ResNet-18, ResNet-50, MobileNetV2, EfficientNet-Lite0."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn
from torchvision.models import MobileNet_V2_Weights, ResNet18_Weights, ResNet50_Weights, mobilenet_v2
from torchvision.models.resnet import BasicBlock, Bottleneck

from depthlib.models.efficientnet_lite import EfficientNetLite0
from depthlib.models.imagenet import MEAN, STD, Normalise
from depthlib.models.resnet_trunk import ResNetTrunk

ENCODERS = ("resnet18", "resnet50", "mobilenet_v2", "efficientnet_lite0")
EXPANSIONS = (7, 14)  # MobileNetV2's stride-2 blocks whose expanded maps are the skips at 1/8 and 1/16


class MobileNetV2Trunk(nn.Sequential):
    """MobileNetV2 to block 17: a normalised image [B,3,H,W] -> five maps at 1/2 to 1/32, `channels` channels.

    Parameter names are those of torchvision's `features`.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__(*mobilenet_v2(width_mult=width).features[:18])
        maps = [self[0], self[3], *(cast(Any, self[index]).conv[0] for index in EXPANSIONS), self[17]]
        self.channels = [[m for m in module.modules() if isinstance(m, nn.Conv2d)][-1].out_channels for module in maps]

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        block: Any
        for index, block in enumerate(self):
            if index in EXPANSIONS:
                maps.append(block.conv[0](x))
                x = block.conv[1:](maps[-1])  # stride 2, so there is no shortcut around the block
            else:
                x = block(x)
            if index in (0, 3, 17):
                maps.append(x)
        return maps


class ImageNetEncoder(nn.Module):
    """An ImageNet backbone without its classifier: image -> five maps, finest first.

    ==================  ==============================  ====================================================
    name                channels at width 1             maps
    ==================  ==============================  ====================================================
    resnet18            64, 64, 128, 256, 512           after the first ReLU, layer1, ..., layer4
    resnet50            64, 256, 512, 1024, 2048        the same
    mobilenet_v2        32, 24, 192, 576, 320           stem, block 3, the expanded maps inside the stride-2 blocks
                                                        7 and 14, block 17
    efficientnet_lite0  16, 24, 40, 112, 320            the last of each size, see `EfficientNetLite0`
    ==================  ==============================  ====================================================

    forward: [B,3,H,W], RGB in [0,1] -> maps [B,channels[i],H/2^(i+1),W/2^(i+1)], sides rounded up, none smaller than
    `output_stride` says. Several images (`images`) are concatenated along the channels, each normalised with the mean
    and deviation of the weights.

    Attributes:
        channels: of the five maps.
        normalise, trunk: what `forward` applies to the image, one after the other. A network whose parameters are named
            "trunk..." holds these two.

    Args:
        name: one of `ENCODERS`.
        width: factor on all channels, but not on those of efficientnet_lite0, which has one width.
        pretrained: load the ImageNet weights of torchvision (downloads them unless they are cached), or of the package
            that brings those of efficientnet_lite0.
        images: number of images in the input; more than 1 for resnet18 only.
        output_stride: of the last map; below 32 for efficientnet_lite0 only, see `EfficientNetLite0`.

    Raises ValueError for an unknown name, a width below 1/64, pretrained weights of torchvision for another width than
    1, several images or another stride for an encoder that has them not; WeightsError as `EfficientNetLite0`.
    """

    def __init__(
        self, name: str, *, width: float = 1.0, pretrained: bool = False, images: int = 1, output_stride: int = 32
    ) -> None:
        super().__init__()
        if name not in ENCODERS:
            raise ValueError(f"encoder: found {name!r}, expected one of {', '.join(ENCODERS)}")
        if width < 1 / 64:
            raise ValueError(f"width: found {width}, expected at least 1/64")
        if images != 1 and name != "resnet18":
            raise ValueError(f"images: found {images}, expected 1 for the encoder {name}")
        if output_stride != 32 and name != "efficientnet_lite0":
            raise ValueError(f"output_stride: found {output_stride}, expected 32 for the encoder {name}")
        if name == "efficientnet_lite0":
            lite = EfficientNetLite0(pretrained=pretrained, output_stride=output_stride)
            self.normalise, self.trunk, self.channels = lite.normalise, lite.trunk, lite.channels
            return
        if pretrained and width != 1:
            raise ValueError(f"width: found {width}, expected 1 for pretrained weights")
        self.normalise = Normalise(MEAN * images, STD * images)
        if name == "mobilenet_v2":
            self.trunk = MobileNetV2Trunk(width)
        elif name == "resnet18":
            self.trunk = ResNetTrunk(BasicBlock, (2, 2, 2, 2), width=width, images=images)
        else:
            self.trunk = ResNetTrunk(Bottleneck, (3, 4, 6, 3), width=width)
        self.channels = self.trunk.channels
        if pretrained:
            self.trunk.load_state_dict(imagenet_weights(name, images))

    def forward(self, image: Tensor) -> list[Tensor]:
        return self.trunk(self.normalise(image))


def imagenet_weights(name: str, images: int = 1) -> dict[str, Tensor]:
    """State of a trunk, from torchvision. For n images the first kernel is repeated n times, divided by n
    (monodepth2).
    """
    source = {"resnet18": ResNet18_Weights, "resnet50": ResNet50_Weights, "mobilenet_v2": MobileNet_V2_Weights}[name]
    state = source.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
    if name == "mobilenet_v2":
        kept = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
        return {key: value for key, value in kept.items() if not key.startswith("18.")}
    state = {key: value for key, value in state.items() if not key.startswith("fc.")}
    state["conv1.weight"] = state["conv1.weight"].repeat(1, images, 1, 1) / images
    return state
