"""Where training starts: the heads of a network at the median of the labels."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import Dataset

MOST_ITEMS = 512  # of a large set; the median of so many does not move any more


def start_at_median(model: nn.Module, dataset: Dataset) -> float:
    """Let each head for depth or disparity start at the median of the valid labels, which is returned, in metres.

    Without it the first steps, at the highest learning rates, are spent on the mean depth. It is for networks that
    learn metres from labels in metres: relative depth, which ordinal labels teach, has no such place to start from. A
    network that goes on from an earlier training would lose what its heads have learned.

    Raises:
        ValueError: the network has no head with `start_at`, labels are not in metres or none is valid, or the median
            lies outside a head's bounds.
    """
    heads = [module for module in model.modules() if hasattr(module, "start_at")]
    if not heads:
        raise ValueError(f"model: found {type(model).__name__} without a head that can start at a depth, expected one")
    median = median_depth(dataset)
    for head in heads:
        head.start_at(median)
    return median


def median_depth(dataset: Dataset) -> float:
    """Median of the valid depths of a data set, in metres; of `MOST_ITEMS` items, evenly spaced, of a larger one.

    Raises ValueError when items have no depth in metres, or no pixel is valid.
    """
    count = len(dataset)  # type: ignore[arg-type]
    chosen = torch.linspace(0, count - 1, min(count, MOST_ITEMS)).round().long().unique().tolist() if count else []
    depths = []
    for item in (dataset[i] for i in chosen):
        if "depth" not in item:
            raise ValueError(
                f"depth: found items with {', '.join(item)}, expected labels in metres, whose median it is"
            )
        depths.append(item["depth"][item["valid"] & (item["depth"] > 0)])
    if not any(depth.numel() for depth in depths):
        raise ValueError("depth: found no valid label in the training data, expected at least one")
    return torch.cat(depths).median().item()
