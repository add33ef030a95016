"""Choice of the device."""

from __future__ import annotations

import torch


def pick_device(name: str = "auto") -> torch.device:
    """The named device; "auto": CUDA, else Apple's GPU, else the CPU. Raises ValueError if it is not available."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"device: found {name!r} ({reason}), expected an available one, or auto") from error
    return device
