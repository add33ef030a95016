"""The one inference loop: a finished network sees a data set once, and any number of measures look at what it says.

A measure is an object with `update(batch, prediction)` and `compute() -> Evaluation`. It says which method of the network it wants
to hear (`output`), from which entries of a batch (`inputs`) and through which windows (`window`); measures that want the same share
one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, default_collate

from depthlib.protocols.sliding_window import Windowed

Batch = dict[str, Any]
Progress = Callable[[int, int], None]       # images done, images in all


@dataclass
class Evaluation:
    """What a measure found on one data set, image by image.

    Attributes:
        protocol: what was measured, in words or as the name of a protocol.
        images: name of each image that was scored.
        metrics: metric name -> one value an image.
        skipped: names of the images on which the measure is not defined, for example without a valid pixel.
        pixels: how many pixels of each image counted, where the measure counts pixels.
        tensors: pictures and maps that need the network and are stored with the run, by name.
    """

    protocol: str
    images: list[str] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    pixels: list[int] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def add(self, name: str, values: Mapping[str, float]) -> None:
        """One more image."""
        self.images.append(name)
        for metric, value in values.items():
            self.metrics.setdefault(metric, []).append(value)

    def means(self) -> dict[str, float]:
        """Mean of each metric over the images."""
        return {name: sum(values) / len(values) for name, values in self.metrics.items()}


class Measure:
    """What the measures have in common; they collect into an `Evaluation` and return it.

    Attributes:
        output: the method of the network that is asked; "" for a measure that looks at the network itself, in `begin`.
        inputs: the entries of a batch that it is called with; None for those that the network names in its own `inputs`.
        window: rows and columns of overlapping windows that the network looks through (see `Windowed`); None for whole images.
    """

    output: str = "forward"
    inputs: tuple[str, ...] | None = None
    window: Sequence[int] | None = None

    def begin(self, model: nn.Module, dataset: Dataset) -> None:
        """Called once, before the first batch."""

    def update(self, batch: Batch, prediction: Any) -> None:
        """Look at a batch, whose tensors lie on the device, and at what the network said of it."""

    def compute(self) -> Evaluation:
        """What was found. Raises ValueError where no image could be measured."""
        raise NotImplementedError


@torch.no_grad()
def measure(
    model: nn.Module, dataset: Dataset, measures: Mapping[str, Measure], *, device: str | torch.device = "cpu", batch_size: int = 8,
    progress: Progress | None = None,
) -> dict[str, Evaluation]:
    """Let `measures` look at `model` on `dataset`, in evaluation mode. Each prediction is made once for all that ask for it.

    Args:
        batch_size: images at once; fewer where neighbours differ in size.
        progress: called after each batch.
    """
    model.to(device).eval()
    groups: dict[tuple, tuple[Callable[..., Any], tuple[str, ...], list[Measure]]] = {}
    for one in measures.values():
        one.begin(model, dataset)
        if one.output:
            seen = Windowed(model, one.window) if one.window else model
            names = one.inputs or getattr(model, "inputs", ("image",))
            key = (one.output, names, tuple(one.window or ()))
            groups.setdefault(key, (getattr(seen, one.output) if one.output != "forward" else seen, names, []))[2].append(one)
    done = 0
    for batch in batches(dataset, batch_size) if groups else ():
        batch = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in batch.items()}
        for ask, names, listeners in groups.values():
            prediction = ask(*(_laid_out(batch[name]) for name in names))
            for one in listeners:
                one.update(batch, prediction)
        done += len(batch["name"])
        if progress is not None:
            progress(done, len(dataset))
    return {name: one.compute() for name, one in measures.items()}


def batches(dataset: Dataset, batch_size: int) -> Iterator[Batch]:
    """The items in order, collated; a batch ends early where the next item has tensors of other shapes."""
    waiting: list[Batch] = []
    for index in range(len(dataset)):
        item = dataset[index]
        if waiting and (len(waiting) == batch_size or _shapes(item) != _shapes(waiting[0])):
            yield default_collate(waiting)
            waiting = []
        waiting.append(item)
    if waiting:
        yield default_collate(waiting)


def _shapes(item: Batch) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in item.items() if isinstance(value, Tensor)}


def _laid_out(view: Tensor) -> Tensor:
    return view.contiguous(memory_format=torch.channels_last) if view.ndim == 4 else view
