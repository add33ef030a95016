"""What is said of a pruned network besides how well it does: what it costs, and how it was found."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import Dataset

from depthlib.base.cost import macs
from depthlib.papers.mobile.pruned import HEADS, PrunedMobile
from depthlib.protocols.evaluate import Evaluation


class Size:
    """Parameters and multiply-adds of inference, at the size of the images of the set. One entry, "network".

    Metrics: parameters, without intermediate heads; macs, of convolutions, see `depthlib.base.cost.macs`.
    """

    def __call__(self, model: nn.Module, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        image = dataset[0]["image"][None].to(device)
        count = sum(p.numel() for name, p in model.named_parameters() if not name.startswith(HEADS))
        found = {"parameters": [float(count)], "macs": [float(macs(model.to(device), image))]}
        return Evaluation("cost of inference", ["network"], found, [])


class Rounds:
    """The rounds of the search for widths, as the network remembers them. One entry a round: its number and the block it narrowed.

    Metrics: width, channels left in that block; parameters of the network; score, 1 - WHDR after the short fine-tuning.
    Entry 0 is the network before the search, with width 0.
    """

    def __call__(self, model: PrunedMobile, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        history = model.history
        names = [f"{number} {row.block}".strip() for number, row in enumerate(history)]
        columns = {name: [float(getattr(row, name)) for row in history] for name in ("width", "parameters", "score")}
        return Evaluation("rounds of NetAdapt", names, columns, [])
