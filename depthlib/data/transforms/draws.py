"""Random numbers of transforms: one generator per image, so that a draw does not depend on the batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Generators = torch.Generator | Sequence[torch.Generator] | None
Draw = Callable[[int], Tensor]


def generator_of(seed: int, step: int, position: int) -> torch.Generator:
    """The generator of an image: a function of these three numbers alone, so a resumed run repeats it.

    Args:
        seed: of the run. step: which draw of the run it is. position: of the image, in its batch or in its set.

    Raises:
        TypeError: not whole numbers.
    """
    for name, value in (("seed", seed), ("step", step), ("position", position)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name}: found {value!r}, expected a whole number")
    # Hashed: a sum would give different images of neighbouring steps the same draw.
    digest = hashlib.sha256(f"transforms {seed} {step} {position}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") % 2**63)


def generators(seed: int, step: int, count: int) -> list[torch.Generator]:
    """Generators of a batch: `generator_of(seed, step, i)` for its images i = 0 to count - 1."""
    return [generator_of(seed, step, position) for position in range(count)]


def draws(source: Generators, count: int) -> Draw:
    """A function that gives [count, n] float64 numbers in [0, 1) on the CPU, a row from each image's generator.

    With one generator for a batch the images draw in turn.

    Raises (the function):
        ValueError: no generator, not one for each image, or one that is not on the CPU.
    """

    def draw(n: int) -> Tensor:
        if source is None:
            raise ValueError(
                "generator: found None, expected a torch.Generator, or one for each image, for a random transform"
            )
        each = [source] * count if isinstance(source, torch.Generator) else list(source)
        if len(each) != count:
            raise ValueError(f"generator: found {len(each)} generators, expected one for each of the {count} images")
        if any(generator.device.type != "cpu" for generator in each):
            raise ValueError(
                "generator: found one that is not on the CPU, expected CPU generators: the same draw on any device"
            )
        return torch.stack([torch.rand(n, generator=generator, dtype=torch.float64) for generator in each])

    return draw


def between(draw: Tensor, low: float, high: float) -> Tensor:
    """Numbers in [0, 1) spread over [low, high)."""
    return low + (high - low) * draw
