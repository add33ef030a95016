"""Training a network part by part: which parts move in a stage, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stage:
    """One stage of a schedule.

    Attributes:
        rates: part of the network -> its learning rate. A part that is not named is frozen: no gradient, and the statistics
            of its batch norms do not move.
        bypass: branches do not share features.
        terms: the terms of the attention-driven loss that the stage minimises.
    """

    name: str
    rates: Mapping[str, float] = field(default_factory=dict)
    bypass: bool = False
    terms: tuple[str, ...] = ("depth_aware", "joint_gradient", "semantic_focal")


def _schedule(last: float) -> tuple[Stage, ...]:
    return (
        # Untrained semantics would reach the depth through the sharing units, hence the bypass (spec dual_synergy, LD-10).
        Stage("depth", {"backbone": 1e-3, "depth": 1e-3}, bypass=True, terms=("depth_aware", "joint_gradient")),
        Stage("semantics", {"backbone": 1e-5, "semantics": 1e-3, "sharing": 1e-3}, terms=("semantic_focal",)),
        Stage("together", {"backbone": 1e-4, "depth": last, "semantics": last, "sharing": last}),
    )


# Look Deeper Sec. 4.1: Adam, rates a tenth every 20 epochs. Its last rate of 1e-2 is too much for Adam (LD-11): ours is 1e-3.
STAGES = _schedule(1e-3)
PAPER_STAGES = _schedule(1e-2)
