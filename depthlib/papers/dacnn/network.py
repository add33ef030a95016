"""DACNN: a single-image network and its stereo teacher, which differ only in the source of their depth guidance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.aspp import ASPP, conv_norm_relu
from depthlib.models.blocks import DepthHead, check_image, join
from depthlib.models.correlation import MAX_DISPLACEMENT, CorrelationBlock
from depthlib.models.efficientnet_lite import EfficientNetLite0
from depthlib.models.from_timm import timm_model
from depthlib.models.imagenet import Normalise
from depthlib.papers.dacnn.depth_aware_conv import DILATIONS, DepthAwareBlock, conv_before_relu
from depthlib.papers.dacnn.pyramid_nonlocal import PyramidNonLocal

BACKBONES = ("resnest50d", "resnest26d", "resnest14d", "efficientnet_lite0")


class Estimate(NamedTuple):
    """Depth [B,1,H,W] in metres and its guidance: [B,G,h,w] at 1/8, 1/4 and 1/2 of the image."""

    depth: Tensor
    guidance: tuple[Tensor, Tensor, Tensor]


class Features(NamedTuple):
    """Outputs of the encoder: of the ASPP at 1/8, and of the first two blocks at 1/4 and 1/2."""

    top: Tensor
    quarter: Tensor
    half: Tensor


def scaled(channels: int, width: float) -> int:
    """`channels` times `width`, rounded to a multiple of 8 (radix 2, four dilations), at least 8."""
    return max(8, 8 * round(channels * width / 8))


class Encoder(nn.Module):
    """A trunk dilated to stride 8, then ASPP: image [B,3,H,W] -> `Features`. DACNN Sec. 3.1, errata D10 and D15.

    Stride 8 follows from "24 pixels, which corresponds to 192 pixels in the input image". A trunk of stride 16 costs
    half as much; the output of the ASPP is then enlarged to 1/8. The image is normalised with the mean and deviation of
    the trunk's weights.

    Args:
        backbone: one of `BACKBONES`; the paper has ResNeSt-50.
        width: factor on all channels, but not on those of efficientnet_lite0, which has one width.
        rates: of the ASPP.
        pretrained: load ImageNet weights: of ResNeSt from timm (downloads them unless they are cached), of
            efficientnet_lite0 from a package.
        output_stride: 8 or 16, of the trunk.

    Raises ValueError for another backbone or stride or if ResNeSt is pretrained and width is not 1; in forward for
    sides that are not multiples of the stride and, in training, for a batch of one. Raises WeightsError as
    `EfficientNetLite0`.
    """

    def __init__(
        self, backbone: str, width: float, rates: Sequence[int], pretrained: bool, output_stride: int = 8
    ) -> None:
        super().__init__()
        if backbone not in BACKBONES:
            raise ValueError(f"backbone: found {backbone!r}, expected one of {', '.join(BACKBONES)}")
        if width <= 0:
            raise ValueError(f"width: found {width}, expected a positive factor")
        if output_stride not in (8, 16):
            raise ValueError(f"output_stride: found {output_stride}, expected 8 or 16")
        if backbone == "efficientnet_lite0":
            lite = EfficientNetLite0(pretrained=pretrained, output_stride=output_stride)
            self.normalise, self.trunk = lite.normalise, lite.trunk
        else:
            self.normalise, self.trunk = Normalise(), _resnest(backbone, width, pretrained, output_stride)
        self.output_stride = output_stride
        self.half, self.quarter, *_, deep = self.trunk.feature_info.channels()
        self.top = scaled(256, width)
        self.aspp = ASPP(deep, self.top, rates)

    def forward(self, image: Tensor) -> Features:
        check_image(image, multiple=self.output_stride)
        if self.training and image.shape[0] == 1:
            raise ValueError("image: found batch size 1, expected 2 or more to train batch norm after global pooling")
        half, quarter, *_, deep = self.trunk(self.normalise(image))
        top = self.aspp(deep)
        return Features(top if self.output_stride == 8 else double(top), quarter, half)


def _resnest(name: str, width: float, pretrained: bool, output_stride: int) -> nn.Module:
    """A normalised image -> maps at 1/2, 1/4 and, of the last stage, 1/8 or 1/16."""
    if pretrained and width != 1:
        raise ValueError(f"width: found {width}, expected 1 with pretrained=True")
    return timm_model(
        name,
        pretrained=pretrained,
        features_only=True,
        out_indices=(0, 1, 4),
        output_stride=output_stride,
        channels=tuple(scaled(planes, width) for planes in (64, 128, 256, 512)),
        stem_width=scaled(32, width),
    )


class GuidanceBranch(nn.Module):
    """Depth guidance at three scales: [B,C,h,w] -> [B,G,h,w], [B,G,2h,2w], [B,G,4h,4w]. DACNN Sec. 3.2, Fig. 2.

    3x3 convolutions and up-sampling; at each scale a plain 3x3 convolution, times a fixed factor. The kernel K of the
    depth-aware convolution sums squared differences over the G channels: for independent channels of variance 1 its
    mean is (1 + 2 s^2)^(-G/2) with a factor s. That is 2e-8 for G = 32 and s = 1: K and its gradient would vanish off
    the centre. s = G^(-1/2), the default, keeps it near 1/e for every G (erratum D7).

    Args:
        in_channels, width: C, and the factor on the channels in between.
        guidance_channels: G.
        scale: s; None is G^(-1/2).
        learned: whether s is a parameter, one for all scales, that starts there.
    """

    def __init__(
        self, in_channels: int, width: float, guidance_channels: int, scale: float | None, learned: bool = False
    ) -> None:
        super().__init__()
        widths = [scaled(channels, width) for channels in (128, 64, 64)]
        pairs = zip([in_channels, *widths], widths, strict=False)
        self.stages = nn.ModuleList(conv_norm_relu(before, after) for before, after in pairs)
        self.outputs = nn.ModuleList(nn.Conv2d(channels, guidance_channels, 3, padding=1) for channels in widths)
        start = guidance_channels**-0.5 if scale is None else float(scale)
        self.scale = nn.Parameter(torch.tensor(start)) if learned else start

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        guidance = []
        for index, (stage, output) in enumerate(zip(self.stages, self.outputs, strict=True)):
            x = stage(double(x) if index else x)
            guidance.append(self.scale * output(x))
        return tuple(guidance)


class DepthBranch(nn.Module):
    """Features and guidance -> depth [B,1,H,W]: three depth-aware blocks, each followed by up-sampling. DACNN Sec. 3.3,
    Fig. 2.

    Args:
        features: the encoder, for its channel numbers.
        width: factor on the channels.
        block: options of `DepthAwareBlock`.
        head: options of `DepthHead`.
    """

    def __init__(self, features: Encoder, width: float, block: dict[str, Any], head: dict[str, Any]) -> None:
        super().__init__()
        wide, narrow, last = (scaled(channels, width) for channels in (128, 64, 32))
        self.stem = conv_norm_relu(features.top, wide)
        self.blocks = nn.ModuleList(DepthAwareBlock(channels, **block) for channels in (wide, wide, narrow))
        self.fuse = nn.ModuleList(
            [
                conv_before_relu(wide + features.quarter, wide, 3),
                conv_before_relu(wide + features.half, narrow, 3),
                conv_before_relu(narrow, last, 3),
            ]
        )
        self.head = DepthHead(last, kernel_size=3, **head)

    def forward(self, features: Features, guidance: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x = self.stem(features.top)
        skips = ([features.quarter], [features.half], [])
        for block, fuse, g, skip in zip(self.blocks, self.fuse, guidance, skips, strict=True):
            x = fuse(join([double(block(x, g)), *skip])).relu()
        return self.head(x)


class _Body(nn.Module):
    """The parts that student and teacher share. For the arguments see `DACNN`."""

    def __init__(
        self,
        *,
        backbone: str = "resnest50d",
        width: float = 1.0,
        dilations: Sequence[int] = DILATIONS,
        guidance_channels: int = 32,
        guidance_scale: float | None = None,
        learned_scale: bool = False,
        depth_aware: bool = True,
        normalize: bool = False,
        max_depth: float = 80.0,
        min_depth: float = 1e-3,
        activation: str = "sigmoid",
        pretrained: bool = False,
        output_stride: int = 8,
        source_to_depth: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(backbone, width, dilations, pretrained, output_stride)
        self.guidance = GuidanceBranch(self.encoder.top, width, guidance_channels, guidance_scale, learned_scale)
        self.source_to_depth = source_to_depth
        block = {"dilations": dilations, "depth_aware": depth_aware, "normalize": normalize}
        head = {"max_depth": max_depth, "min_depth": min_depth, "activation": activation}
        self.decoder = DepthBranch(self.encoder, width, block, head)

    @property
    def trunk(self) -> nn.Module:
        """The part with ImageNet weights."""
        return self.encoder.trunk

    def finish(self, features: Features, source: Tensor) -> Estimate:
        """Depth and guidance from the encoder's features and O_A or O_C, [B,C,H/8,W/8]."""
        guidance = self.guidance(source)
        seen = features._replace(top=source) if self.source_to_depth else features
        return Estimate(self.decoder(seen, guidance), guidance)


