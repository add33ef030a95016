"""`depthlib export`: a network as a file for other runtimes, in float32 and in int8, and what is said about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from depthlib.app.photo_camera import trained_focal
from depthlib.app.photo_inputs import photographs
from depthlib.base.text import one_line
from depthlib.data.images import read_resized
from depthlib.models.export import TOLERANCE, Exported, ExportError, export
from depthlib.models.meaning import meaning_of
from depthlib.models.weights import load_weights
from depthlib.protocols.photograph import network_size

SCENES = 16  # generated ones that calibrate, and half as many that measure
FAMILIES = ("rooms", "streets")


def run(
    weights: Path,
    out: Path,
    format: str = "onnx",
    size: Sequence[int] | None = None,
    *,
    int8: bool = False,
    images: Sequence[Path] = (),
) -> int:
    """Print what was written, or the error. Returns 0 or 1."""
    try:
        if int8 and format != "onnx":
            raise ValueError(f"int8: found the format {format}, expected onnx")
        if images and not int8:
            raise ValueError("images: found some without --int8, which they calibrate, expected both")
        info = load_weights(weights)[1]
        focal = trained_focal(info) if meaning_of(info).unit == "metre" else None
        done = export(
            weights, out, format=format, size=size, notes={} if focal is None else {"training_focal": f"{focal:.6f}"}
        )
        _tell(done)
        if int8:
            _write_int8(done, info, images, fixed=size)
    except (ExportError, ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


def _tell(done: Exported) -> None:
    notes = done.notes
    print(f"{done.path}: {notes['model']}, {done.path.stat().st_size / 1e6:.2f} MB")
    print(f"  input   {notes['input']}\n  output  {notes['output']}\n  licence {notes['license']}")
    count = {2: "two images", 4: "four images of three sizes"}[len(done.differences)]
    found = ", ".join(f"{difference:.1g}" for difference in done.differences)
    print(f"  checked against torch on {count}: differs by {found} of the largest value, at most {TOLERANCE:g} allowed")


def _write_int8(done: Exported, info: dict[str, Any], given: Sequence[Path], fixed: Sequence[int] | None) -> None:
    """`<out>_int8.onnx` beside `out`. Images given are halved: every second one calibrates, the others measure."""
    from depthlib.models.export.int8 import int8_error, write_int8

    if given:
        read = [_image(path, info, done, fixed) for path in photographs(given, done.path.parent)]
        if len(read) < 2:
            raise ValueError("images: found one, expected at least two: one half calibrates, the other measures")
        calibrating, measuring, what = read[::2], read[1::2], "images"
    else:
        calibrating, measuring = (
            _scenes(info, split, count, fixed) for split, count in (("train", SCENES), ("test", SCENES // 2))
        )
        what = "generated scenes"
    out = done.path.with_name(f"{done.path.stem}_int8.onnx")
    write_int8(done.path, out, calibrating)
    error = int8_error(done.path, out, measuring, done.notes["unit"])
    print(f"{out}: int8, {out.stat().st_size / 1e6:.2f} MB, calibrated on {len(calibrating)} {what}")
    print(f"  differs from float32 on {len(measuring)} others by {error}")


def _image(path: Path, info: dict[str, Any], done: Exported, fixed: Sequence[int] | None) -> Tensor:
    multiple = int(done.notes.get("multiple", 1))
    image, _ = read_resized(path, lambda full: tuple(fixed or network_size(full, info["input_size"], multiple)))
    return image[None]


def _scenes(info: dict[str, Any], split: str, count: int, fixed: Sequence[int] | None) -> list[Tensor]:
    """Of what the network was trained on, rooms or streets, else of both."""
    from depthlib.scenes.sets import wild_scenes

    trained = (info.get("spec") or {}).get("data")
    families = [trained] if trained in FAMILIES else FAMILIES
    height, width = fixed or info["input_size"]
    images = []
    for family in families:
        scenes = wild_scenes(family, split, count // len(families), height=height, width=width)
        images += [scenes[number]["image"][None] for number in range(len(scenes))]
    return images
