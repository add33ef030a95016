"""Encoders with a pyramid of five feature maps, at 1/2 to 1/32 of the image: ResNet-18, ResNet-50, MobileNetV2."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import MobileNet_V2_Weights, ResNet18_Weights, ResNet50_Weights, mobilenet_v2
from torchvision.models.resnet import BasicBlock

from depthlib.models.imagenet import MEAN, STD, Normalise
from depthlib.models.resnet_trunk import ResNetTrunk

ENCODERS = ("resnet18", "resnet50", "mobilenet_v2")
EXPANSIONS = (7, 14)  # MobileNetV2's stride-2 blocks whose expanded maps are the skips at 1/8 and 1/16


class ResNet18Trunk(nn.Sequential):
    """ResNet-18 to layer4: [B,3,H,W] -> [B,512 * width,H/32,W/32]. `width` and names as for `ResNetTrunk`."""

    def __init__(self, width: float = 1.0, images: int = 1) -> None:
        stages = [max(1, round(planes * width)) for planes in (64, 128, 256, 512)]
        super().__init__()
        self.conv1 = nn.Conv2d(3 * images, stages[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stages[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = stages[0]
        for index, planes in enumerate(stages):
            stride = min(index + 1, 2)
            shortcut = nn.Sequential(nn.Conv2d(channels, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes))
            first = BasicBlock(channels, planes, stride, downsample=shortcut if index else None)
            self.add_module(f"layer{index + 1}", nn.Sequential(first, BasicBlock(planes, planes)))
            channels = planes
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class ImageNetEncoder(nn.Module):
    """An ImageNet backbone without its classifier: image -> five maps, finest first.

    ============  ==============================  ====================================================
    name          channels at width 1             maps
    ============  ==============================  ====================================================
    resnet18      64, 64, 128, 256, 512           after the first ReLU, layer1, ..., layer4
    resnet50      64, 256, 512, 1024, 2048        the same
    mobilenet_v2  32, 24, 192, 576, 320           stem, block 3, the expanded maps inside the stride-2 blocks
                                                  7 and 14, block 17
    ============  ==============================  ====================================================

    forward: [B,3,H,W], RGB in [0,1] -> maps [B,channels[i],H/2^(i+1),W/2^(i+1)], sides rounded up. Several images
    (`images`) are concatenated along the channels, each normalised with the mean and deviation of ImageNet.

    Args:
        name: one of `ENCODERS`.
        width: factor on all channels.
        pretrained: load the ImageNet weights of torchvision (downloads them unless they are cached).
        images: number of images in the input; more than 1 for resnet18 only.

    Raises ValueError for an unknown name, a width below 1/64, pretrained weights for another width than 1, or several
    images for another encoder than ResNet-18.
    """

    def __init__(self, name: str, *, width: float = 1.0, pretrained: bool = False, images: int = 1) -> None:
        super().__init__()
        if name not in ENCODERS:
            raise ValueError(f"encoder: found {name!r}, expected one of {', '.join(ENCODERS)}")
        if width < 1 / 64:
            raise ValueError(f"width: found {width}, expected at least 1/64")
        if pretrained and width != 1:
            raise ValueError(f"width: found {width}, expected 1 for pretrained weights")
        if images != 1 and name != "resnet18":
            raise ValueError(f"images: found {images}, expected 1 for the encoder {name}")
        self.name = name
        self.normalise = Normalise(MEAN * images, STD * images)
        if name == "mobilenet_v2":
            self.trunk = mobilenet_v2(width_mult=width).features[:18]
            maps = [self.trunk[0], self.trunk[3], *(self.trunk[index].conv[0] for index in EXPANSIONS), self.trunk[17]]
        else:
            self.trunk = ResNet18Trunk(width, images) if name == "resnet18" else ResNetTrunk(width)
            maps = [self.trunk.conv1, *(self.trunk.get_submodule(f"layer{level}") for level in range(1, 5))]
        self.channels = [_channels_out(module) for module in maps]
        if pretrained:
            self.trunk.load_state_dict(imagenet_weights(name, images))

    def forward(self, image: Tensor) -> list[Tensor]:
        x = self.normalise(image)
        return self._mobilenet(x) if self.name == "mobilenet_v2" else self._resnet(x)

    def _resnet(self, x: Tensor) -> list[Tensor]:
        trunk = self.trunk
        maps = [trunk.relu(trunk.bn1(trunk.conv1(x)))]
        x = trunk.maxpool(maps[0])
        for layer in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4):
            x = layer(x)
            maps.append(x)
        return maps

    def _mobilenet(self, x: Tensor) -> list[Tensor]:
        maps = []
        for index, block in enumerate(self.trunk):
            if index in EXPANSIONS:
                maps.append(block.conv[0](x))
                x = block.conv[1:](maps[-1])  # stride 2, so there is no shortcut around the block
            else:
                x = block(x)
            if index in (0, 3, 17):
                maps.append(x)
        return maps


def imagenet_weights(name: str, images: int = 1) -> dict[str, Tensor]:
    """State of an encoder's trunk. For n images the first kernel is repeated n times and divided by n (monodepth2)."""
    source = {"resnet18": ResNet18_Weights, "resnet50": ResNet50_Weights, "mobilenet_v2": MobileNet_V2_Weights}[name]
    state = source.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
    if name == "mobilenet_v2":
        kept = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
        return {key: value for key, value in kept.items() if not key.startswith("18.")}
    state = {key: value for key, value in state.items() if not key.startswith("fc.")}
    state["conv1.weight"] = state["conv1.weight"].repeat(1, images, 1, 1) / images
    return state


def _channels_out(module: nn.Module) -> int:
    return [m for m in module.modules() if isinstance(m, nn.Conv2d)][-1].out_channels
