"""Work on a few rows at a time: on a CPU all that is computed from them stays in its cache. A GPU takes all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_NUMBERS = 2**14  # in a block on a CPU


def _length(device: torch.device, count: int, width: int) -> int:
    """Rows of `width` numbers in a block, of `count`."""
    return max(1, _NUMBERS // width if device.type == "cpu" else count)


def pieces(rows: Tensor, width: int = 1) -> tuple[Tensor, ...]:
    """[n] cut into blocks, where each number stands for a row of `width` numbers. None where n is 0."""
    return rows.split(_length(rows.device, len(rows), width)) if len(rows) else ()


def in_blocks(function: Callable[..., Sequence[Tensor]], *tensors: Tensor) -> tuple[Tensor, ...]:
    """Apply a function of rows, which returns several tensors of as many rows, to one block after another."""
    count = len(tensors[0])
    size = _length(tensors[0].device, count, tensors[0].shape[-1])
    found: tuple[Tensor, ...] = ()
    for start in range(0, count, size):
        some = function(*(values[start : start + size] for values in tensors))
        found = found or tuple(one.new_empty(count, *one.shape[1:]) for one in some)
        for values, one in zip(found, some, strict=True):
            values[start : start + size] = one
    return found
