"""Monodepth2's depth network (Godard et al. 2019); also LR-Net and two baselines in Table 7 of the dual networks."""

from __future__ import annotations

from torch import Tensor, nn

from depthlib.models.blocks import check_image
from depthlib.models.disparity import DECODER_WIDTHS, NEAREST, DisparityDecoder, Prediction, scaled
from depthlib.models.encoders import ImageNetEncoder

SMALLEST = 64  # reflection padding needs two pixels a side at 1/32


def check_sides(image: Tensor, multiple: int = 32, smallest: int = SMALLEST) -> None:
    """`check_image`, and ValueError for a side too short for reflection padding at the deepest level."""
    check_image(image, multiple)
    if min(image.shape[-2:]) < smallest:
        raise ValueError(
            f"image: found {image.shape[-2]}x{image.shape[-1]}, expected height and width of at least {smallest}"
        )


class Monodepth2(nn.Module):
    """An ImageNet encoder and a decoder that predicts inverse depth on four scales.

    ============  ==========  ==========  =====================  ========================================
    encoder       bottleneck  parameters  MACs at 384x1248       Table 7 prints
    ============  ==========  ==========  =====================  ========================================
    resnet18      no          14,329,236  31.25 G                16.43 M, 33.11 G (not this one: DN-13)
    resnet18      yes         16,689,044  32.36 G                16.43 M, 33.11 G
    mobilenet_v2  no          5,300,820   16.53 G                5.37 M, 17.02 G
    resnet50      no          32,522,132  64.56 G                -
    ============  ==========  ==========  =====================  ========================================

    forward: image [B,3,H,W], RGB in [0,1], H and W multiples of 32, at least 64 -> depth [B,1,H,W] in metres up to a
    scale.

    Args:
        encoder, pretrained: see `ImageNetEncoder`.
        width: factor on all channels, of the encoder, where it has several widths, and of the decoder.
        bottleneck, min_depth, max_depth: see `DisparityDecoder`.

    Raises ValueError for invalid options, and in forward for invalid sizes.
    """

    def __init__(
        self,
        *,
        encoder: str = "resnet18",
        width: float = 1.0,
        bottleneck: bool = False,
        min_depth: float = NEAREST,
        max_depth: float = 100.0,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = ImageNetEncoder(encoder, width=width, pretrained=pretrained)
        self.decoder = DisparityDecoder(
            self.encoder.channels,
            scaled(DECODER_WIDTHS, width),
            min_depth=min_depth,
            max_depth=max_depth,
            bottleneck=bottleneck,
        )

    @property
    def trunk(self) -> nn.Module:
        """The part with ImageNet weights."""
        return self.encoder.trunk

    def predict(self, image: Tensor) -> Prediction:
        """Inverse depth on four scales, and the last features, as the losses need them."""
        check_sides(image)
        return self.decoder(self.encoder(image))

    def forward(self, image: Tensor) -> Tensor:
        return 1 / self.predict(image).disparities[0]
