"""The sets of the mobile paper's recipes, made of scenes: what stands in for NYUv2, Mannequin Challenge, ReDWeb, DIW and Y3D.

| data | stands in for | frames | labels |
|---|---|---|---|
| rooms | NYUv2 | rooms as they are | metres |
| mc | Mannequin Challenge | short rooms, a third of the labels missing | depth over its median |
| rw | ReDWeb | streets as they are | inverted disparity in 8 bits, sky 255 |
| diw | DIW | long rooms; long streets with more thin structures | one pair an image |
| y3d | ReDWeb, DIW and Y3D, the teacher's | as diw, other scenes | as rw |
| classes | ImageNet | rooms and streets as they are | classes, no depth |

A scene of diw is in no other training set: mc and rw come first in the numbering of their family, then diw; y3d has the rooms of mc, made
longer, and streets of its own. The trunk sees the first photographs of rooms and of rw, without depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depthlib.base.build import Build

PLAIN: dict[str, Any] = {}
SHORT = {"depth_tail": 0.25, "defect_share": 0.3}
WILD = {"rooms": {"depth_tail": 2.0}, "streets": {"depth_tail": 2.0, "thin_structures": 2.0}}
KINDS = {"mc": "ScaleFreeFrames", "rw": "RelativeFrames", "diw": "OrdinalFrames", "y3d": "RelativeFrames"}      # others: plain frames
Sizes = Mapping[str, tuple[int, int]]


def training_set(data: str, count: int, sizes: Sizes, size: tuple[int, int]) -> Build:
    """Of a name above. count: images with pairs; other sets have as many or fewer. sizes: of the rendered frames of each family."""
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
    """`count` scenes a family of the test split. pairs: of each image of diw, where DIW has one: 400 tell more than one."""
    parts = {
        "rooms": [("rooms", PLAIN, 0, count)],
        "mc": [("rooms", SHORT, 0, count)],
        "diw": [(family, knobs, 0, count) for family, knobs in WILD.items()],
    }
    return _set(data, _frames(parts[data], "test", sizes, size), {"pairs": pairs} if data == "diw" else {})


def _frames(parts: list[tuple[str, dict[str, Any], int, int]], split: str, sizes: Sizes, size: tuple[int, int]) -> Build:
    named = [
        {"family": family, "first": first, "count": count, "height": sizes[family][0], "width": sizes[family][1], **knobs}
        for family, knobs, first, count in parts
    ]
    return Build("depthlib.scenes.variants:Frames", {"parts": named, "split": split, "size": list(size)})


def _set(data: str, frames: Build, options: dict[str, Any]) -> Build:
    return Build(f"depthlib.scenes.variants:{KINDS[data]}", {"frames": frames, **options}) if data in KINDS else frames
