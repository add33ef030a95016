"""A network, a dataset, a protocol: the errors of each image."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from depthlib.protocols.protocol import Protocol
from depthlib.protocols.reduction import reduce


@dataclass
class Evaluation:
    """Errors of each image of one dataset under one protocol.

    Attributes:
        images: name of each image that was scored.
        metrics: metric name -> one value an image.
        skipped: names of the images that have no valid pixel under the protocol.
        pixels: how many pixels of each image counted.
        reduction: how `means` makes one number of the images.
    """

    protocol: str
    images: list[str]
    metrics: dict[str, list[float]]
    skipped: list[str]
    pixels: list[int] = field(default_factory=list)
    reduction: str = "mean over images"

    def means(self) -> dict[str, float]:
        pixels = self.pixels or [1] * len(self.images)
        return {name: reduce(name, values, pixels, self.reduction) for name, values in self.metrics.items()}


@torch.no_grad()
def evaluate(
    model: nn.Module, dataset: Dataset, protocol: Protocol, *, device: str | torch.device = "cpu", batch_size: int = 8,
    keep: int = 0,
) -> tuple[Evaluation, Tensor]:
    """Score `model` on `dataset`; truth is `depth_true` where a dataset has defective labels, else `depth`.

    A network that looks at more than the image names what it wants in `inputs`, such as ("image", "right"). Images whose
    sizes differ need `batch_size` 1.

    Returns:
        the evaluation, and the first `keep` predictions [keep,1,H,W] as they left the network, on the CPU.
    Raises:
        ValueError: no image of the dataset has a valid pixel.
    """
    model.to(device).eval()
    out = Evaluation(protocol.name, [], {name: [] for name in protocol.metrics}, [], [], protocol.reduction)
    kept: list[Tensor] = []
    inputs = getattr(model, "inputs", ("image",))
    for batch in DataLoader(dataset, batch_size=batch_size):
        views = (batch[name].to(device).contiguous(memory_format=torch.channels_last) for name in inputs)
        prediction = model(*views).float()
        target = batch.get("depth_true", batch["depth"]).to(device)
        valid = target > 0
        pixels = protocol.truth(target, valid)[1].sum(dim=(1, 2, 3))
        seen = pixels > 0
        out.skipped += [name for name, ok in zip(batch["name"], seen.tolist(), strict=True) if not ok]
        out.images += [name for name, ok in zip(batch["name"], seen.tolist(), strict=True) if ok]
        if seen.any():
            out.pixels += pixels[seen].tolist()
            for name, values in protocol.score(prediction[seen], target[seen], valid[seen]).items():
                out.metrics[name] += values.double().tolist()
        if len(kept) < keep:
            kept += list(prediction.cpu())
    if not out.images:
        raise ValueError(f"no image of {dataset!r} has a valid pixel under protocol {protocol.name!r}")
    predictions = torch.stack(kept[:keep]) if keep else torch.empty(0)
    return out, predictions
