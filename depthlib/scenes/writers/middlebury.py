"""Frames of the scenes benchmark as Middlebury scenes of 2003, 2006 and 2014."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from depthlib.data.manifest import Encoding
from depthlib.data.middlebury import NAMES, SCALE_2003
from depthlib.data.pfm import write_pfm
from depthlib.scenes.writers.kitti import write_map
from depthlib.scenes.writers.pictures import Samples, bytes_of, each, save_lines, save_picture


def write_middlebury(
    root: str | os.PathLike[str], samples: Samples, year: str = "2014", *, reduction: int = 1
) -> list[str]:
    """Write samples with right, baseline and disparity; returns the names of the scenes.

    The 8-bit years hold whole grey levels of scale (or reduction) times the disparity; unknown is 0, or infinite in
    2014. For 2006 dmin.txt is 0; its loader assumes that year's camera, so its metres are not those of the samples.

    Raises:
        ValueError: another year, or a disparity that does not fit into 8 bits.
    """
    if year not in NAMES:
        raise ValueError(f"year: found {year!r}, expected one of {', '.join(NAMES)}")
    names = []
    for number, sample in enumerate(each(samples)):
        name = f"Scene{number}"
        folder = Path(root) / name
        files = {key: folder / file for key, file in NAMES[year].items()}
        save_picture(files["image"], bytes_of(sample["image"]))
        save_picture(files["right"], bytes_of(sample["right"]))
        disparity = sample["disparity"]
        if year == "2014":
            write_pfm(files["disparity"], torch.where(disparity > 0, disparity, torch.inf)[0])
            save_lines(folder / "calib.txt", _calibration(sample))
        else:
            scale = SCALE_2003 if year == "2003" else float(reduction)
            write_map(files["disparity"], disparity, Encoding("png", "uint8", "pixel", scale=scale, invalid=(0,)))
        if year == "2006":
            save_lines(folder / "dmin.txt", ["0"])
        names.append(name)
    return names


def _calibration(sample: Mapping[str, Any]) -> list[str]:
    K = sample["K"].double().tolist()
    camera = "[" + "; ".join(" ".join(f"{value:.9g}" for value in row) for row in K) + "]"
    height, width = sample["image"].shape[-2:]
    ndisp = int(sample["disparity"].max()) + 1
    entries = {"cam0": camera, "cam1": camera, "doffs": 0, "baseline": f"{float(sample['baseline']) * 1000:.9g}", "width": width,
               "height": height, "ndisp": ndisp, "isint": 0, "vmin": 0, "vmax": ndisp}
    return [f"{key}={value}" for key, value in entries.items()]
