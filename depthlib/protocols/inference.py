"""The one inference loop: a trained network sees a data set once, and any number of measures read its predictions.

A measure has `begin(model, dataset)`, `update(batch, prediction)` and `compute() -> Evaluation`. It names the method of
the network that is called (`output`), the entries of a batch that it is called with (`inputs`) and the size of windows
(`window`); measures that agree in these three share each prediction.
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
Progress = Callable[[int, int], None]  # images done, images in all


@dataclass
class Evaluation:
    """What a measure found on one data set, image by image.

    Attributes:
        protocol: what was measured, in words or as the name of a protocol.
        images: name of each image that was scored.
        metrics: metric name -> one value an image.
        skipped: names of the images on which the measure is not defined, for example without a valid pixel.
        pixels: how many pixels of each image counted, where the measure counts pixels.
        tensors: pictures and maps that need the network and are stored with the scores, by name; on the CPU.
    """

    protocol: str
    images: list[str] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    pixels: list[int] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def add(self, name: str, values: Mapping[str, float] | None) -> None:
        """One more image; None where the measure is not defined on it."""
        if values is None:
            self.skipped.append(name)
            return
        self.images.append(name)
        for metric, value in values.items():
            self.metrics.setdefault(metric, []).append(value)

    def means(self) -> dict[str, float]:
        """Mean of each metric over the images."""
        return {name: sum(values) / len(values) for name, values in self.metrics.items()}


class Measure:
    """The base class of the measures, which collect into `found`. A measure can be used again: `begin` starts anew.

    Attributes:
        title: what is measured, in words or as the name of a protocol.
        metrics: names of metrics that the evaluation has even where every image was skipped.
        output: the method of the network that is called; "" for a measure of the network itself, made in `begin`.
        inputs: the entries of a batch that it is called with; None for those that the network names in its `inputs`.
        window: rows and columns of the windows that the network looks through, see `Windowed`; None for whole images.
    """

    title: str = ""
    metrics: Sequence[str] = ()
    output: str = "forward"
    inputs: Sequence[str] | None = None
    window: Sequence[int] | None = None
    found: Evaluation

    def begin(self, model: nn.Module, dataset: Dataset) -> None:
        """Called once, before the first batch, with the network on its device."""
        self.found = Evaluation(self.title, metrics={name: [] for name in self.metrics})

    def update(self, batch: Batch, prediction: Any) -> None:
        """Called with each batch and the network's output for it, which other measures read, too: change neither.

        The tensors of the batch are on the device, but for those in double precision, which not every device has.
        """

    def compute(self) -> Evaluation:
        """What was found. Raises ValueError where the measure needs at least one image and found none."""
        return self.found


@torch.no_grad()
def measure(
    model: nn.Module,
    dataset: Dataset,
    measures: Mapping[str, Measure],
    *,
    device: str | torch.device = "cpu",
    batch_size: int = 8,
    progress: Progress | None = None,
) -> dict[str, Evaluation]:
    """Apply `measures` to `model` on `dataset`, in evaluation mode; each prediction is made once for all that need it.

    Args:
        dataset: map-style; items are dictionaries with a `name`.
        measures: by name, each an object of its own.
        batch_size: images at once; fewer where neighbours differ in size.
        progress: called after each batch.

    Raises ValueError for a window with another output than "forward", and as the measures do.
    """
    model.to(device).eval()
    groups: dict[tuple, tuple[Callable[..., Any], list[Measure]]] = {}
    for one in measures.values():
        one.begin(model, dataset)
        if one.output:
            inputs = tuple(one.inputs or getattr(model, "inputs", ("image",)))
            key = (inputs, one.output, tuple(one.window or ()))
            groups.setdefault(key, (_predictor(model, one), []))[1].append(one)
    done = 0
    for batch in batches(dataset, batch_size) if groups else ():
        batch = {name: value.to(device) if _moves(value) else value for name, value in batch.items()}
        for (inputs, *_), (predict, users) in groups.items():
            prediction = predict(*(_channels_last(batch[name]) for name in inputs))
            for one in users:
                one.update(batch, prediction)
        done += len(batch["name"])
        if progress is not None:
            progress(done, len(dataset))
    return {name: one.compute() for name, one in measures.items()}


def batches(dataset: Dataset, batch_size: int) -> Iterator[Batch]:
    """The items in order, collated; a batch ends early where the next item has arrays of other shapes."""
    waiting: list[Batch] = []
    for index in range(len(dataset)):
        item = dataset[index]
        if waiting and (len(waiting) == batch_size or _shapes(item) != _shapes(waiting[0])):
            yield default_collate(waiting)
            waiting = []
        waiting.append(item)
    if waiting:
        yield default_collate(waiting)


def true_depth(batch: Batch) -> Tensor:
    """`depth_true` where the labels of a data set are defective, else `depth`: [B,1,H,W] metres, 0 where unknown."""
    return batch["depth_true"] if "depth_true" in batch else batch["depth"]


def _predictor(model: nn.Module, one: Measure) -> Callable[..., Any]:
    """What makes the predictions that a measure reads."""
    if one.window and one.output != "forward":
        raise ValueError(f"{type(one).__name__}: found a window with the output {one.output!r}, expected 'forward'")
    if one.output == "forward":  # the module itself, so that its hooks run
        return Windowed(model, one.window) if one.window else model
    return getattr(model, one.output)


def _moves(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype != torch.float64


def _channels_last(view: Tensor) -> Tensor:
    return view.contiguous(memory_format=torch.channels_last) if view.ndim == 4 else view


def _shapes(item: Batch) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in item.items() if hasattr(value, "shape")}
