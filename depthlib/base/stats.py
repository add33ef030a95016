"""An estimate with its interval; the hierarchical bootstrap over seeds and images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its confidence interval."""

    mean: float
    low: float
    high: float


def bootstrap_means(values: np.ndarray, *, draws: int = 4000, seed: int = 0) -> np.ndarray:
    """Hierarchical bootstrap: resample the seeds, then the images, which all seeds share.

    Resampling S seeds underestimates the variance of their mean by (S - 1) / S, a half with two seeds. So the
    deviations of the seeds' means from the grand mean are first scaled by sqrt(S / (S - 1)), which removes the bias
    (Davison and Hinkley 1997, Sec. 3.8). With one seed only the images are resampled.

    Args:
        values: [seeds, images].
    Returns:
        [draws] means.
    Raises:
        ValueError: `values` is not a non-empty, finite table.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"values: found shape {list(values.shape)} or not finite, expected finite [seeds, images]")
    rng = np.random.default_rng(seed)
    seeds, images = values.shape
    if seeds > 1:
        values = values + (math.sqrt(seeds / (seeds - 1)) - 1) * (values.mean(axis=1, keepdims=True) - values.mean())
    picked_seeds = rng.integers(seeds, size=(draws, seeds))
    picked_images = rng.integers(images, size=(draws, images))
    seed_weight = np.stack([(picked_seeds == s).mean(axis=1) for s in range(seeds)], axis=1)
    image_weight = np.zeros((draws, images))
    np.add.at(image_weight, (np.arange(draws)[:, None], picked_images), 1.0 / images)
    means: np.ndarray = np.einsum("ds,si,di->d", seed_weight, values, image_weight)
    return means


def interval(values: np.ndarray, *, level: float = 0.95, draws: int = 4000, seed: int = 0) -> Interval:
    """Mean of [seeds, images] with a percentile bootstrap interval."""
    means, tail = bootstrap_means(values, draws=draws, seed=seed), (1 - level) / 2
    return Interval(float(np.mean(values)), float(np.quantile(means, tail)), float(np.quantile(means, 1 - tail)))
