"""The object classes of both families, and how the 13 of NYU map to its 4."""

from __future__ import annotations

ROOM_CLASSES = (
    "bed",
    "books",
    "ceiling",
    "chair",
    "floor",
    "furniture",
    "objects",
    "painting",
    "sofa",
    "table",
    "tv",
    "wall",
    "window",
)
STREET_CLASSES = ("road", "walk", "building", "vegetation", "pole", "vehicle", "person", "sky")
CLASSES = {"rooms": ROOM_CLASSES, "streets": STREET_CLASSES}

NYU4_CLASSES = ("floor", "structure", "furniture", "props")
NYU4_OF_NYU13 = {
    "bed": "furniture",
    "books": "props",
    "ceiling": "structure",
    "chair": "furniture",
    "floor": "floor",
    "furniture": "furniture",
    "objects": "props",
    "painting": "props",
    "sofa": "furniture",
    "table": "furniture",
    "tv": "props",
    "wall": "structure",
    "window": "structure",
}
# Position i holds the 4-class id of 13-class id i: `torch.tensor(NYU13_TO_NYU4)[semantics]` maps a whole label image.
NYU13_TO_NYU4 = tuple(NYU4_CLASSES.index(NYU4_OF_NYU13[name]) for name in ROOM_CLASSES)

SKY = STREET_CLASSES.index("sky")


def class_id(family: str, name: str) -> int:
    """Position of a class in the family's list; raises ValueError for a name that is not there."""
    if name not in CLASSES[family]:
        raise ValueError(f"name: found {name!r}, expected one of {', '.join(CLASSES[family])}")
    return CLASSES[family].index(name)
