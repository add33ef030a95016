"""What is said of a pruned network besides how well it does: what it costs, and how it was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.utils.data import Dataset

from depthlib.base.cost import macs, parameters
from depthlib.protocols.inference import Measure

if TYPE_CHECKING:
    from depthlib.papers.mobile.network import MobileDepth
    from depthlib.papers.mobile.pruned import PrunedMobile


class Size(Measure):
    """Parameters and multiply-adds of inference, at the size of the images of the set. One entry, "network".

    Metrics: parameters, without intermediate heads; macs, of convolutions, see `depthlib.base.cost.macs`.
    """

    title, output = "cost of inference", ""

    def begin(self, model: MobileDepth, dataset: Dataset) -> None:
        super().begin(model, dataset)
        image = dataset[0]["image"][None].to(next(model.parameters()).device)
        count = parameters(model) - parameters(model.intermediate)
        self.found.add("network", {"parameters": float(count), "macs": float(macs(model, image))})


class Rounds(Measure):
    """The rounds of the search for widths, as the network remembers them. One entry a round: its number and the block
    it narrowed.

    Metrics: width, channels left in that block; parameters of the network; score, 1 - WHDR after the short fine-tuning.
    Entry 0 is the network before the search, with width 0.
    """

    title, metrics, output = "rounds of NetAdapt", ("width", "parameters", "score"), ""

    def begin(self, model: PrunedMobile, dataset: Dataset) -> None:
        super().begin(model, dataset)
        for number, row in enumerate(model.history):
            self.found.add(f"{number} {row.block}".strip(), {name: float(getattr(row, name)) for name in self.metrics})
