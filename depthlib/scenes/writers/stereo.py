"""Files in the formats of stereo data sets from scenes: Cityscapes, FlyingThings3D, Middlebury."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from depthlib.data.cityscapes import DISPARITY
from depthlib.data.manifest import Encoding
from depthlib.data.middlebury import NAMES, SCALE_2003
from depthlib.data.pfm import write_pfm
from depthlib.scenes.writers.kitti_benchmarks import CITYSCAPES_OF_STREETS
from depthlib.scenes.writers.pictures import save_lines, save_picture, write_map
from depthlib.scenes.writers.samples import Folder, Samples, each


def write_cityscapes(root: Folder, samples: Samples, *, split: str = "val", city: str = "sceneville") -> list[str]:
    """Write street samples with right, baseline, disparity and semantics; returns the names of the frames."""
    names = []
    for number, sample in enumerate(each(samples)):
        name = f"{city}_{number:06d}_000019"
        for side, key in (("left", "image"), ("right", "right")):
            save_picture(Path(root) / f"{side}Img8bit" / split / city / f"{name}_{side}Img8bit.png", sample[key])
        write_map(Path(root) / "disparity" / split / city / f"{name}_disparity.png", sample["disparity"], DISPARITY)
        labels = CITYSCAPES_OF_STREETS[sample["semantics"].numpy()]
        save_picture(Path(root) / "gtFine" / split / city / f"{name}_gtFine_labelIds.png", labels)
        K = sample["K"].double()
        camera = {
            "intrinsic": {"fx": K[0, 0].item(), "fy": K[1, 1].item(), "u0": K[0, 2].item(), "v0": K[1, 2].item()},
            "extrinsic": {"baseline": float(sample["baseline"])}
            | dict.fromkeys(("pitch", "roll", "yaw", "x", "y", "z"), 0.0),
        }
        save_lines(Path(root) / "camera" / split / city / f"{name}_camera.json", [json.dumps(camera, indent=1)])
        names.append(name)
    return names


def write_flyingthings(root: Folder, samples: Samples, *, split: str = "TRAIN") -> list[str]:
    """Write samples with right and disparity as frame 6 of scenes A/0000, A/0001, ...; returns their names.

    The format has no camera: pass the samples' focal length and baseline to the loader. It has no invalid pixels
    either: unknown becomes 0, which the loader counts as implausible, so choose samples with few (rooms).
    """
    names = []
    for number, sample in enumerate(each(samples)):
        scene = f"A/{number:04d}"
        for side, key in (("left", "image"), ("right", "right")):
            save_picture(Path(root) / "frames_cleanpass" / split / scene / side / "0006.png", sample[key])
        write_pfm(Path(root) / "disparity" / split / scene / "left" / "0006.pfm", sample["disparity"][0])
        names.append(f"{scene}/0006")
    return names


def write_middlebury(root: Folder, samples: Samples, year: str = "2014", *, reduction: int = 1) -> list[str]:
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
        names.append(f"Scene{number}")
        folder, disparity = Path(root) / names[-1], sample["disparity"]
        files = {key: folder / file for key, file in NAMES[year].items()}
        for key in ("image", "right"):
            save_picture(files[key], sample[key])
        if year == "2014":
            write_pfm(files["disparity"], torch.where(disparity > 0, disparity, torch.inf)[0])
            save_lines(folder / "calib.txt", _calibration(sample))
        else:
            scale = SCALE_2003 if year == "2003" else float(reduction)
            write_map(files["disparity"], disparity, Encoding("png", "uint8", "pixel", scale=scale, invalid=(0,)))
        if year == "2006":
            save_lines(folder / "dmin.txt", ["0"])
    return names


def _calibration(sample: Mapping[str, Any]) -> list[str]:
    K = sample["K"].double().tolist()
    camera = "[" + "; ".join(" ".join(f"{value:.9g}" for value in row) for row in K) + "]"
    height, width = sample["image"].shape[-2:]
    ndisp = int(sample["disparity"].max()) + 1
    entries = {
        "cam0": camera,
        "cam1": camera,
        "doffs": 0,
        "baseline": f"{float(sample['baseline']) * 1000:.9g}",
        "width": width,
        "height": height,
        "ndisp": ndisp,
        "isint": 0,
        "vmin": 0,
        "vmax": ndisp,
    }
    return [f"{key}={value}" for key, value in entries.items()]
