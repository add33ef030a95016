"""The training schedule of Look Deeper: which parts of the network a stage trains, and at which learning rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stage:
    """One stage of a schedule.

    Attributes:
        rates: part of the network -> its learning rate. A part that is not named is frozen: no gradient, and the
            statistics of its batch norms do not change.
        bypass: the branches do not share features.
    """

    name: str
    rates: Mapping[str, float] = field(default_factory=dict)
    bypass: bool = False


# Look Deeper Sec. 4.1: Adam, rates divided by 10 every 20 epochs.
STAGES = (
    # Without the bypass the untrained semantic branch would reach the depth through the sharing units (erratum LD-10).
    Stage("depth", {"backbone": 1e-3, "depth": 1e-3}, bypass=True),
    Stage("semantics", {"backbone": 1e-5, "semantics": 1e-3, "sharing": 1e-3}),
    # The paper's 1e-2 is too high for Adam (erratum LD-11).
    Stage("together", {"backbone": 1e-4, "depth": 1e-3, "semantics": 1e-3, "sharing": 1e-3}),
)
