"""Random numbers in double precision, the same every time."""

from __future__ import annotations

import torch
from torch import Tensor

F64 = torch.float64


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def as_map(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)[None, None]


def random_logits(classes: int = 5, height: int = 9, width: int = 10, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Scores, and labels of which some are missing."""
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(batch, classes, height, width, generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (batch, height, width), generator=generator)
    labels[:, 2:4, 1:3] = 255
    return logits, labels
