"""A random number generator with the same stream on every machine and Python version."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A seeded stream of random numbers. `fork(name)` gives an independent stream, so that the number of draws in one
    part of a scene (a knob) does not change the rest. Uses only `random.Random.random`, whose stream Python guarantees.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._random = random.Random(seed).random

    def fork(self, name: object) -> Dice:
        return Dice(int.from_bytes(hashlib.sha256(f"{self.seed}/{name}".encode()).digest()[:8], "big"))

    def unit(self) -> float:
        return self._random()

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self._random()

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return low + int(self._random() * (high - low + 1))

    def choice(self, options: Sequence[T]) -> T:
        return options[int(self._random() * len(options))]

    def sign(self) -> float:
        return 1.0 if self._random() < 0.5 else -1.0

    def count(self, expected: float) -> int:
        """A whole number with mean `expected`, non-decreasing in `expected`."""
        return int(expected + self._random())

    def shuffled(self, options: Sequence[T]) -> list[T]:
        keys = [self._random() for _ in options]
        return [options[i] for i in sorted(range(len(options)), key=keys.__getitem__)]
