"""Which device to compute on."""

from __future__ import annotations

import torch


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA, then Apple's GPU, then the CPU. Raises ValueError for one that does not work here."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"device: {name!r} cannot be used here ({reason}); expected auto, cpu, cuda or mps") from error
    return device
