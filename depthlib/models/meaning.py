"""What the numbers of a trained network mean, told from the run that its file of weights names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Meaning:
    """The unit of a network's output: "metre", "unscaled" (up to a factor), or "relative" (up to factor and shift)."""

    unit: Literal["metre", "unscaled", "relative"]
    words: str


METRES = Meaning("metre", "depth in metres")
UNSCALED = Meaning("unscaled", "depth up to a scale, larger = farther")
RELATIVE = Meaning("relative", "relative depth without a unit, larger = farther; may be negative")
BY_PAPER = {"mobile": RELATIVE, "dual": UNSCALED}  # the other papers' networks predict metres
BY_UNIT = {meaning.unit: meaning for meaning in (METRES, UNSCALED, RELATIVE)}


def meaning_of(info: Mapping[str, Any]) -> Meaning:
    """The meaning of a network's output, by the metadata of its weights: the unit that they name, or what their run
    trains; without either, what `create_model` promises.
    """
    if info.get("unit") in BY_UNIT:
        return BY_UNIT[info["unit"]]
    spec = info.get("spec") or {}
    if not spec:
        return Meaning(
            "metre", "depth, larger = farther; in metres if the network keeps the contract of depthlib.models"
        )
    return METRES if spec.get("data") == "rooms" else BY_PAPER.get(spec.get("paper", ""), METRES)
