"""Compiling chains of small operations into one GPU kernel, to avoid launch and memory overhead."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

BACKEND = "inductor"
Function = TypeVar("Function", bound=Callable[..., Any])


def fused(function: Function) -> Function:
    """Compile a function for GPUs, for any sizes. It takes tensors, and functions and whole numbers that are built
    in; its steps never depend on the values of the tensors.

    On a CPU the function is not compiled: canonical frames do not depend on a compiler.
    """

    @functools.wraps(function)
    def call(*inputs: Any) -> Any:
        device = next(value.device.type for value in inputs if isinstance(value, Tensor))
        return (_compiled(function) if compiles_for(device) else function)(*inputs)

    return call  # type: ignore[return-value]


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled = torch.compile(function, dynamic=True, backend=BACKEND)
    # Constants are built in, instead of being arguments on the CPU. A function is compiled anew for another precision,
    # another function that it is given, and sizes of 1 or that happen to be equal: that can be more often than torch
    # puts up with otherwise.
    settings = torch._dynamo.config.patch(specialize_float=True, recompile_limit=32)

    def call(*inputs: Any) -> Any:
        with settings:
            return compiled(*inputs)

    return call


@functools.cache
def compiles_for(device: str) -> bool:
    """Whether functions are compiled on this kind of device: not on a CPU, and not where no compiler works."""
    if device == "cpu":
        return False
    try:
        torch.compile(torch.neg, dynamic=True, backend=BACKEND)(torch.ones(2, device=device))
    except Exception as problem:  # the compilers below torch.compile raise errors of many kinds
        reason = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        warnings.warn(
            f"torch.compile does not work for {device}, so scenes are rendered several times slower there: {reason}",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True
