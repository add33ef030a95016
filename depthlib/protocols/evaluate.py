"""The errors of depth maps under a protocol, as a measure; `evaluate` for one network, one data set, one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.protocols.inference import Batch, Evaluation, Measure, measure, true_depth
from depthlib.protocols.protocol import Protocol, load_protocol
from depthlib.protocols.reduction import reduce


@dataclass
class ProtocolEvaluation(Evaluation):
    """Errors of each image; `means` reduces them as the protocol does, by its field `reduction`."""

    reduction: str = "mean over images"

    def means(self) -> dict[str, float]:
        return {name: reduce(name, values, self.pixels, self.reduction) for name, values in self.metrics.items()}


class ProtocolErrors(Measure):
    """The metrics of a protocol on each image. Images without a valid pixel are skipped.

    Args:
        protocol: or its name.
        window: see `Measure`.
        keep: how many of the first predictions are kept, float32 [keep,1,H,W] as they left the network, as the tensor
            "prediction"; they must have one size.
    """

    def __init__(self, protocol: str | Protocol, window: Sequence[int] | None = None, keep: int = 0) -> None:
        self.protocol = load_protocol(protocol) if isinstance(protocol, str) else protocol
        self.window, self.keep = window, keep

    def begin(self, model: nn.Module, dataset: Dataset) -> None:
        metrics: dict[str, list[float]] = {name: [] for name in self.protocol.metrics}
        self.found = ProtocolEvaluation(self.protocol.name, metrics=metrics, reduction=self.protocol.reduction)
        self.kept: list[Tensor] = []

    def update(self, batch: Batch, prediction: Tensor) -> None:
        prediction = prediction.float()
        for name, *maps in zip(batch["name"], prediction.split(1), true_depth(batch).split(1), strict=True):
            scored = self.protocol.score_image(*maps)
            self.found.add(name, None if scored is None else scored[2])
            self.found.pixels += [] if scored is None else [len(scored[1])]
        self.kept += prediction[: self.keep - len(self.kept)].cpu()

    def compute(self) -> Evaluation:
        if not self.found.images:
            count = len(self.found.skipped)
            raise ValueError(f"protocol {self.protocol.name}: found no valid pixel in {count} images, expected some")
        if self.kept:
            self.found.tensors["prediction"] = torch.stack(self.kept)
        return self.found


def evaluate(
    model: nn.Module,
    dataset: Dataset,
    protocol: str | Protocol,
    *,
    device: str | torch.device = "cpu",
    batch_size: int = 8,
    keep: int = 0,
) -> tuple[Evaluation, Tensor]:
    """The evaluation of `model` on `dataset`, and the first `keep` predictions; see `ProtocolErrors` and `measure`."""
    errors = {"errors": ProtocolErrors(protocol, keep=keep)}
    found = measure(model, dataset, errors, device=device, batch_size=batch_size)["errors"]
    return found, found.tensors.get("prediction", torch.empty(0))
