"""Augmentation of a batch in the training loop; see `depthlib.data.transforms`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from depthlib.data.transforms import ColourJitter, RandomFlip
from depthlib.data.transforms.draws import generator_of


def augment(
    batch: dict[str, Any],
    *,
    seed: int,
    step: int,
    flip: float,
    colour: float,
    colour_share: float = 1.0,
    positions: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Flip each image with probability `flip`; scale brightness, contrast, saturation of a share by 1 +- `colour`.

    Args:
        batch: dictionary with `image` [B,3,H,W] in [0,1]; labels, intrinsics, poses and other views are changed alike.
        seed, step: the draws depend on these and the position in the batch alone, so a resumed run repeats them.
        colour_share: probability that an image is coloured at all.
        positions: of the images in the whole batch, if `batch` is a share of it.
    Returns:
        a new dictionary; the given tensors are not changed.
    Raises:
        ValueError: `flip` above 0 for a stereo pair or disparities (see `RandomFlip`); `colour_share` outside 0 to 1.
    """
    batch = dict(batch)
    if flip <= 0 and colour <= 0:
        return batch
    each = [generator_of(seed, step, position) for position in positions or range(len(batch["image"]))]
    if flip > 0:
        batch = RandomFlip(flip)(batch, each)
    if colour > 0:
        factors = (1 - colour, 1 + colour)
        batch = ColourJitter(brightness=factors, contrast=factors, saturation=factors, p=colour_share)(batch, each)
    return batch
