"""Frames of the scenes benchmark as Cityscapes files."""

from __future__ import annotations

import json
import os
from pathlib import Path

from depthlib.data.cityscapes import DISPARITY
from depthlib.scenes.writers.kitti import write_map
from depthlib.scenes.writers.kitti_benchmarks import CITYSCAPES_OF_STREETS
from depthlib.scenes.writers.pictures import Samples, bytes_of, each, save_lines, save_picture


def write_cityscapes(
    root: str | os.PathLike[str], samples: Samples, *, split: str = "val", city: str = "sceneville"
) -> list[str]:
    """Write street samples with right, baseline, disparity and semantics; returns the names of the frames."""
    names = []
    for number, sample in enumerate(each(samples)):
        name = f"{city}_{number:06d}_000019"
        for side, key in (("left", "image"), ("right", "right")):
            save_picture(Path(root) / f"{side}Img8bit" / split / city / f"{name}_{side}Img8bit.png", bytes_of(sample[key]))
        write_map(Path(root) / "disparity" / split / city / f"{name}_disparity.png", sample["disparity"], DISPARITY)
        labels = CITYSCAPES_OF_STREETS[sample["semantics"].numpy()]
        save_picture(Path(root) / "gtFine" / split / city / f"{name}_gtFine_labelIds.png", labels)
        K = sample["K"].double()
        camera = {
            "intrinsic": {"fx": K[0, 0].item(), "fy": K[1, 1].item(), "u0": K[0, 2].item(), "v0": K[1, 2].item()},
            "extrinsic": {"baseline": float(sample["baseline"])} | dict.fromkeys(("pitch", "roll", "yaw", "x", "y", "z"), 0.0),
        }
        save_lines(Path(root) / "camera" / split / city / f"{name}_camera.json", [json.dumps(camera, indent=1)])
        names.append(name)
    return names
