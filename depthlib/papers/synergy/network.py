"""The synergy network of Look Deeper: one trunk, a branch for depth, one for semantics, and what they tell each
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.blocks import DepthHead, check_image
from depthlib.models.encoders import ImageNetEncoder
from depthlib.models.fcrn import UnpoolConv, UpProjection
from depthlib.papers.synergy.attention_maps import activation_attention, for_display
from depthlib.papers.synergy.lateral_sharing import SHARING, LateralSharing
from depthlib.papers.synergy.stages import Stage
from depthlib.papers.synergy.upskip import UpSkip, UpSkipConcat

UPS = ("conv", "projection")
SKIPS = {"sum": UpSkip, "concat": UpSkipConcat}
PARTS = ("backbone", "depth", "semantics", "sharing")


class Outputs(NamedTuple):
    """What the network says of an image; None for a branch that it does not have or was not asked for.

    Attributes:
        depth: [B,1,H,W] metres.
        logits: [B,K,H,W], one score a class, before the softmax.
    """

    depth: Tensor | None
    logits: Tensor | None


class UpConv(nn.Sequential):
    """[B,I,h,w] -> [B,O,2h,2w]: zero un-pooling, 5x5 convolution, batch norm, ReLU. Look Deeper Sec. 3.2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(UnpoolConv(in_channels, out_channels), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


class Branch(nn.Module):
    """A decoder: four up-convolutions, the up-skip connections and a head.

    Args:
        channels: of f_in, f_1, ..., f_4.
        head: what turns [B,channels[-1],H,W] into the output.
        up: "conv" or "projection".
        skips: how the levels are joined, see `SynergyNet`; without up-skips the head sees f_4 alone.
    """

    def __init__(self, channels: Sequence[int], head: nn.Module, *, up: str, skips: bool | str) -> None:
        super().__init__()
        block = UpConv if up == "conv" else UpProjection
        self.ups = nn.ModuleList(block(i, o) for i, o in zip(channels[:-1], channels[1:], strict=True))
        self.skips = SKIPS["sum" if skips is True else skips](channels) if skips else None
        self.head = head

    def finish(self, levels: Sequence[Tensor]) -> Tensor:
        """f_in, f_1, ..., f_4 -> the output, at the size of f_4."""
        return self.head(levels[-1] if self.skips is None else self.skips(levels))


class SynergyNet(nn.Module):
    """Trunk (ResNet-50 in the paper), 1x1 convolution, two equal decoders that share features after each of their first
    three up-convolutions. Look Deeper Sec. 3.2, Fig. 2.

    62,715,536 parameters with 4 classes (103,806,096 with up-projections); depth alone without skips 43,017,728, which
    is FCRN with up-convolutions (63,563,008: FCRN itself).

    forward: image [B,3,H,W], RGB in [0,1], any size -> depth [B,1,H,W] in metres. The network normalises the image. A
    228x304 image is 8x10 after the trunk and 128x160 after the decoders, where `outputs` leaves it and the losses want
    it.

    Args:
        trunk: an encoder of `ImageNetEncoder`.
        output_stride: of the trunk, 32 in the paper; 16 gives small frames as many cells as the paper's have, and depth
            of the frame's own size.
        width: factor on all channels, of the trunk, where it has several widths, and of the rest; 1 is the paper's.
        classes: K, 4, 13 or 40 in the paper; 0 for no semantic branch.
        depth: False for no depth branch.
        skips: semi-dense up-skip connections, see `UpSkip`; "concat" joins them by `UpSkipConcat`, False has none.
        sharing: "lsu", "lsu_without_identity", "cross_stitch" or "none".
        per_channel: see `LateralSharing`.
        up: "conv" or "projection", the up-projection of FCRN.
        max_depth, min_depth, activation: see `DepthHead`. "relu" makes no use of max_depth.
        head_bias: whether the depth head has a bias. The paper's has none, but only with it depth can start at the
            median of the labels, see `DepthHead.start_at`.
        pretrained: load ImageNet weights into the trunk, see `ImageNetEncoder`.

    Raises ValueError for values that are not those above, for sharing without both branches, and as `ImageNetEncoder`.
    """

    def __init__(
        self,
        *,
        trunk: str = "resnet50",
        output_stride: int = 32,
        width: float = 1.0,
        classes: int = 4,
        depth: bool = True,
        skips: bool | str = True,
        sharing: str = "lsu",
        per_channel: bool = False,
        up: str = "conv",
        max_depth: float = 10.0,
        min_depth: float = 1e-3,
        activation: str = "relu",
        head_bias: bool = False,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        _check(classes, depth, sharing, up, skips)
        encoder = ImageNetEncoder(trunk, width=width, pretrained=pretrained, output_stride=output_stride)
        self.normalise, self.trunk = encoder.normalise, encoder.trunk
        # Stored with the weights: a network that was trained without sharing must not begin to share when it is loaded.
        self.register_buffer("bypassed", torch.tensor(False))
        channels = [4 * max(1, round(512 * width)) // 2**step for step in range(1, 6)]  # halves of ResNet-50's 2048
        reduce = nn.Conv2d(encoder.channels[-1], channels[0], 1, bias=False)
        nn.init.kaiming_normal_(reduce.weight, mode="fan_out", nonlinearity="relu")
        self.bridge = nn.Sequential(reduce, nn.BatchNorm2d(channels[0]))
        self.classes = classes
        heads: dict[str, nn.Module] = {}
        if depth:
            options: dict[str, Any] = {"max_depth": max_depth, "min_depth": min_depth, "activation": activation}
            heads["depth"] = DepthHead(channels[-1], kernel_size=3, bias=head_bias, **options)
        if classes:
            heads["semantics"] = nn.Conv2d(channels[-1], classes, 3, padding=1)
        self.branches = nn.ModuleDict(
            {task: Branch(channels, head, up=up, skips=skips) for task, head in heads.items()}
        )
        units = (
            [] if sharing == "none" else [LateralSharing(c, sharing, per_channel=per_channel) for c in channels[1:-1]]
        )
        self.sharing = nn.ModuleList(units)
        self.frozen: tuple[str, ...] = ()

    def forward(self, image: Tensor) -> Tensor:
        return self.outputs(image, tasks=("depth",), full_size=True).depth

    def class_logits(self, image: Tensor) -> Tensor:
        """Image [B,3,H,W] -> class scores [B,K,H,W] before the softmax. Raises ValueError without a semantic branch."""
        return self.outputs(image, tasks=("semantics",), full_size=True).logits

    def outputs(self, image: Tensor, *, tasks: Sequence[str] | None = None, full_size: bool = False) -> Outputs:
        """Depth and class scores together.

        Args:
            image: [B,3,H,W], RGB in [0,1].
            tasks: "depth", "semantics"; by default every branch there is.
            full_size: resize to the image, bilinearly, instead of leaving the size of the decoders, 16 times the
                trunk's.

        Raises ValueError for a branch that the network does not have, and as `check_image` does.
        """
        asked = tuple(self.branches if tasks is None else tasks)
        if not asked or not set(asked) <= set(self.branches):
            raise ValueError(f"tasks: found {', '.join(asked) or 'none'}, expected some of {', '.join(self.branches)}")
        _, levels = self.levels(image, asked)
        made = {task: self.branches[task].finish(levels[task]) for task in asked}
        if full_size:
            made = {
                task: F.interpolate(x, size=image.shape[-2:], mode="bilinear", align_corners=False)
                for task, x in made.items()
            }
        return Outputs(made.get("depth"), made.get("semantics"))

    def levels(self, image: Tensor, tasks: Sequence[str]) -> tuple[Tensor, dict[str, list[Tensor]]]:
        """The trunk's output, and f_in, f_1, ..., f_4 of each branch, before sharing: what a branch remembers is its
        own.

        A branch that was not asked for runs only if the others listen to it, and only as far as they do, to f_3.
        """
        check_image(image)
        trunk = self.trunk(self.normalise(image))[-1]
        shared = bool(self.sharing) and not self.bypassed
        flow = dict.fromkeys(self.branches if shared else tasks, self.bridge(trunk))
        levels = {task: [x] for task, x in flow.items()}
        for step in range(4):
            for task in flow if step < 3 else tasks:
                flow[task] = self.branches[task].ups[step](flow[task])
                levels[task].append(flow[task])
            if shared and step < 3:
                flow["depth"], flow["semantics"] = self.sharing[step](flow["depth"], flow["semantics"])
        return trunk, levels

    # Training in stages

    def part(self, name: str) -> list[nn.Module]:
        """The modules of one of `PARTS`; none for what the network does not have. The bridge belongs to the
        backbone.
        """
        if name not in PARTS:
            raise ValueError(f"part: found {name!r}, expected one of {', '.join(PARTS)}")
        if name == "backbone":
            return [self.trunk, self.bridge]
        return [self.sharing] if name == "sharing" else [self.branches[name]] if name in self.branches else []

    def enter(self, stage: Stage) -> list[dict[str, Any]]:
        """Freeze and bypass as the stage says; returns its parameter groups, {"params", "lr", "name"}, for an
        optimiser.

        The parts that the stage does not name have no gradients and stay in evaluation mode, also after `train()`, so
        that neither their weights nor the statistics of their batch norms move.

        Raises ValueError if the stage names a part that there is not.
        """
        for name in stage.rates:
            self.part(name)
        self.frozen = tuple(name for name in PARTS if name not in stage.rates)
        self.bypassed.fill_(stage.bypass)
        for name in PARTS:
            for module in self.part(name):
                module.requires_grad_(name not in self.frozen)
        self.train(self.training)
        parameters = {name: [p for module in self.part(name) for p in module.parameters()] for name in stage.rates}
        return [
            {"params": parameters[name], "lr": rate, "name": name}
            for name, rate in stage.rates.items()
            if parameters[name]
        ]

    def load_from(self, earlier: SynergyNet) -> None:
        """Take over what an earlier stage learned: the backbone, each branch that both have, sharing units of the same
        kind.

        What the earlier network lacks stays as it was drawn, such as the semantic branch after the first stage, or one
        of another number of classes. Raises RuntimeError, from torch, if the two differ in width, skips or up.
        """
        self.trunk.load_state_dict(earlier.trunk.state_dict())
        self.bridge.load_state_dict(earlier.bridge.state_dict())
        for task in self.branches.keys() & earlier.branches.keys():
            if task == "depth" or self.classes == earlier.classes:
                self.branches[task].load_state_dict(earlier.branches[task].state_dict())
        if [unit.kind for unit in self.sharing] == [unit.kind for unit in earlier.sharing]:
            self.sharing.load_state_dict(earlier.sharing.state_dict())

    def train(self, mode: bool = True) -> SynergyNet:
        super().train(mode)
        for module in (module for name in self.frozen for module in self.part(name)):
            module.eval()
        return self

    # For pictures

    @torch.no_grad()
    def attention_maps(self, image: Tensor, power: float = 2.0) -> dict[str, Tensor]:
        """Where the trunk ("backbone") and the first up-convolution of each branch look: name -> [B,1,H,W] in [0, 1].
        Fig. 5.
        """
        trunk, levels = self.levels(image, tuple(self.branches))
        features = {"backbone": trunk, **{task: levels[task][1] for task in self.branches}}
        return {name: for_display(activation_attention(x, power), image.shape[-2:]) for name, x in features.items()}

    def sharing_weights(self) -> list[dict[str, Tensor]]:
        """phi_d, phi_s, gamma_d, gamma_s of each sharing unit, from coarse to fine; each [1] or [C]."""
        return [unit.weights() for unit in self.sharing]


def _check(classes: int, depth: bool, sharing: str, up: str, skips: bool | str) -> None:
    if classes < 0 or classes == 1:
        raise ValueError(f"classes: found {classes}, expected 0 (no semantic branch) or at least 2")
    if sharing not in SHARING:
        raise ValueError(f"sharing: found {sharing!r}, expected one of {', '.join(SHARING)}")
    if up not in UPS:
        raise ValueError(f"up: found {up!r}, expected one of {', '.join(UPS)}")
    if not isinstance(skips, bool) and skips not in SKIPS:
        raise ValueError(f"skips: found {skips!r}, expected True, False or one of {', '.join(SKIPS)}")
    if not (depth or classes):
        raise ValueError("depth, classes: found False and 0, expected at least one branch")
    if sharing != "none" and not (depth and classes):
        raise ValueError(f"sharing: found {sharing!r} with one branch, expected 'none'")
