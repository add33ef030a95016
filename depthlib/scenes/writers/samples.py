"""The samples that the writers take."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch.utils.data import Dataset

# A `SceneDataset`, or any sequence of such dictionaries.
Samples = Sequence[Mapping[str, Any]] | Dataset
Folder = str | os.PathLike[str]


def each(samples: Samples) -> Iterator[Mapping[str, Any]]:
    """The items in their order; raises ValueError if there is none."""
    if not len(samples):  # type: ignore[arg-type]
        raise ValueError("samples: found none, expected at least one item")
    return (samples[position] for position in range(len(samples)))  # type: ignore[index, arg-type]


def safe_name(sample: Mapping[str, Any]) -> str:
    """The sample's name as one part of a path: "rooms/val/000002" becomes "rooms-val-000002"."""
    return str(sample["name"]).replace("/", "-")
