"""A manifest in which every field is used, and files that fit it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from depthlib.data.manifest import Manifest, load_manifest

LIST = b"city/a 5 l\ncity/a 6 r\ncity/b 5 l\n"


def example() -> dict[str, Any]:
    """A manifest of a made-up set in the style of KITTI, as YAML would give it."""
    return {
        "name": "example",
        "title": "Example",
        "what": "Two drives.",
        "citation": "Nobody, 2000.",
        "terms": {"licence": "CC0", "accept": False},
        "obtain": {"how": "Write it.", "where": "https://example.org"},
        "layout": {
            "image": {
                "paths": ["{drivepath}/image_{camera}/{frame:010d}.png", "{drivepath}/image_{camera}/{frame:010d}.jpg"],
                "what": "Colour.",
                "encoding": "colour",
            },
            "depth": {"paths": ["depth/{drivepath}/{frame:010d}.png"], "what": "Depth.", "encoding": "depth"},
        },
        "encodings": {
            "colour": {"format": "png", "dtype": "uint8", "unit": "colour", "channels": 3},
            "depth": {
                "format": "png",
                "dtype": "uint16",
                "unit": "metre",
                "scale": 256,
                "invalid": [0],
                "range": [1, 100],
            },
        },
        "intrinsics": [{"what": "camera", "fx": 700, "fy": 700, "cx": 10, "cy": 5}],
        "baseline": {"metres": 0.54},
        "splits": {
            "train": {
                "list": "lists/train.txt",
                "lines": 3,
                "sha256": hashlib.sha256(LIST).hexdigest(),
                "source": "the test",
                "entry": "drivepath frame camera",
                "needs": ["image", "depth"],
                "values": {"camera": {"l": "02", "r": "03"}},
            }
        },
        "traps": ["None."],
    }


def changed(where: str, value: Any) -> dict[str, Any]:
    """The example with one field set ("layout.image.encoding"), or removed where the value is ...."""
    document = part = example()
    *path, last = where.split(".")
    for step in path:
        part = part[step]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return document


def load(folder: Path, document: dict[str, Any]) -> Manifest:
    file = folder / "example.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return load_manifest(file)


def make_set(root: Path) -> None:
    """The files of the example, whole and plausible."""
    (root / "lists").mkdir(parents=True)
    (root / "lists/train.txt").write_bytes(LIST)
    for drive, frame, camera in (("city/a", 5, "02"), ("city/a", 6, "03"), ("city/b", 5, "02")):
        for file, array in (
            (root / f"{drive}/image_{camera}/{frame:010d}.png", np.full((5, 7, 3), 90, np.uint8)),
            (root / f"depth/{drive}/{frame:010d}.png", np.arange(35, dtype=np.uint16).reshape(5, 7) * 256),
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(file)
