"""Frames of the scenes benchmark as FlyingThings3D files."""

from __future__ import annotations

import os
from pathlib import Path

from depthlib.data.pfm import write_pfm
from depthlib.scenes.writers.pictures import Samples, bytes_of, each, save_picture


def write_flyingthings(root: str | os.PathLike[str], samples: Samples, *, split: str = "TRAIN") -> list[str]:
    """Write samples with right and disparity as frame 6 of scenes A/0000, A/0001, ...; returns their names.

    The format has no camera: pass the samples' focal length and baseline to the loader. It has no invalid pixels
    either: unknown becomes 0, which the loader counts as implausible, so choose samples with few (rooms).
    """
    names = []
    for number, sample in enumerate(each(samples)):
        scene = Path("A") / f"{number:04d}"
        for side, key in (("left", "image"), ("right", "right")):
            save_picture(Path(root) / "frames_cleanpass" / split / scene / side / "0006.png", bytes_of(sample[key]))
        write_pfm(Path(root) / "disparity" / split / scene / "left" / "0006.pfm", sample["disparity"][0])
        names.append(f"{scene.as_posix()}/0006")
    return names
