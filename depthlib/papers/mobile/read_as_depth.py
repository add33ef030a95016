"""Errors under a protocol of networks whose map may be negative: log depth, metres of a linear layer, or no unit."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from depthlib.papers.mobile.measures import NEAREST, OUTPUTS
from depthlib.protocols.evaluate import ProtocolErrors
from depthlib.protocols.inference import Batch, true_depth
from depthlib.protocols.protocol import Protocol
from depthlib.protocols.scaling import NYU_MEAN, NYU_STD


class ReadAsDepth(ProtocolErrors):
    """Errors under `protocol` after the map was enlarged to the truth and read as depth, above 0.

    Args:
        protocol, keep: see `ProtocolErrors`.
        output: what the map is, see `ScaleInvariant`: "log", "metres", or "aligned", a map without a unit that gets the
            mean and the deviation of NYUv2 first (erratum MB-6).

    Raises ValueError for another output.
    """

    def __init__(self, protocol: str | Protocol, output: str = "log", keep: int = 0) -> None:
        if output not in OUTPUTS:
            raise ValueError(f"output: found {output!r}, expected one of {', '.join(OUTPUTS)}")
        super().__init__(protocol, keep=keep)
        self.quantity = output

    def update(self, batch: Batch, prediction: Tensor) -> None:
        size = true_depth(batch).shape[-2:]
        whole = F.interpolate(prediction.float(), size=size, mode="bilinear", align_corners=False)
        super().update(batch, self._depth(whole))

    def _depth(self, maps: Tensor) -> Tensor:
        axes = (1, 2, 3)
        centred = maps - maps.mean(dim=axes, keepdim=True)
        if self.quantity == "log":
            return centred.exp()  # a factor costs nothing, and so nothing overflows
        if self.quantity == "aligned":
            deviation = centred.std(dim=axes, keepdim=True, correction=0).clamp_min(1e-12)
            maps = centred / deviation * NYU_STD + NYU_MEAN
        return maps.clamp_min(NEAREST)
