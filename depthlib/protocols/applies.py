"""Whether a protocol applies to a prediction: its unit, and what of the frame it shows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from depthlib.data.depth_png import depth_kind
from depthlib.data.errors import DataError
from depthlib.protocols.crops import CROPS, box
from depthlib.protocols.protocol import Protocol

# Unit of a prediction -> the scalings that make up for it, the first the most usual one.
FORGIVING = {
    "unscaled": ("median", "median_lower", "least_squares_scale", "least_squares", "nyu_zscore"),
    "relative": ("least_squares", "nyu_zscore"),
}


def check_unit(path: Path, protocol: Protocol) -> None:
    """Raise DataError for a prediction that `depthlib predict` wrote in a unit that the protocol does not forgive."""
    if path.suffix.lower() != ".png":
        return
    kind = depth_kind(path)
    if protocol.scaling not in FORGIVING.get(kind, (protocol.scaling,)):
        found = {"unscaled": "depth of unknown scale", "relative": "relative depth, without a unit"}[kind]
        wanted = (
            f"metres, or a protocol that fits it to the truth: "
            f"{protocol.name.partition('+')[0]}+scaling={FORGIVING[kind][0]}"
        )
        raise DataError(f"{path}: found {found}, expected {wanted}")


def covered(truth: Sequence[int], protocol: Protocol) -> tuple[int, int]:
    """Size of the part of a truth of the size `truth` that a prediction shows."""
    top, bottom, left, right = box(protocol.covers, *(protocol.size or truth))
    return bottom - top, right - left


def size_fault(prediction: tuple[int, ...], truth: tuple[int, ...], protocol: Protocol) -> str:
    """What was expected of a size that cannot be that of the whole truth; "" where it can.

    A crop stretched to the whole truth gives errors that look like any others.
    """
    if prediction == truth:
        return ""
    if prediction == truth[::-1]:
        return "it the same way up"
    crops = {}
    for name in CROPS if protocol.covers == "none" and protocol.size is None else ():
        with suppress(ValueError):  # a crop of frames of another size
            top, bottom, left, right = box(name, *truth)
            crops.setdefault((bottom - top, right - left), name)
    crop = crops.get(prediction)
    if crop is None:
        return ""
    return f"the whole frame: this is the size of its crop {crop}, so say what it covers, {protocol.name}+covers={crop}"
