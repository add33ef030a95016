"""Several questions at once: Holm's procedure, with questions that are asked only after another one.

statsmodels and scipy adjust p-values of questions that are all asked at once; neither knows one that hangs on another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Adjusted:
    """One question of a family.

    Attributes:
        p: adjusted: at most the level if and only if the question is decided.
        share: of the level, at which the question is asked in the end, or was when it was decided; 0 for one whose turn
            does not come.
    """

    p: float
    share: float


def holm(
    p_values: Sequence[float], after: Sequence[int | None] | None = None, *, level: float = 0.05
) -> list[Adjusted]:
    """Adjusted p-values of a family, which hold the probability of any false decision at the level (Holm 1979).

    A question that hangs on another one costs nothing until that one is decided; then it takes over its share of the
    level (with others that hang on it, in equal parts). All other shares are spread over what is left, in proportion.
    Shares depend on what has been decided alone, and never shrink, so the level holds (Bretz et al. 2009).

    Args:
        p_values: of the questions, taken one by one. after: for each the position of the one it hangs on, or None.
        level: by it the shares stop moving; the adjusted p-values do not depend on it.
    Raises:
        ValueError: lists of different length, or questions that hang on each other in a circle.
    """
    after = [None] * len(p_values) if after is None else list(after)
    if len(after) != len(p_values):
        raise ValueError(f"after: found {len(after)} entries, expected {len(p_values)}, one a question")
    below = {i: [j for j, parent in enumerate(after) if parent == i] for i in range(len(after))}
    asked = [i for i, parent in enumerate(after) if parent is None]
    weight = dict.fromkeys(asked, 1.0)
    adjusted, final = {}, dict.fromkeys(range(len(after)), 0.0)
    highest, stopped = 0.0, False
    while asked:
        total = sum(weight[i] for i in asked)
        shares = {i: weight[i] / total for i in asked}
        first = min(asked, key=lambda i: p_values[i] / shares[i])
        adjusted[first] = highest = max(highest, min(1.0, p_values[first] / shares[first]))
        if not stopped:
            stopped = highest > level
            final |= shares if stopped else {first: shares[first]}
        asked.remove(first)
        weight |= {child: weight[first] / len(below[first]) for child in below[first]}
        asked += below[first]
    if len(adjusted) < len(after):
        raise ValueError("after: found questions that hang on each other in a circle")
    return [Adjusted(adjusted[i], final[i]) for i in range(len(after))]
