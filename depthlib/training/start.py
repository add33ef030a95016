"""Where training starts: the heads of a network at the median of the labels."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import Dataset

MOST_ITEMS = 512                # of a large set; the median of so many does not move any more


def start_at_median(model: nn.Module, dataset: Dataset) -> float:
    """Set the bias of each depth or disparity head to the median of the valid labels, which it returns, in metres.

    Without it the first steps, at the highest learning rates, are spent on the mean depth.

    Raises:
        ValueError: the network has no head with `start_at`, no label is valid, or the median lies outside a head's bounds.
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

    Raises ValueError when no pixel is valid.
    """
    count = len(dataset)                    # type: ignore[arg-type]
    chosen = torch.linspace(0, count - 1, min(count, MOST_ITEMS)).round().long().unique().tolist() if count else []
    items = (dataset[i] for i in chosen)
    depths = [item["depth"][item["valid"] & (item["depth"] > 0)] for item in items]
    if not any(depth.numel() for depth in depths):
        raise ValueError("depth: found no valid label in the training data, expected at least one")
    return torch.cat(depths).median().item()
