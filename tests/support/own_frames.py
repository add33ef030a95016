"""Frames of one's own, described by a manifest alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from depthlib.data.manifest import Manifest, load_manifest


def write_manifest(folder: Path, loader: str | None) -> Path:
    file = folder / "made.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "name": "made",
                "title": "Made",
                "what": "Nothing.",
                "citation": "Nobody.",
                "terms": {"licence": "CC0", "accept": False},
                "obtain": {"how": "Write it.", "where": "https://example.org"},
                "loader": loader,
                "layout": {
                    "image": {"paths": ["rgb/{frame}.png", "rgb/{frame}.jpg"], "what": "Colour."},
                    "depth": {"paths": ["depth/{frame}.png"], "what": "Depth.", "encoding": "depth"},
                },
                "encodings": {
                    "depth": {
                        "format": "png",
                        "dtype": "uint16",
                        "unit": "metre",
                        "scale": 1000,
                        "invalid": [0, 65535],
                        "along": "z",
                        "range": [0.5, 20],
                    }
                },
                "intrinsics": [{"what": "camera", "fx": 50, "fy": 51, "cx": 6, "cy": 4}],
            }
        )
    )
    return file


def frames_manifest(folder: Path, **more: Any) -> Manifest:
    """A set of single frames, as somebody describes own ones."""
    document = {
        "name": "own",
        "title": "Own",
        "what": "Frames.",
        "citation": "None.",
        "terms": {"licence": "CC0", "accept": False},
        "obtain": {"how": "Take them.", "where": "here"},
        "encodings": {"depth": {"format": "png", "dtype": "uint16", "unit": "metre", "scale": 256, "invalid": [0]}},
        "layout": {
            "image": {"paths": ["rgb/{name}.png"], "what": "Colour."},
            "depth": {"paths": ["depth/{name}.png"], "what": "Depth.", "encoding": "depth"},
            **more.pop("layout", {}),
        },
        **more,
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(document))
    manifest = load_manifest(folder / "own.yaml")
    assert isinstance(manifest, Manifest)
    return manifest


def make_frames(root: Path, images: int = 3, depths: int = 3) -> Path:
    for kind, count, array in (
        ("rgb", images, np.full((60, 80, 3), 90, np.uint8)),
        ("depth", depths, np.full((60, 80), 512, np.uint16)),
    ):
        (root / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(array).save(root / kind / f"{number}.png")
    return root
