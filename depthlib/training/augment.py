"""Augmentation of a batch in the training loop; see `depthlib.data.transforms`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from depthlib.data.transforms import ColourJitter, RandomFlip
from depthlib.data.transforms.draws import generator_of


def augment(
    batch: dict[str, Any], *, seed: int, step: int, flip: float, colour: float, positions: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Flip each image with probability `flip`, then scale brightness, contrast, saturation by 1 +- `colour`.

    Args:
        batch: dictionary with `image` [B,3,H,W] in [0,1]; labels, intrinsics, poses and other views are changed alike.
        seed, step: the draws depend on these and the position in the batch alone, so a resumed run repeats them.
        positions: of the images in the whole batch, if `batch` is a share of it.
    Returns:
        a new dictionary; the given tensors are not changed.
    Raises:
        ValueError: `flip` is above 0 for a stereo pair or disparities (see `RandomFlip`).
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
