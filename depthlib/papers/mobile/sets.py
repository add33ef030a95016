"""The data sets of the mobile paper's recipes, made of scenes: stand-ins for NYUv2, Mannequin Challenge, ReDWeb, DIW,
Y3D.

| data | stands in for | frames | labels |
|---|---|---|---|
| rooms | NYUv2 | rooms | metres |
| mc | Mannequin Challenge | short rooms, a third of the labels missing | depth over its median |
| rw | ReDWeb | streets | inverted disparity in 8 bits, sky 255 |
| diw | DIW | long rooms; long streets with more thin structures | one pair per image |
| y3d | ReDWeb, DIW and Y3D, the teacher's | as diw, other scenes | as rw |
| classes | ImageNet | rooms and streets | classes, no depth |

No scene of diw is in another training set of the student: mc and rw take the first scenes of their family, diw the next
ones. y3d takes the rooms of mc, made longer, and streets of its own. The trunk sees the first images of rooms and of
rw, without depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depthlib.base.build import Build
from depthlib.scenes.variants import Frames, OrdinalFrames, RelativeFrames, ScaleFreeFrames

PLAIN: dict[str, Any] = {}
SHORT = {"depth_tail": 0.25, "defect_share": 0.3}
WILD = {"rooms": {"depth_tail": 2.0}, "streets": {"depth_tail": 2.0, "thin_structures": 2.0}}
# The others are plain `Frames`.
KINDS = {"mc": ScaleFreeFrames, "rw": RelativeFrames, "diw": OrdinalFrames, "y3d": RelativeFrames}
Sizes = Mapping[str, tuple[int, int]]
Part = tuple[str, dict[str, Any], int, int]  # family, knobs, first scene, number of scenes


def training_set(data: str, count: int, sizes: Sizes, size: tuple[int, int]) -> Build:
    """The training set of a name above.

    Args:
        count: images with pairs; other sets have as many or fewer.
        sizes: family -> rows and columns of the rendered frames.
        size: rows and columns to which all images are resized.
    """
    half = max(1, count // 2)
    parts = {
        "rooms": [("rooms", PLAIN, 0, count)],
        "mc": [("rooms", SHORT, 0, half)],
        "rw": [("streets", PLAIN, 0, half)],
        "diw": [(family, knobs, half, half) for family, knobs in WILD.items()],
        "y3d": [(family, knobs, {"rooms": 0, "streets": 2 * half}[family], half) for family, knobs in WILD.items()],
        "classes": [(family, PLAIN, 0, half) for family in WILD],
    }
    return _set(data, _frames(parts[data], "train", sizes, size), {})


def test_set(data: str, count: int, sizes: Sizes, size: tuple[int, int], pairs: int = 0) -> Build:
    """`count` test scenes per family. pairs: per image of diw; DIW has one, with more WHDR has less noise."""
    parts = {
        "rooms": [("rooms", PLAIN, 0, count)],
        "mc": [("rooms", SHORT, 0, count)],
        "diw": [(family, knobs, 0, count) for family, knobs in WILD.items()],
    }
    return _set(data, _frames(parts[data], "test", sizes, size), {"pairs": pairs} if data == "diw" else {})


def _frames(parts: list[Part], split: str, sizes: Sizes, size: tuple[int, int]) -> Build:
    named = [
        {
            "family": family,
            "first": first,
            "count": count,
            "height": sizes[family][0],
            "width": sizes[family][1],
            **knobs,
        }
        for family, knobs, first, count in parts
    ]
    return Build.of(Frames, parts=named, split=split, size=size)


def _set(data: str, frames: Build, options: dict[str, Any]) -> Build:
    return Build.of(KINDS[data], frames=frames, **options) if data in KINDS else frames
