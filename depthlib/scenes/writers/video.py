"""Scenes with a previous and a next view as short sequences of three frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def as_frames(sample: Mapping[str, Any]) -> list[tuple[Tensor, Tensor, Tensor]]:
    """(image, depth [1,H,W], T_world_camera [4,4] float64) of the views that the sample has, in their order in time.

    The world is the current camera's frame. Only the current view has depth; the others get 0 everywhere, no
    measurement, so such a sequence can be read with the views around the middle frame, not frame by frame.
    """
    frames = []
    for view in ("previous", "current", "next"):
        if view == "current":
            frames.append((sample["image"], sample["depth"], torch.eye(4, dtype=torch.float64)))
        elif view in sample:
            pose = torch.linalg.inv(sample[f"T_{view}_current"].double())
            frames.append((sample[view], torch.zeros_like(sample["depth"]), pose))
    return frames
