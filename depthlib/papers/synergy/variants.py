"""The rows of Look Deeper as data: what tells their trainings apart, and the stages that lead to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from depthlib.runs.spec import RunSpec

BERHU, AWARE = {"berhu": 1.0}, {"depth_aware": 1.0}
# 1/8 undoes the gain of the Sobel kernels; at the paper's 1 the gradient term dominates a short run (erratum LD-15).
EDGES = AWARE | {"joint_gradient": 1 / 8}
ENTROPY, FOCAL = {"cross_entropy": 1.0}, {"semantic_focal": 1.0}


@dataclass(frozen=True)
class Variant:
    """A row.

    Attributes:
        network: options of the network.
        depth, classes: terms of the loss on the depth and on the classes, with their weights.
        first, second: the variant whose first, and whose second stage the row continues from; None for its own.
        balanced: see `StagedTask`.
        edges: weight of L_g(d, s) in the joint gradient loss, see `joint_gradient_loss`.
    """

    network: Mapping[str, Any]
    depth: Mapping[str, float] = field(default_factory=dict)
    classes: Mapping[str, float] = field(default_factory=dict)
    first: str | None = None
    second: str | None = None
    balanced: bool = False
    edges: float = 0.1


ALONE = {"classes": 0, "sharing": "none"}
FOUR, THIRTEEN, LABELS = {"classes": 4}, {"classes": 13}, {"classes": 13, "depth": False, "sharing": "none"}
LSU = {"sharing": "lsu"}
ABROAD = Variant({"classes": 8} | LSU, EDGES, FOCAL)
VARIANTS = {
    "depth": Variant(ALONE | {"skips": False}, BERHU),
    "suc": Variant(ALONE, BERHU),
    "suc-da": Variant(ALONE, AWARE),
    "sem": Variant(FOUR | {"sharing": "none"}, AWARE, ENTROPY, "suc-da"),
    "cs": Variant(FOUR | {"sharing": "cross_stitch"}, AWARE, ENTROPY, "suc-da"),
    "lsu": Variant(FOUR | LSU, AWARE, ENTROPY, "suc-da"),
    "proposed": Variant(FOUR | LSU, EDGES, FOCAL),
    "proposed-13": Variant(THIRTEEN | LSU, EDGES, FOCAL, "proposed"),
    "laina": Variant(ALONE | {"skips": False, "up": "projection"}, BERHU),
    "laina-sem": Variant(FOUR | {"sharing": "none", "skips": False, "up": "projection"}, BERHU, ENTROPY, "laina"),
    "classes": Variant(LABELS, {}, ENTROPY),
    "classes-focal": Variant(LABELS, {}, FOCAL),
    "classes-balanced": Variant(LABELS, {}, FOCAL, balanced=True),
    "lsu-no-identity": Variant(FOUR | {"sharing": "lsu_without_identity"}, AWARE, ENTROPY, "suc-da"),
    "suc-concat": Variant(ALONE | {"skips": "concat"}, BERHU),
    # Half the pull of L_g(d, ground truth), whose unit is that of depth / largest depth, 10 m.
    "proposed-edges": Variant(FOUR | LSU, EDGES, FOCAL, "proposed", "proposed", edges=5.0),
    "outdoors": ABROAD,
    "outdoors-scratch": ABROAD,
}


def place(spec: RunSpec) -> tuple[str, int, RunSpec | None]:
    """The row that a run belongs to, the number of its stage, and the run of the stage before.

    Raises ValueError for an unknown variant.
    """
    name, _, stage = spec.variant.partition("-stage")
    chain = stages_of(name)
    if spec.variant not in chain:
        known = ", ".join(VARIANTS)
        raise ValueError(f"unknown variant {spec.variant!r}: expected one of {known}, or a stage before its last")
    position = chain.index(spec.variant)
    return name, int(stage or 3), replace(spec, variant=chain[position - 1]) if position else None


def stages_of(name: str) -> tuple[str, ...]:
    """The variants of the runs that lead to `name` on one data set, itself last; empty for an unknown name.

    Without a branch for classes there is no second stage, without one for depth no first.
    """
    if name not in VARIANTS:
        return ()
    variant = VARIANTS[name]
    if variant is ABROAD:
        return (name,)
    first = (f"{variant.first or name}-stage1",) if variant.depth else ()
    second = (f"{variant.second or name}-stage2",) if variant.classes else ()
    return (*first, *second, name)
