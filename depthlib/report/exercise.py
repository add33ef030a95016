"""Exercises that are checked, and that name the mistake.

An exercise holds the right function and the functions that people write by mistake. A learner's answer is compared with
all of them on random inputs: if it equals a known mistake, the hint says which one it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Exercise:
    """A function to write.

    Attributes:
        right: what it should compute.
        cases: makes the arguments of one call from a random generator.
        mistakes: hint -> the function that somebody writes who needs this hint.
    """

    right: Callable[..., Any]
    cases: Callable[[torch.Generator], tuple]
    mistakes: dict[str, Callable[..., Any]]

    def check(self, answer: Callable[..., Any], *, repetitions: int = 3) -> str:
        """What is right or wrong with `answer`, in one sentence. Never raises on a wrong answer."""
        generator = torch.Generator().manual_seed(0)
        for _ in range(repetitions):
            case = self.cases(generator)
            expected = self.right(*case)
            handed = [x.clone() if isinstance(x, Tensor) else x for x in case]
            try:
                given = answer(*handed)
            except NotImplementedError:
                return "Not done yet."
            except Exception as error:  # a learner's code may raise anything; the lesson goes on
                return f"Your function stops with {type(error).__name__}: {error}"
            if any(isinstance(x, Tensor) and not _same(x, y, 0, 0) for x, y in zip(case, handed, strict=True)):
                return "You changed your input: work on a copy."
            if given is None or given is Ellipsis:
                return "Not done yet."
            if not isinstance(given, Tensor) or given.shape != expected.shape:
                found = f"shape {list(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
                return f"Expected a tensor of shape {list(expected.shape)}, got {found}."
            if not _same(given, expected):
                for hint, wrong in self.mistakes.items():
                    if _same(given, wrong(*case)):
                        return f"Not yet: {hint}"
                return f"Not yet: expected {_short(expected)}, got {_short(given)}."
        return "Right."


def _same(a: Tensor, b: Tensor, rtol: float = 1e-4, atol: float = 1e-6) -> bool:
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=rtol, atol=atol, equal_nan=True)


def _short(x: Tensor) -> str:
    return ", ".join(f"{v:.4f}" for v in x.flatten()[:4].tolist())
