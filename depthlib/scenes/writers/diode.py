"""Files in the format of DIODE from scenes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from depthlib.scenes.writers.pictures import Samples, bytes_of, each, save_array, save_lines, save_picture


def write_diode(root: str | os.PathLike[str], samples: Samples, split: str = "val", kind: str = "indoors") -> None:
    """<split>/<kind>/scene_00000/scan_00000/*.png, *_depth.npy [H,W,1], *_depth_mask.npy, and diode_meta.json."""
    root = Path(root)
    names = []
    folder = root / split / kind / "scene_00000" / "scan_00000"
    for number, sample in enumerate(each(samples)):
        name = f"00000_00000_{kind}_{10 * number:03d}_000"
        names.append(name)
        save_picture(folder / f"{name}.png", bytes_of(sample["image"]))
        depth = sample["depth"].permute(1, 2, 0).numpy().astype(np.float32)
        mask = sample["valid"][0].numpy().astype(np.float32)
        save_array(folder / f"{name}_depth.npy", lambda path, array=depth: np.save(path, array))
        save_array(folder / f"{name}_depth_mask.npy", lambda path, array=mask: np.save(path, array))
    save_lines(root / "diode_meta.json", [json.dumps({split: {kind: {"scene_00000": {"scan_00000": names}}}})])
