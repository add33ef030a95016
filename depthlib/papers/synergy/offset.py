"""Errors after one factor for a whole test set: what a shift of all predictions did to them is taken out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.protocols.inference import Batch, Evaluation, Measure
from depthlib.protocols.protocol import load_protocol


class OneFactor(Measure):
    """Metrics of a protocol after all predictions were multiplied by one number.

    The number is exp(mean over the images of the mean of ln(true / predicted) over all pixels with a truth). A loss
    that only lifts or lowers every prediction has the same errors with it as without; a scale for each image would also
    take out what a network knows of the size of a room.

    Metrics: those named, one value an image. Images without a pixel that the protocol counts are skipped; the factor is
    that of all images.

    Args:
        protocol: its name. A protocol that cuts the range of the truth gives the errors there, after the factor of all
            depths.
        metrics: some of the protocol's.
        least: metres; smaller predictions count as this, as the protocol clamps them.
    """

    def __init__(self, protocol: str, metrics: Sequence[str] = ("abs_rel", "rmse"), least: float = 0.1) -> None:
        self.protocol, self.least = load_protocol(protocol).replace(metrics=tuple(metrics)), least
        self.title = f"{protocol}, after one factor for all images"

    def begin(self, model: nn.Module, dataset: Dataset) -> None:
        super().begin(model, dataset)
        self.found.metrics = {name: [] for name in self.protocol.metrics}
        self.maps: list[tuple[str, Tensor, Tensor]] = []

    def update(self, batch: Batch, prediction: Tensor) -> None:
        for name, *maps in zip(
            batch["name"], prediction.float().cpu().split(1), batch["depth"].cpu().split(1), strict=True
        ):
            self.maps.append((name, *maps))

    def compute(self) -> Evaluation:
        if not self.maps:
            raise ValueError("images: found none, expected at least one")
        factor = self.factor()
        for name, prediction, truth in self.maps:
            scored = self.protocol.score_image(factor * prediction, truth)
            self.found.add(name, None if scored is None else scored[2])
        return self.found

    def factor(self) -> float:
        ratios = [
            (truth[truth > 0].double() / prediction[truth > 0].double().clamp_min(self.least)).log().mean()
            for _, prediction, truth in self.maps
        ]
        return torch.stack(ratios).mean().exp().item()
