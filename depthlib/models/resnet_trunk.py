"""ResNet-50 of any width, the encoder of several networks."""

from __future__ import annotations

from torch import nn
from torchvision.models import ResNet50_Weights
from torchvision.models.resnet import Bottleneck


class ResNetTrunk(nn.Sequential):
    """ResNet-50 to layer4: [B,3,H,W] -> [B,2048 * width,H/32,W/32], sides rounded up.

    Parameter names are those of torchvision.

    Args:
        width: factor on the channels of the stem and of every stage, not on the depth.
        pretrained: load the ImageNet weights of torchvision (downloads them unless they are cached).

    Raises ValueError if width is below 1/64, or if pretrained and width is not 1.
    """

    def __init__(self, width: float = 1.0, *, pretrained: bool = False) -> None:
        if width < 1 / 64:
            raise ValueError(f"width: found {width}, expected at least 1/64")
        if pretrained and width != 1:
            raise ValueError(f"width: found {width}, expected 1 for pretrained weights")
        stages = [max(1, round(planes * width)) for planes in (64, 128, 256, 512)]
        super().__init__()
        self.conv1 = nn.Conv2d(3, stages[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stages[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = stages[0]
        for index, (planes, depth) in enumerate(zip(stages, (3, 4, 6, 3), strict=True)):
            stride, out = min(index + 1, 2), planes * Bottleneck.expansion
            shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))
            first = Bottleneck(channels, planes, stride, downsample=shortcut)
            self.add_module(
                f"layer{index + 1}", nn.Sequential(first, *(Bottleneck(out, planes) for _ in range(depth - 1))),
            )
            channels = out
        self.out_channels = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if pretrained:
            weights = ResNet50_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
            self.load_state_dict({name: value for name, value in weights.items() if not name.startswith("fc.")})
