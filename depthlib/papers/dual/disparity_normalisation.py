"""Normalisation of inverse depth, whose scale is arbitrary in learning from video (DDVO, Wang et al. 2018)."""

from __future__ import annotations

from torch import Tensor

TINY = 1e-7


def normalise_disparity(disparity: Tensor, *, reference: Tensor | None = None, level: float = 1.0) -> Tensor:
    """Inverse depth divided by its mean, so that shrinking the depth lowers no loss. Sec. 4.5, after Wang et al. 2018.

    Apply it before depth = 1 / disparity, so that warp, smoothness and features all use it. The translation is not
    scaled. (Multiplying the translation by the mean, as monodepth2 does with one of its pose networks, is equivalent:
    do not apply both.)

    Args:
        disparity: [B,1,H,W], inverse depth.
        reference: [B,F,H',W'], whose mean over everything but the batch is used; None for `disparity` itself: per image
            and per scale, as in GeoNet. DDVO uses the finest disparities of all frames of a sample, and level 10.
        level: the mean afterwards (exact without a reference).

    Returns:
        [B,1,H,W].

    Raises:
        TypeError: not floating tensors.
        ValueError: other shapes, or batch sizes that do not agree.
    """
    reference = disparity if reference is None else reference
    for name, tensor in (("disparity", disparity), ("reference", reference)):
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            found = getattr(tensor, "dtype", type(tensor).__name__)
            raise TypeError(f"{name}: found {found}, expected a floating tensor [B,1,H,W]")
    if disparity.ndim != 4 or disparity.shape[1] != 1 or reference.ndim != 4 or len(reference) != len(disparity):
        shapes = f"{list(disparity.shape)} and {list(reference.shape)}"
        raise ValueError(f"disparity, reference: found shapes {shapes}, expected [B,1,H,W] and [B,F,H,W]")
    return disparity * (level / (reference.mean(dim=(1, 2, 3), keepdim=True) + TINY))
