"""How the errors of the images become one number, and the interval of that number over the choice of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from depthlib.base.stats import Interval, bootstrap_means
from depthlib.metrics.benchmark import NOT_POOLED, ROOTS

REDUCTIONS = ("mean over images", "mean over images, roots last", "pooled pixels")


def check_reduction(reduction: str, metrics: Sequence[str]) -> None:
    """ValueError for an unknown reduction, or a metric that has no value over the pixels of all images."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {REDUCTIONS}")
    if reduction == "pooled pixels" and (unfit := [name for name in metrics if name in NOT_POOLED]):
        raise ValueError(f"metrics holds {', '.join(unfit)}, expected only such as can be pooled over all pixels")


def reduce(metric: str, values: Sequence[float], pixels: Sequence[int], reduction: str) -> float:
    """One number of the values of all images.

    Args:
        metric: its name; the square of a root mean square is what is averaged, but for "mean over images".
        values, pixels: error and number of measured pixels of each image.
        reduction: "mean over images"; "mean over images, roots last" (Chen 2016); "pooled pixels": as if all pixels of
            all images were one image (FCRN, Make3D).
    """
    power, weights = _parts(metric, pixels, reduction)
    return float(np.average(np.asarray(values, dtype=np.float64) ** power, weights=weights) ** (1 / power))


def reduced_interval(
    metric: str,
    values: Sequence[float],
    pixels: Sequence[int],
    reduction: str,
    *,
    level: float = 0.95,
    draws: int = 4000,
    seed: int = 0,
) -> Interval:
    """`reduce`, with the percentile bootstrap interval over images."""
    power, weights = _parts(metric, pixels, reduction)
    terms = weights * np.asarray(values, dtype=np.float64) ** power
    # The same seed and shape draw the same images for numerator and denominator.
    above, below = (bootstrap_means(row[None], draws=draws, seed=seed) for row in (terms, weights))
    resampled = (above / below) ** (1 / power)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(reduce(metric, values, pixels, reduction), float(low), float(high))


def _parts(metric: str, pixels: Sequence[int], reduction: str) -> tuple[int, np.ndarray]:
    check_reduction(reduction, (metric,))
    power = 2 if metric in ROOTS and reduction != "mean over images" else 1
    counts = np.asarray(pixels, dtype=np.float64)
    return power, counts if reduction == "pooled pixels" else np.ones_like(counts)
