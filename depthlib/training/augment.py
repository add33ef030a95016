"""The random changes that the fit loop makes to a batch; what they are is said in `depthlib.data.transforms`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from depthlib.data.transforms import ColourJitter, RandomFlip
from depthlib.data.transforms.draws import generator_of


def augment(
    batch: dict[str, Any], *, seed: int, step: int, flip: float, colour: float, positions: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Mirror single images with probability `flip`, then multiply brightness, contrast and saturation by factors in 1 +- `colour`.

    Args:
        batch: dictionary with `image` [B,3,H,W] in [0,1]; labels, intrinsics, poses and other views follow.
        seed, step: the draw is a function of these two and the place in the batch alone, so a resumed run repeats it.
        positions: the places of the images in the whole batch, if this is a share of it.
    Returns:
        A new dictionary; the given tensors are not changed.
    Raises:
        ValueError: a flip is asked for a stereo pair or for disparities (see `RandomFlip`).
    """
    batch = dict(batch)
    if flip <= 0 and colour <= 0:
        return batch
    each = [generator_of(seed, step, position) for position in positions or range(len(batch["image"]))]
    if flip > 0:
        batch = RandomFlip(flip)(batch, each)
    if colour > 0:
        factors = (1 - colour, 1 + colour)
        batch = ColourJitter(brightness=factors, contrast=factors, saturation=factors)(batch, each)
    return batch
