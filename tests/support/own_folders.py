"""Folders as users have them, written from the scenes, and a small network to go on from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from depthlib.data.depth_png import write_depth_png
from depthlib.models import create_model
from depthlib.models.weights import save_weights
from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes.writers.pictures import save_picture

SIZE = (48, 64)


def scenes(count: int, *, family: str = "rooms", views: tuple[str, ...] = ("current",)) -> SceneDataset:
    distribution = SceneDistribution(family, height=SIZE[0], width=SIZE[1], antialias=1)
    return SceneDataset(distribution, "train", count, views=views, cache=False)


def labelled(root: Path, items: Iterable[dict[str, Any]], *, scale: float = 1000.0) -> Path:
    """images/ with depth/ whose PNGs say what their numbers mean."""
    for number, item in enumerate(items):
        save_picture(root / f"images/{number:03d}.png", item["image"])
        write_depth_png(root / f"depth/{number:03d}.png", item["depth"], scale)
    return root


def without_unit(path: Path) -> None:
    """As another program writes it."""
    Image.fromarray(np.asarray(Image.open(path))).save(path)


def video(root: Path, items: Iterable[dict[str, Any]]) -> Path:
    """A folder a scene with its three frames, and the camera of all."""
    for number, item in enumerate(items):
        for order, view in enumerate(("previous", "image", "next")):
            save_picture(root / f"scene{number:02d}/{order}.png", item[view])
        np.savetxt(root / "K.txt", item["K"].numpy())
    return root


def stereo(root: Path, items: Iterable[dict[str, Any]]) -> float:
    """left/ and right/; returns baseline times focal length."""
    for number, item in enumerate(items):
        for side, view in (("left", "image"), ("right", "right")):
            save_picture(root / f"{side}/{number:03d}.png", item[view])
    return float(item["K"][0, 0] * item["baseline"])


def start(path: Path, *, low: float = 0.3, high: float = 10.0) -> Path:
    """A narrow U-Net with random weights."""
    torch.manual_seed(0)
    options = {"width": 4, "activation": "log", "min_depth": low, "max_depth": high}
    save_weights(create_model("unet", **options), path, model_name="unet", options=options, input_size=list(SIZE))
    return path


MANIFEST = """
name: {name}
title: Frames from our laboratory
what: Rooms, seen by our camera.
citation: none yet
terms: {{licence: our own, accept: false}}
obtain: {{how: Ask us., where: the cupboard}}
layout:
  image: {{paths: ["colour/{{frame:03d}}.png"], what: Photographs., encoding: colour}}
  depth: {{paths: ["maps/{{frame:03d}}.png"], what: Their depth., encoding: depth}}
encodings:
  colour: {{format: png, dtype: uint8, unit: colour, channels: 3}}
  depth: {{format: png, dtype: uint16, unit: metre, scale: 5000, invalid: [0], along: z, range: [0.1, 13]}}
"""


def manifest(root: Path, items: Iterable[dict[str, Any]]) -> Path:
    """Frames that only the manifest beside their folder explains."""
    for number, item in enumerate(items):
        save_picture(root / f"colour/{number:03d}.png", item["image"])
        write_depth_png(root / f"maps/{number:03d}.png", item["depth"], 5000)
        without_unit(root / f"maps/{number:03d}.png")
    root.with_suffix(".yaml").write_text(MANIFEST.format(name=root.name))
    return root
