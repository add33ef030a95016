"""The data sets of the mobile paper's recipes, made of scenes: stand-ins for NYUv2, Mannequin Challenge, ReDWeb, DIW,
Y3D.

| data | stands in for | frames | labels |
|---|---|---|---|
| rooms | NYUv2 | rooms | metres |
| mc | Mannequin Challenge | short rooms, a third of the labels missing | depth over its median |
| rw | ReDWeb | streets | inverted disparity in 8 bits, sky 255 |
| diw | DIW | long rooms; long streets with more thin structures | one pair per image |
| y3d | ReDWeb, DIW and Y3D, the teacher's | as diw, other scenes | as rw |

The training sets of the students and that of the teacher share no scene, except that mc and rooms are the same rooms,
as short and as long as each of the two sets has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from depthlib.base.build import Build
from depthlib.scenes.variants import Frames, OrdinalFrames, RelativeFrames, ScaleFreeFrames

WILD: dict[str, dict[str, Any]] = {"rooms": {"depth_tail": 2.0}, "streets": {"depth_tail": 2.0, "thin_structures": 2.0}}
# Families of scenes and their knobs.
FAMILIES: dict[str, dict[str, dict[str, Any]]] = {
    "rooms": {"rooms": {}},
    "mc": {"rooms": {"depth_tail": 0.25, "defect_share": 0.3}},
    "rw": {"streets": {}},
    "diw": WILD,
    "y3d": WILD,
}
FIRST = {"diw": 100_000, "y3d": 200_000}  # number of the first training scene; 0 for the others
KINDS = {"mc": ScaleFreeFrames, "rw": RelativeFrames, "diw": OrdinalFrames, "y3d": RelativeFrames}
Sizes = Mapping[str, Sequence[int]]


def frames(data: str, split: str, count: int, sizes: Sizes, size: Sequence[int]) -> Frames:
    """`count` frames of each family of a data set, with dense depth in metres.

    Args:
        sizes: family -> rows and columns of the rendered frames.
        size: rows and columns to which all frames are resized.
    """
    parts = [
        {
            "family": family,
            "first": FIRST.get(data, 0) if split == "train" else 0,
            "count": count,
            "height": sizes[family][0],
            "width": sizes[family][1],
            **knobs,
        }
        for family, knobs in FAMILIES[data].items()
    ]
    return Frames(parts, split, size)


def labelled(data: str, split: str, count: int, sizes: Sizes, size: Sequence[int], pairs: int = 1) -> Build:
    """The data set with the labels of the table above; see `frames`.

    Args:
        pairs: of an image of diw; DIW has one. In a test, with more WHDR has less noise.
    """
    inner = Build.of(frames, data=data, split=split, count=count, sizes=dict(sizes), size=list(size))
    if data not in KINDS:
        return inner
    return Build.of(KINDS[data], frames=inner, **({"pairs": pairs} if data == "diw" else {}))
