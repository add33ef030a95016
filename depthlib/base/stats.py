"""Confidence intervals and paired comparisons over seeds and images."""

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


@dataclass(frozen=True)
class Comparison:
    """The paired difference `a - b` of a metric.

    Attributes:
        difference: mean over seeds and images, with its bootstrap interval.
        p_value: two-sided: twice the smaller share of resampled differences on either side of zero.
        detectable: the smallest true difference found with 80 % power, (z_0.975 + z_0.8) standard errors.
        seeds, images: the size of the design.
    """

    difference: Interval
    p_value: float
    detectable: float
    seeds: int
    images: int


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
    return np.einsum("ds,si,di->d", seed_weight, values, image_weight)


def interval(values: np.ndarray, *, level: float = 0.95, draws: int = 4000, seed: int = 0) -> Interval:
    """Mean of [seeds, images] with a percentile bootstrap interval."""
    return _percentiles(values, bootstrap_means(values, draws=draws, seed=seed), level)


def _percentiles(values: np.ndarray, means: np.ndarray, level: float) -> Interval:
    tail = (1 - level) / 2
    return Interval(float(np.mean(values)), float(np.quantile(means, tail)), float(np.quantile(means, 1 - tail)))


def compare(a: np.ndarray, b: np.ndarray, *, level: float = 0.95, draws: int = 4000, seed: int = 0) -> Comparison:
    """Paired comparison of two methods on the same seeds and images.

    Args:
        a, b: [seeds, images]; row i of both comes from the same seed, column j from the same image.
    Raises:
        ValueError: the tables differ in shape.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"a, b: found shapes {a.shape} and {b.shape}, expected the same seeds and images")
    means = bootstrap_means(a - b, draws=draws, seed=seed)
    p = min(1.0, max(2 * min((means <= 0).mean(), (means >= 0).mean()), 2.0 / draws))
    detectable = (1.959964 + 0.841621) * means.std(ddof=1)
    return Comparison(_percentiles(a - b, means, level), float(p), float(detectable), *a.shape)


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down adjustment, which controls the family-wise error rate (Holm 1979)."""
    p, adjusted = np.asarray(p_values, dtype=np.float64), np.empty(len(p_values))
    order = np.argsort(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, np.arange(len(p), 0, -1) * p[order]))
    return adjusted.tolist()
