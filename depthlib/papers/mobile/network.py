"""The network of the mobile paper, a MobileNetV2 encoder and a decoder of FBNet blocks, and the rows of Table 2."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.blocks import check_image
from depthlib.papers.mobile.encoders import MobileEncoder
from depthlib.papers.mobile.fbnet import FBNetBlock, FBNetDecoder, he_normal
from depthlib.papers.mobile.output import Output

BEHIND = {0: (), 1: (2,), 2: (1, 2)}  # number of intermediate heads -> the levels, from 0, that they read


class MobilePrediction(NamedTuple):
    """Outputs of the student in training.

    Attributes:
        depths: relative depth [B,1,H,W], the final prediction first, then those after the second and third levels.
        features: input of the last convolution, [B,C,H/2,W/2], for pairwise distillation.
    """

    depths: list[Tensor]
    features: Tensor


class MobileDepth(nn.Module):
    """Relative depth in 2.56 M parameters: "MNet v2 + FBNet x112", the last row of Table 2. Sec. 3.1; erratum MB-8.

    =====================================================================  ============  ===============  =========
    options                                                                mobilenet_v2  efficientnet_es  Table 2
    =====================================================================  ============  ===============  =========
    none: decoder A, "x112"                                                2,561,665     4,769,009        2.6, 4.7
    full=True                                                              2,569,457     4,784,537        2.6, 4.7
    B: skips=4, expansion=4, kernel=3, shortcut=False                      2,584,113     4,660,081        2.6, 4.7
    C: skips=4, expansion=2, middle="output", kernel=3, shortcut=False,    2,557,009     4,712,361        2.6, 4.7
    fuse="add", blocks=2, keep_head=True, full=True
    =====================================================================  ============  ===============  =========

    No single configuration gives all rows of Table 2 (erratum MB-10): MixNet-M has 3.85 M with A and 3.98 M with C
    (printed 3.6), GhostNet 3.09 M and 4.30 M (4.3).

    forward: image [B,3,H,W], RGB in [0,1], H and W multiples of 32 -> relative depth [B,1,H,W], any real number, larger
    = farther.

    Args:
        encoder, pretrained: see `MobileEncoder`.
        full: a last level at full size; without it, "x112", the map at half the size is up-sampled, bilinearly (erratum
            MB-9).
        intermediate: number of intermediate predictions, 0, 1 (after the third level) or 2 (after the second and
            third). Their heads are only for training: `forward` does not run them, and `drop_intermediate` removes
            them.
        skips: 5, the last map of every stage, or 4, the last map of every size.
        keep_head: feed the encoder's last 1x1 convolution to the decoder (decoder C).
        first_output: factor on the initial weights of all layers that give a prediction. With 1, as in He et al. 2015,
            the first maps have deviations of some units, for which the ranking loss is above log 2, its value for a
            map that is the same everywhere.
        decoder: other options of `FBNetDecoder`: fuse, blocks, enlarge, expansion, middle, kernel, shortcut.

    Raises ValueError for unfit options, and in forward for unfit sides.
    """

    def __init__(
        self,
        *,
        encoder: str = "mobilenet_v2",
        pretrained: bool = False,
        full: bool = False,
        intermediate: int = 0,
        skips: int = 5,
        keep_head: bool = False,
        first_output: float = 1.0,
        **decoder: Any,
    ) -> None:
        super().__init__()
        if skips not in (4, 5):
            raise ValueError(f"skips: found {skips!r}, expected 4 or 5")
        self.encoder = MobileEncoder(encoder, head=keep_head, pretrained=pretrained)
        channels, strides = self.encoder.backbone.channels, self.encoder.backbone.strides
        last = [i for i, stride in enumerate(strides) if stride not in strides[i + 1 :]]
        self.skips = last if skips == 4 else list(range(len(strides)))
        self.decoder = FBNetDecoder(
            [channels[i] for i in self.skips],
            [strides[i] for i in self.skips],
            self.encoder.channels,
            full=full,
            **decoder,
        )
        self.out = Output(nn.Conv2d(self.decoder.widths[-1], 1, 3, padding=1))
        he_normal(self.out)
        self.first_output = first_output
        with torch.no_grad():
            self.out[0].weight.mul_(first_output)
        self.block_options = {
            key: decoder[key] for key in ("expansion", "middle", "kernel", "shortcut", "enlarge") if key in decoder
        }
        self.attach_intermediate(intermediate)

    @property
    def trunk(self) -> nn.Module:
        """The part with ImageNet weights."""
        return self.encoder

    def load_from(self, earlier: nn.Module) -> None:
        """Load the weights of another `MobileDepth`, except for intermediate heads that one of the two lacks.

        Raises ValueError for a network with another encoder or decoder.
        """
        heads, learned, own = "intermediate.", earlier.state_dict(), self.state_dict()
        fresh = {name for name in own if name.startswith(heads) and name not in learned}
        learned = {name: value for name, value in learned.items() if name in own or not name.startswith(heads)}
        try:
            self.load_state_dict(learned | {name: own[name] for name in fresh})
        except RuntimeError as error:
            raise ValueError(
                f"earlier: found another encoder or decoder ({error}), expected those of this network"
            ) from error

    def attach_intermediate(self, intermediate: int) -> MobileDepth:
        """New heads for 0, 1 or 2 intermediate predictions, for the current, perhaps pruned widths; returns the
        model.
        """
        if intermediate not in BEHIND:
            raise ValueError(f"intermediate: found {intermediate!r}, expected 0, 1 or 2")
        inputs = {level: self.decoder.levels[level + 1][0].expand[0].in_channels for level in BEHIND[intermediate]}
        with self.out[0].weight.device:
            self.intermediate = nn.ModuleDict(
                {str(level): FBNetBlock(width, 1, up=True, **self.block_options) for level, width in inputs.items()}
            )
            he_normal(self.intermediate)
        with torch.no_grad():
            for block in self.intermediate.values():
                for last in (block.project[-1], block.shortcut):
                    if last is not None:
                        last.weight.mul_(self.first_output)
        return self

    def drop_intermediate(self) -> MobileDepth:
        """Remove the heads of the intermediate predictions, which inference does not need; returns the model."""
        return self.attach_intermediate(0)

    def predict(self, image: Tensor) -> MobilePrediction:
        """All predictions, intermediate ones too, and the features."""
        outputs = self._decode(image)
        size = image.shape[-2:]
        depths = [self._finish(outputs[-1], size)]
        depths += [_resized(head(outputs[int(level)]).float(), size) for level, head in self.intermediate.items()]
        return MobilePrediction(depths, outputs[-1])

    def forward(self, image: Tensor) -> Tensor:
        return self._finish(self._decode(image)[-1], image.shape[-2:])

    def _decode(self, image: Tensor) -> list[Tensor]:
        check_image(image, 32)
        skips, deepest = self.encoder(image)
        return self.decoder([skips[i] for i in self.skips], deepest)

    def _finish(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        return _resized(self.out(features), size)


def _resized(depth: Tensor, size: tuple[int, int]) -> Tensor:
    return depth if depth.shape[-2:] == size else F.interpolate(depth, size=size, mode="bilinear", align_corners=False)
