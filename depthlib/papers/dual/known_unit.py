"""Learning from video whose motion is given: then depth has a unit, and the heads can start in it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from depthlib.models.disparity import DisparityDecoder
from depthlib.papers.dual.network import DualNet
from depthlib.papers.dual.task import FromVideo


class InKnownUnit(FromVideo):
    """`FromVideo` that starts the new depth heads at the depth that is usual in the unit of the given motion, 1.

    As they come, heads start in the middle of their range of inverse depth (DN-9), five times too near for most of a
    street: the first warps look where nothing is right, and a training may settle on one depth everywhere. Where labels
    teach, heads start at the median of the labels for the same reason.

    Args:
        fresh: whether the heads are new; False where a training goes on from another one.
        options: see `FromVideo`.
    """

    def __init__(self, *, fresh: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.fresh = fresh

    def prepare(self, model: nn.Module, dataset: Dataset) -> None:
        super().prepare(model, dataset)
        if self.fresh:
            with torch.no_grad():
                for head in trained_decoder(model).heads:
                    head.start_at(1.0)


def trained_decoder(model: nn.Module) -> DisparityDecoder:
    """The decoder that a `VideoDepth` trains: in stage two that of HR-Net."""
    net = model.depth_net
    decoder: DisparityDecoder = net.high.decoder if isinstance(net, DualNet) else net.decoder
    return decoder
