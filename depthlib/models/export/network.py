"""Writing a network of a file of weights, and the comparison of what was written with torch."""

from __future__ import annotations

import copy
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from depthlib import __version__
from depthlib.base.paths import atomic_write
from depthlib.base.text import one_line
from depthlib.models.export.errors import ExportError
from depthlib.models.export.formats import FORMATS, TOLERANCE
from depthlib.models.meaning import meaning_of
from depthlib.models.weights import load_weights

LICENCE = "Apache-2.0 (depthlib); the data of the training may set further terms"
# What they compute depends on the size of the image; torch would search long for a graph of any size.
ONE_SIZE = ("dacnn", "video")
PADDED = "efficientnet_lite0"  # pads by the size of the image; with the decoder of a phone the same search takes long
MULTIPLES = (16, 32, 64)  # the networks halve their input four to six times


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        notes: input, output, unit, licence, ... of the file, in ONNX stored as metadata.
        differences: for each of two test images, and of two more of other sizes where they are free, the largest
            difference from torch, relative to the largest value.
    """

    path: Path
    notes: dict[str, str]
    differences: tuple[float, ...]


def export(
    weights: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    format: str = "onnx",
    size: Sequence[int] | None = None,
    notes: Mapping[str, str] | None = None,
) -> Exported:
    """Write the network of a file of weights to `out`, in float32.

    Args:
        weights: as `depthlib predict` takes them.
        out: replaced as a whole, or left as it was; it has the suffix of the format.
        format: one of `FORMATS`.
        size: height and width of the images. None: of ONNX any multiples of what the network needs, where its graph
            can leave them free; else, and of the other formats, those of the training.
        notes: more metadata, by name.

    Raises:
        WeightsError: the weights cannot be used.
        ExportError: see there. ValueError: an unknown format, another suffix, or sizes below 1.
    """
    out = Path(out)
    if format not in FORMATS:
        raise ValueError(f"format: found {format!r}, expected one of {', '.join(FORMATS)}")
    if out.suffix != FORMATS[format].suffix:
        raise ValueError(f"{out}: expected a name that ends in {FORMATS[format].suffix}")
    model, info = load_weights(weights)
    inputs: tuple[str, ...] = getattr(model, "inputs", ("image",))
    if inputs != ("image",):
        raise ExportError(
            f"{weights}: found {info['model']} with inputs {', '.join(inputs)}, expected a network of one image"
        )
    height, width = _sides(size or info["input_size"])
    try:
        depth = _run(model, torch.zeros(1, 3, height, width))
    except ExportError as error:
        if size is not None:
            raise
        reason = one_line(error.__cause__ or error)
        raise ExportError(f"{weights}: found {info['model']}, which gives no depth of an image ({reason})") from error
    if depth.ndim != 4 or depth.shape[:2] != (1, 1):
        raise ExportError(
            f"{weights}: found {info['model']} with an output {list(depth.shape)}, expected depth [1,1,H,W]"
        )
    fixed = info["model"] in ONE_SIZE or info["options"].get("encoder") == PADDED
    free = size is None and FORMATS[format].free and not fixed
    for multiple in [side_multiple(model), None] if free else [None]:
        said = {**_notes(info, (height, width), depth.shape[2:], multiple), **(notes or {})}
        try:
            done = write(model, out, (height, width), format=format, multiple=multiple, notes=said)
            break
        except ExportError:
            if multiple is None:  # else the graph of this network cannot leave the sides free
                raise
    return Exported(out, said, done)


def write(
    model: nn.Module,
    out: Path,
    size: Sequence[int],
    *,
    format: str = "onnx",
    multiple: int | None = None,
    notes: Mapping[str, str] | None = None,
) -> tuple[float, ...]:
    """Write a network, in evaluation mode on the CPU; see `export`. Returns `Exported.differences`.

    With a `multiple`, images of other sizes whose sides are multiples of it are taken as well, and compared.
    """
    model = _with_plain_flags(model)
    height, width = _sides(size)
    images = _images(height, width)
    if multiple is not None:
        images += [_images(height + multiple, width + 2 * multiple)[0], _images(3 * multiple, 5 * multiple)[1]]
    expected = [_run(model, image) for image in images]
    with atomic_write(out) as temporary:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecations inside the exporters
                FORMATS[format].write(model, images[0], temporary, notes or {}, multiple)
            run = FORMATS[format].runner(temporary)
            differences = tuple(_difference(run(image), wanted) for image, wanted in zip(images, expected, strict=True))
        except ExportError:
            raise
        except Exception as error:  # exporters raise errors of every kind
            advice = "" if multiple is None else " for images of all sizes; --size HEIGHT WIDTH fixes one"
            raise ExportError(
                f"{type(model).__name__}: cannot be written as {format}{advice} ({one_line(error)[:400]})"
            ) from error
        if not max(differences) <= TOLERANCE:  # also when it is NaN
            raise ExportError(
                f"{out}: found a difference from torch of {max(differences):.2g} of the largest value, "
                f"expected at most {TOLERANCE:g}; nothing was written"
            )
    return differences


def side_multiple(model: nn.Module) -> int:
    """Of what the sides of its images must be multiples: the smallest of `MULTIPLES` that the network takes."""
    for multiple in MULTIPLES:
        try:
            _run(model, torch.full((1, 3, 3 * multiple, 5 * multiple), 0.5))
            return multiple
        except ExportError as error:
            reason = error
    raise reason


def _with_plain_flags(model: nn.Module) -> nn.Module:
    """A copy on the CPU whose single-bool buffers are plain bools: a graph cannot branch on what a tensor holds."""
    model = copy.deepcopy(model).cpu().eval()
    for module in model.modules():
        for name in [
            name for name, value in module.named_buffers(recurse=False) if value.dtype == torch.bool and not value.ndim
        ]:
            flag = bool(module._buffers.pop(name))
            setattr(module, name, flag)
    return model


@torch.no_grad()
def _run(model: nn.Module, image: Tensor) -> Tensor:
    """What torch says, on the CPU in evaluation mode. Raises ExportError where the network does not take the image."""
    try:
        return model.cpu().eval()(image).float()
    except (ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise ExportError(
            f"size: found {image.shape[2]} x {image.shape[3]}, expected a size that the network takes "
            f"({one_line(error)})"
        ) from error


def _notes(
    info: Mapping[str, Any], size: Sequence[int], output: Sequence[int], multiple: int | None = None
) -> dict[str, str]:
    """The metadata of a file for images of `size`, or of free sides, whose depth maps then have the size `output`:
    strings, as ONNX stores them.
    """
    meaning = meaning_of(info)
    sides, depth_sides, free = f"{size[0]},{size[1]}", f"{output[0]},{output[1]}", {}
    if multiple is not None:
        smaller = "" if output[0] == size[0] else f"/{size[0] // output[0]}"
        sides, depth_sides = "height,width", f"height{smaller},width{smaller}"
        free = {"multiple": str(multiple)}
    taken = f", height and width multiples of {multiple}, at best about {size[0]} x {size[1]}" if free else ""
    return {
        "producer": f"depthlib {__version__}",
        "model": info["model"],
        "options": json.dumps(info["options"], sort_keys=True),
        "run": json.dumps(info.get("spec") or {}, sort_keys=True),
        "input": f"image [1,3,{sides}] float32, RGB in [0,1]{taken}; the network normalises it itself",
        "input_size": f"{size[0]} {size[1]}",
        **free,
        "output": f"depth [1,1,{depth_sides}] float32: {meaning.words}",
        "unit": meaning.unit,
        "license": LICENCE,
    }


def _sides(size: Sequence[int]) -> tuple[int, int]:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size: found {list(size)}, expected height and width")
    return size[0], size[1]


def _images(height: int, width: int) -> list[Tensor]:
    """Noise, and a smooth picture: an error may show in one of them only."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    return [noise, torch.stack([y, x, 0.5 + 0.5 * torch.sin(8 * (x + y))])[None]]


def _difference(found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        raise ExportError(f"output: found shape {list(found.shape)}, expected {list(expected.shape)} as from torch")
    return ((found - expected).abs().max() / expected.abs().max().clamp_min(1e-12)).item()
