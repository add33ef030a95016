"""The dual networks: LR-Net provides global context, HR-Net fine detail; SA-Attention connects them."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.disparity import NEAREST, ConvELU, DisparityDecoder, Prediction, scaled
from depthlib.models.monodepth2 import SMALLEST, Monodepth2, check_sides
from depthlib.papers.dual.self_assembly import SAAttention

HR_WIDTHS = (48, 64, 64, 96, 128)
HR_DECODER_WIDTHS = (128, 96, 64, 48, 16)
EMBEDDING = 64
LINKS = ("sa", "features", "reduced", "none")
GRIDS = ("low", "high")


class LRNet(Monodepth2):
    """LR-Net: `Monodepth2` with a ResNet-50; 32,522,132 parameters, 7.173 GMAC at 128x416. Secs. 3.2 and 4.5."""

    def __init__(self, *, encoder: str = "resnet50", **options: Any) -> None:
        super().__init__(encoder=encoder, **options)


class HRNet(nn.Module):
    """HR-Net: light and shallow, with global context only from LR-Net. Sec. 3.2; widths chosen to fit Table 7.

    forward: image [B,3,H,W], normalised, and the message [B,message,H/32,W/32], concatenated at the deepest level
    -> `Prediction`.

    Args:
        message: channels of the message, 64 from SA-Attention; 1,501,268 parameters then.
        width: factor on all other channels.
        min_depth, max_depth: see `DisparityDecoder`.
    """

    def __init__(
        self, message: int, *, width: float = 1.0, min_depth: float = NEAREST, max_depth: float = 100.0
    ) -> None:
        super().__init__()
        widths = scaled(HR_WIDTHS, width)
        self.encoder = nn.ModuleList(
            nn.Sequential(ConvELU(i, o, kernel, stride=2), ConvELU(o, o))
            for i, o, kernel in zip([3, *widths[:-1]], widths, (7, 3, 3, 3, 3), strict=True)
        )
        self.decoder = DisparityDecoder(
            [*widths[:-1], widths[-1] + message],
            scaled(HR_DECODER_WIDTHS, width),
            min_depth=min_depth,
            max_depth=max_depth,
        )

    def forward(self, image: Tensor, message: Tensor) -> Prediction:
        maps = []
        for block in self.encoder:
            image = block(image)
            maps.append(image)
        maps[-1] = torch.cat([maps[-1], message], dim=1)
        return self.decoder(maps)


class DualNet(nn.Module):
    """LR-Net on the small image, HR-Net on the large one: 34,154,856 parameters, 25.70 GMAC at 384x1248 with LR-Net's
    own decoder.

    forward: image [B,3,H,W], RGB in [0,1], H and W multiples of 32 * ratio, at least 64 * ratio -> depth [B,1,H,W] in
    metres up to a scale, which is not that of LR-Net's depth (erratum DN-16). Only LR-Net's encoder runs; `both` runs
    its decoder too.

    Train LR-Net first and load its weights into `low`.

    Args:
        ratio: side of the large image over the side of the small one; 3 in the paper (384x1248 and 128x416).
        link: what HR-Net gets from LR-Net's deepest map: "sa", SA-Attention; "features", the map itself ("w/o SA" of
            Table 3: 2.29 M more parameters in HR-Net); "reduced", the map through a 1x1 convolution (as many channels
            as with SA); "none", nothing.
        normaliser: of SA-Attention, see `self_assemble`.
        sa_grid: attend on the "low" grid (52 positions) and up-sample, or up-sample first and attend on the "high" one
            (468).
        frozen: keep LR-Net's weights and BatchNorm statistics fixed in training (Sec. 3.2).
        width: factor on all channels of both networks, see `Monodepth2`.
        min_depth, max_depth: of both networks, see `DisparityDecoder`.
        low: further options of LR-Net alone: encoder, pretrained, see `LRNet`.

    Raises ValueError for unfit options, TypeError for unknown ones, and ValueError in forward for unfit sides.
    """

    def __init__(
        self,
        *,
        ratio: int = 3,
        link: str = "sa",
        normaliser: str = "mean",
        sa_grid: str = "low",
        frozen: bool = True,
        width: float = 1.0,
        min_depth: float = NEAREST,
        max_depth: float = 100.0,
        **low: Any,
    ) -> None:
        super().__init__()
        if isinstance(ratio, bool) or not isinstance(ratio, int) or ratio < 1:
            raise ValueError(f"ratio: found {ratio!r}, expected a whole number of at least 1")
        if link not in LINKS:
            raise ValueError(f"link: found {link!r}, expected one of {', '.join(LINKS)}")
        if sa_grid not in GRIDS:
            raise ValueError(f"sa_grid: found {sa_grid!r}, expected one of {', '.join(GRIDS)}")
        shared = {"width": width, "min_depth": min_depth, "max_depth": max_depth}
        self.low = LRNet(**shared, **low)
        channels, embedding = self.low.encoder.channels[-1], scaled([EMBEDDING], width)[0]
        if link == "sa":
            self.link = SAAttention(channels, embedding, normaliser=normaliser)
        else:
            self.link = nn.Conv2d(channels, embedding, 1) if link == "reduced" else nn.Identity()
        self.high = HRNet({"features": channels, "none": 0}.get(link, embedding), **shared)
        self.ratio, self.sa_grid, self.frozen, self.silent = ratio, sa_grid, frozen, link == "none"
        self.low.requires_grad_(not frozen)

    @property
    def trunk(self) -> nn.Module:
        """The part with ImageNet weights, in LR-Net; HR-Net starts from random ones."""
        return self.low.trunk

    def train(self, mode: bool = True) -> Self:
        """As `nn.Module.train`, but a frozen LR-Net stays in evaluation mode, with fixed BatchNorm statistics."""
        super().train(mode)
        if self.frozen:
            self.low.eval()
        return self

    def small(self, image: Tensor) -> Tensor:
        """The input of LR-Net for [B,3,H,W]: the mean of each ratio x ratio cell, [B,3,H/ratio,W/ratio]."""
        check_sides(image, 32 * self.ratio, SMALLEST * self.ratio)
        return F.avg_pool2d(image, self.ratio)

    def message(self, small: Tensor, deepest: Tensor) -> Tensor:
        """LR-Net's image and deepest map [B,C,h,w] -> the message to HR-Net, [B,C',ratio * h,ratio * w]. Fig. 1b."""
        if self.silent:
            return deepest.new_zeros(len(deepest), 0, *(self.ratio * side for side in deepest.shape[-2:]))
        normalised = self.low.encoder.normalise(small)
        if self.sa_grid == "high":
            deepest = self._enlarge(deepest)
        told = self.link(deepest, normalised) if isinstance(self.link, SAAttention) else self.link(deepest)
        return told if self.sa_grid == "high" else self._enlarge(told)

    def predict(self, image: Tensor) -> Prediction:
        """HR-Net's inverse depth on four scales."""
        small = self.small(image)
        message = self.message(small, self.low.encoder(small)[-1])
        return self.high(self.low.encoder.normalise(image), message)

    def both(self, image: Tensor) -> tuple[Prediction, Prediction]:
        """LR-Net's prediction, at 1/ratio of the image and below, and HR-Net's."""
        small = self.small(image)
        maps = self.low.encoder(small)
        return self.low.decoder(maps), self.high(self.low.encoder.normalise(image), self.message(small, maps[-1]))

    def forward(self, image: Tensor) -> Tensor:
        return 1 / self.predict(image).disparities[0]

    @torch.no_grad()
    def attention_map(self, image: Tensor, row: int, column: int) -> Tensor:
        """w_ij of each grid position i for the position j of pixel (row, column) of the image, [B,1,h,w].

        Raises ValueError if the network has no SA-Attention or the pixel is outside the image.
        """
        if not isinstance(self.link, SAAttention):
            raise ValueError("link: found a network without SA-Attention, expected link='sa'")
        if not (0 <= row < image.shape[-2] and 0 <= column < image.shape[-1]):
            raise ValueError(
                f"pixel: found ({row}, {column}), expected one inside the image of {image.shape[-2]}x{image.shape[-1]}"
            )
        small = self.small(image)
        deepest = self.low.encoder(small)[-1]
        cell = 32 if self.sa_grid == "high" else 32 * self.ratio
        if self.sa_grid == "high":
            deepest = self._enlarge(deepest)
        return self.link.attention_map(deepest, self.low.encoder.normalise(small), row // cell, column // cell)

    def _enlarge(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=self.ratio, mode="nearest")
