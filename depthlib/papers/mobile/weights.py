"""The weights under loss rebalancing: where the mobile paper's claim weights-move says that they go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depthlib.runs.store import RunRecord

# name -> curve of a record
CURVES = {"ranking": "weight_ranking", "pixelwise": "weight_rmse", "pairwise": "weight_pairwise"}
PRINTED = {"ranking": 0.9, "pixelwise": 0.285, "pairwise": 0.1}  # Sec. 4.3.1; all three begin at 0.33
START = 1 / 3


def last_weights(records: Sequence[RunRecord]) -> dict[str, list[float]]:
    """Weights at the last step of a training with rebalancing: name of the loss -> one number per seed."""
    return {name: [record.result["curve"][key][-1] for record in records] for name, key in CURVES.items()}


def direction(ends: Sequence[float], start: float = START) -> str:
    """Whether a weight "rises" or "falls": all seeds end on that side of the start; else "differs between seeds"."""
    return "rises" if min(ends) > start else "falls" if max(ends) < start else "differs between seeds"