class DACNN(_Body):
    """The student: depth of a single image. 42,916,449 parameters at width 1. DACNN Fig. 2.

    forward: image [B,3,H,W], RGB in [0,1], H and W multiples of 8 -> depth [B,1,H,W] in metres.
    `estimate` also returns the guidance, for distillation.

    Args:
        backbone, width, pretrained, output_stride: see `Encoder`. The paper says that it trains from scratch (erratum
            D15).
        dilations: of the ASPP and of the depth-aware blocks; use smaller ones for smaller images.
        guidance_channels, guidance_scale, learned_scale: see `GuidanceBranch`.
        source_to_depth: whether the depth branch, too, gets the source of the guidance, in place of the output of the
            ASPP: the other reading of erratum D11.
        depth_aware, normalize: see `DepthAwareBlock`.
        max_depth, min_depth, activation: see `DepthHead`. 80 m is for the Eigen split (erratum D12).

    Raises ValueError as those do, and as `Encoder` does in forward.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.source = PyramidNonLocal(self.encoder.top)

    def estimate(self, image: Tensor) -> Estimate:
        """Depth and guidance of `image`."""
        features = self.encoder(image)
        return self.finish(features, self.source(features.top))

    def forward(self, image: Tensor) -> Tensor:
        return self.estimate(image).depth


class DACNNTeacher(_Body):
    """The teacher: depth of the left view of a rectified stereo pair. 43,142,817 parameters at width 1. DACNN Fig. 2.

    forward: left and right [B,3,H,W], RGB in [0,1], H and W multiples of 8 -> depth of left [B,1,H,W] in metres. The
    baseline is no input, so the network learns that of its training pairs.

    Args:
        max_displacement: largest disparity that is matched, in pixels of the map at 1/8 of the image, or at 1/4 with
            `fine_matching`.
        fine_matching: match at 1/4 of the image, for frames whose disparities are less than a pixel at 1/8.
        options: those of `DACNN`.

    Raises ValueError as `DACNN` does, and for views of different shapes.
    """

    inputs = ("image", "right")  # names of its inputs in an evaluation

    def __init__(
        self, *, max_displacement: int = MAX_DISPLACEMENT, fine_matching: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        fine = self.encoder.quarter if fine_matching else None
        self.source, self.fine = CorrelationBlock(self.encoder.top, max_displacement, fine=fine), fine_matching

    def estimate(self, left: Tensor, right: Tensor) -> Estimate:
        """Depth and guidance of `left`. Both views are encoded as one batch, with the same statistics."""
        if left.shape != right.shape:
            raise ValueError(
                f"left, right: found shapes {list(left.shape)} and {list(right.shape)}, expected equal shapes"
            )
        both = self.encoder(torch.cat([left, right]))
        of_left, of_right = (Features(*(x.chunk(2)[view] for x in both)) for view in (0, 1))
        matched = (of_left.quarter, of_right.quarter) if self.fine else (of_left.top, of_right.top)
        return self.finish(of_left, self.source(of_left.top, *matched))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.estimate(left, right).depth


def double(x: Tensor) -> Tensor:
    """Twice the size, bilinear: [B,C,h,w] -> [B,C,2h,2w]."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
