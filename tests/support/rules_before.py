"""The rule that verdicts followed at commit a05edcc, for comparison: two seeds, bootstrap, spread pooled over methods.

The interval is the wider of the hierarchical bootstrap's over seeds and frames and of Student's t with the spread
between seeds pooled over all methods that were trained.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import t

from depthlib.base.stats import bootstrap_means


def decided_before(methods: np.ndarray, level: float = 0.05, draws: int = 200) -> list[bool]:
    """Whether the first method is told apart from each of the others. methods: errors [methods, seeds, frames]."""
    count, seeds, frames = methods.shape
    variance, degrees = methods.mean(axis=-1).var(axis=-1, ddof=1).mean(), count * (seeds - 1)
    found = []
    for other in methods[1:]:
        table = other - methods[0]
        means = bootstrap_means(table, draws=draws)
        error = np.sqrt(table.mean(axis=0).var(ddof=1) / frames + 2 * variance / seeds)
        half = t.isf(level / 2, degrees) * error
        low = min(np.quantile(means, level / 2), table.mean() - half)
        high = max(np.quantile(means, 1 - level / 2), table.mean() + half)
        found.append(bool(low > 0 or high < 0))
    return found
