"""ResNets of any width, the encoders of several networks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck


class ResNetTrunk(nn.Module):
    """ResNet to layer4: a normalised image -> five maps, finest first: after the first ReLU, layer1, ..., layer4.

    forward: [B,3 * images,H,W] -> [B,channels[i],H/2^(i+1),W/2^(i+1)], sides rounded up. Parameter names are those of
    torchvision.

    Attributes:
        channels: 64, 64, 128, 256, 512 with `BasicBlock`, 64, 256, 512, 1024, 2048 with `Bottleneck`, times width.

    Args:
        block, counts: the kind of block and how many layer1 to layer4 have: `BasicBlock` and 2, 2, 2, 2 are ResNet-18.
        width: factor on the channels of the stem and of every stage, not on the depth.
        images: number of images in the input, concatenated along the channels.
    """

    layer1: nn.Module
    layer2: nn.Module
    layer3: nn.Module
    layer4: nn.Module

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck] = Bottleneck,
        counts: Sequence[int] = (3, 4, 6, 3),
        *,
        width: float = 1.0,
        images: int = 1,
    ) -> None:
        super().__init__()
        stages = [max(1, round(planes * width)) for planes in (64, 128, 256, 512)]
        self.conv1 = nn.Conv2d(3 * images, stages[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stages[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.channels = [stages[0]]
        for index, (planes, count) in enumerate(zip(stages, counts, strict=True)):
            stride, before, after = min(index + 1, 2), self.channels[-1], planes * block.expansion
            shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after))
            first = block(before, planes, stride, downsample=None if stride == 1 and before == after else shortcut)
            others = (block(after, planes) for _ in range(count - 1))
            self.add_module(f"layer{index + 1}", nn.Sequential(first, *others))
            self.channels.append(after)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> list[Tensor]:
        maps = [self.relu(self.bn1(self.conv1(image)))]
        x = self.maxpool(maps[0])
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        return maps
