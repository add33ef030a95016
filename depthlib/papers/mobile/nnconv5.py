"""NNConv5, the decoder of FastDepth, which Table 1 of the mobile paper combines with ten encoders, and FastDepth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from depthlib.models.blocks import check_image
from depthlib.papers.mobile.encoders import MobileEncoder
from depthlib.papers.mobile.fbnet import enlarged
from depthlib.papers.mobile.output import Output

WIDTHS = (512, 256, 128, 64, 32)
FUSIONS = ("none", "add", "concat")
OUTPUTS = ("relu", "linear")
STRIDES = (8, 4, 2)  # of the skips, behind the second, third and fourth block


class NNConv5(nn.Module):
    """Five depthwise-separable convolutions, each up-sampled (nearest): [B,I,H/32,W/32] -> [B,1,H,W]. Wofk et al. 2019.

    753,954 parameters for 1024 channels, 891,938 for 1280, 1,029,922 for 1536.

    Args:
        in_channels: of the deepest map.
        widths: channels of the five blocks.
        skips: "none", or how skips join the up-sampled outputs of blocks 2, 3 and 4: "add" needs maps of 256, 128 and
            64 channels; "concat" takes any.
        skip_channels: of the maps at 1/8, 1/4 and 1/2.
        output: "relu": norm and ReLU after the last convolution, for metres; "linear": without both, for relative
            depth.

    Raises ValueError for unfit options.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        widths: Sequence[int] = WIDTHS,
        skips: str = "none",
        skip_channels: Sequence[int] = (),
        output: str = "relu",
    ) -> None:
        super().__init__()
        for option, value, known in (("skips", skips, FUSIONS), ("output", output, OUTPUTS)):
            if value not in known:
                raise ValueError(f"{option}: found {value!r}, expected one of {', '.join(known)}")
        if skips == "add" and list(skip_channels) != list(widths[1:4]):
            found = ", ".join(map(str, skip_channels))
            raise ValueError(
                f"skip_channels: found {found}, expected {', '.join(map(str, widths[1:4]))} for skips='add', "
                "or skips='concat'"
            )
        self.skips = skips
        joined = list(skip_channels) if skips == "concat" else [0, 0, 0]
        inputs = [in_channels, widths[0], *(width + more for width, more in zip(widths[1:4], joined, strict=True))]
        self.blocks = nn.ModuleList(
            nn.Sequential(_conv_bn_relu(i, i, 5, groups=i), _conv_bn_relu(i, o, 1))
            for i, o in zip(inputs, widths, strict=True)
        )
        self.last = Output(*(_conv_bn_relu(widths[-1], 1, 1) if output == "relu" else [nn.Conv2d(widths[-1], 1, 1)]))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=(2 / (module.kernel_size[0] ** 2 * module.out_channels)) ** 0.5)

    def forward(self, deepest: Tensor, skips: Sequence[Tensor] = ()) -> Tensor:
        x = deepest
        for index, block in enumerate(self.blocks):
            x = enlarged(block(x))
            if self.skips != "none" and 1 <= index <= 3:
                skip = skips[index - 1]
                x = x + skip if self.skips == "add" else torch.cat([x, skip], dim=1)
        return self.last(x)


class NNConv5Net(nn.Module):
    """One of ten encoders and `NNConv5`: the rows of Table 1.

    ================  =========  =======    ================  =========  ==========================
    encoder           parameters Table 1    encoder           parameters Table 1
    ================  =========  =======    ================  =========  ==========================
    shufflenet_v2     2,007,558  2.0 M      efficientnet_b0   4,899,486  4.9 M
    mnasnet           3,994,250  4.0 M      ghostnet          4,793,446  5.4 M (no width gives it)
    mobilenet_v2      3,115,810  3.1 M      mixnet_m          4,507,304  4.5 M
    mobilenet_v3      5,093,970  5.1 M      mixnet_s          3,627,528  3.6 M
    efficientnet_es   5,049,330  5.0 M      mobilenet_v1      3,960,930  3.9 M (FastDepth's 3.93)
    ================  =========  =======    ================  =========  ==========================

    forward: image [B,3,H,W], RGB in [0,1], H and W multiples of 32 -> [B,1,H,W]: metres, at least 0, or with
    output="linear" relative depth, larger = farther.

    Args:
        encoder, pretrained: see `MobileEncoder`.
        width: factor on the channels of the decoder.
        skips, output: see `NNConv5`.

    Raises ValueError for unfit options, and in forward for unfit sides.
    """

    def __init__(
        self,
        *,
        encoder: str = "mobilenet_v2",
        pretrained: bool = False,
        width: float = 1.0,
        skips: str = "none",
        output: str = "relu",
    ) -> None:
        super().__init__()
        self.encoder = MobileEncoder(encoder, pretrained=pretrained)
        strides, channels = self.encoder.backbone.strides, self.encoder.backbone.channels
        self.taps = [strides.index(stride) for stride in STRIDES]
        self.decoder = NNConv5(
            self.encoder.channels,
            widths=[max(2, round(channels * width)) for channels in WIDTHS],
            skips=skips,
            skip_channels=[channels[tap] for tap in self.taps],
            output=output,
        )

    @property
    def trunk(self) -> nn.Module:
        """The part with ImageNet weights."""
        return self.encoder

    def forward(self, image: Tensor) -> Tensor:
        check_image(image, 32)
        skips, deepest = self.encoder(image)
        return self.decoder(deepest, [skips[tap] for tap in self.taps])


class FastDepth(NNConv5Net):
    """FastDepth (Wofk et al. 2019): MobileNet and NNConv5 with added skips, 3,960,930 parameters (3.93 M without the
    norms').

    Table 1 quotes its error before pruning. skips="concat" makes 4,016,034 parameters. Options: those of `NNConv5Net`.
    """

    def __init__(self, *, encoder: str = "mobilenet_v1", skips: str = "add", **options: Any) -> None:
        super().__init__(encoder=encoder, skips=skips, **options)


def _conv_bn_relu(in_channels: int, out_channels: int, kernel: int, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
