"""One comparison with a peer: both sides on the same input, called in turns, with the agreement of their results."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor

from depthlib.bench import peak_bytes, seconds

Call = Callable[[], Any]
"""Computes the result; with a backward pass it returns the gradients, too."""


class Sides(NamedTuple):
    """The same work by this package and by a peer."""

    ours: Call
    peer: Call


@dataclass(frozen=True)
class Comparison:
    """Work that a peer does, too.

    Args:
        work: what is computed, on what.
        peer: against whom or what form.
        make: builds both sides for a device; its inputs are fixed by a seed.
        needs: the package of the peer; without it the comparison is skipped.
    """

    work: str
    peer: str
    make: Callable[[torch.device], Sides]
    needs: str | None = None

    @property
    def installed(self) -> bool:
        return self.needs is None or importlib.util.find_spec(self.needs) is not None


class Measured(NamedTuple):
    """Seconds of both sides, their ratio in each turn, peak bytes, and the largest relative difference of the
    results.
    """

    ours: list[float]
    peer: list[float]
    ours_bytes: int
    peer_bytes: int
    difference: float

    @property
    def ratios(self) -> list[float]:
        """Below 1: ours is faster."""
        return sorted(a / b for a, b in zip(self.ours, self.peer, strict=True))

    @property
    def ratio(self) -> float:
        return median(self.ratios)


def measure(comparison: Comparison, *, repeats: int, device: torch.device) -> Measured:
    """Call both sides in turns `repeats` times, after two calls that warm up, count the memory and compare the
    results.
    """
    ours, peer = comparison.make(device)
    difference = largest_difference(ours(), peer())
    memory = peak_bytes(ours, device), peak_bytes(peer, device)
    turns = [(seconds(ours, 1, device)[0], seconds(peer, 1, device)[0]) for _ in range(repeats)]
    return Measured([a for a, _ in turns], [b for _, b in turns], *memory, difference)


def largest_difference(ours: Any, peer: Any) -> float:
    """Largest |ours - peer| over all results, relative to the largest |peer| of each."""
    pairs = zip(flat(ours), flat(peer), strict=True)
    return max(((a - b).abs().max() / b.abs().max().clamp_min(1e-30)).item() for a, b in pairs)


def flat(results: Any) -> list[Tensor]:
    if isinstance(results, dict):
        return [item for value in results.values() for item in flat(value)]
    if isinstance(results, (list, tuple)):
        return [item for value in results for item in flat(value)]
    return [torch.as_tensor(results).detach().double().cpu()]
