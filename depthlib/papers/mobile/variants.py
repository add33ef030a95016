"""The rows of the mobile paper's tables as data: what tells their trainings apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from depthlib.papers.mobile.pruning import LONGER, PRUNED, SEARCHES

ENCODERS = (
    "shufflenet_v2",
    "mnasnet",
    "mobilenet_v2",
    "mobilenet_v3",
    "efficientnet_es",
    "efficientnet_b0",
    "ghostnet",
    "mixnet_m",
    "mixnet_s",
    "mobilenet_v1",
)
TABLE2 = ("efficientnet_es", "mixnet_m", "ghostnet", "mobilenet_v2")  # encoders that also have an FBNet decoder
LITE = "efficientnet_lite0"
FROM_IMAGENET = f"{LITE}-nnconv5-imagenet"
DESIGN = (
    *(f"{name}-nnconv5" for name in (*ENCODERS, LITE)),
    *(f"{name}-fbnet" for name in TABLE2),
    "mobilenet_v2-x112",
    FROM_IMAGENET,
)
EASY, HARD = {"order": "easy_to_hard"}, {"order": "hard_to_easy"}


@dataclass(frozen=True)
class Variant:
    """A row that is trained on ordinal pairs, or on an earlier data set of a chain.

    Attributes:
        data: the set. before: the variant whose network it starts from, if any.
        heads: number of intermediate predictions.
        terms: of Eq. 5, see `PairsAndTeacher`; other data sets have a single loss.
        rebalance, separate: see `PairsAndTeacher`; epochs and events are added.
        mtadam: whether this is the optimiser, whatever the plan of the others has.
    """

    data: str = "diw"
    before: str | None = None
    heads: int = 0
    terms: tuple[str, ...] = ("ranking",)
    rebalance: Mapping[str, Any] | None = None
    separate: bool = False
    mtadam: bool = False


KD = ("ranking", "rmse", "pairwise")
CHAINS = {
    "mc": Variant("mc"),
    "rw": Variant("rw"),
    "diw": Variant(),
    "mc-rw": Variant("rw", "mc"),
    "rw-diw": Variant(before="rw"),
    "mc-diw": Variant(before="mc"),
    "mc-rw-diw": Variant(before="mc-rw"),
}
# The same chain with intermediate heads in all three stages.
CHAINS |= {
    f"{name}-{heads}ip": replace(CHAINS[name], heads=heads, before=before and f"{before}-{heads}ip")
    for heads in (1, 2)
    for name, before in (("mc", None), ("mc-rw", "mc"), ("mc-rw-diw", "mc-rw"))
}
FINAL = Variant(heads=2, terms=KD)
TAUGHT = {
    "pi": Variant(terms=("rmse",)),
    "ranking-pi": Variant(terms=("ranking", "rmse")),
    "kd": Variant(terms=KD),
    "kd-gan": Variant(terms=(*KD, "holistic")),
    "kd-1ip": Variant(terms=KD, heads=1),
    "kd-2ip": FINAL,
    "mtadam": replace(FINAL, mtadam=True),
    "wi-easy-hard": replace(FINAL, rebalance=EASY | {"initialise": True}, separate=True),
    "easy-hard": replace(FINAL, rebalance=EASY),
    "hard-easy": replace(FINAL, rebalance=HARD),
    "wi-fip": replace(FINAL, rebalance=EASY | {"initialise": True}),
    "no-fip": replace(FINAL, rebalance=HARD, separate=True),
}
VARIANTS = CHAINS | TAUGHT
OTHERS = {"teacher": "y3d", "hourglass": "diw"}  # variant -> its data
DATA = {**dict.fromkeys(DESIGN, "rooms"), **{name: variant.data for name, variant in VARIANTS.items()}, **OTHERS}
DATA |= dict.fromkeys((*SEARCHES, *PRUNED, LONGER), "diw")
