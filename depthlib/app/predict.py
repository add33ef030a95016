"""Depth of any photograph from a file of weights: loading, prediction, and the two files written for each image."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.base.devices import pick_device
from depthlib.base.paths import atomic_write, reference_dir, results_dir
from depthlib.base.text import one_line
from depthlib.data.images import read_image, write_depth_png
from depthlib.models import weights as stored
from depthlib.models.weights import WeightsError

AnyPath = str | os.PathLike[str]
MULTIPLE = 16           # the networks halve their input four times
MAX_ASPECT = 8.0        # longer images are squeezed, or a side would have thousands of pixels


def default_weights() -> Path:
    """The weights of the first notebook's network in the results of `quick`; WeightsError if there are none."""
    for folder in (results_dir("quick"), reference_dir("quick")):
        if found := sorted(folder.glob("runs/start-unet-*/weights.safetensors")):
            return found[0]
    folder = results_dir("quick") / "runs"
    raise WeightsError(f"{folder}: found no start-unet weights, expected some: `depthlib reproduce`, or name a file")


def load_weights(path: AnyPath | None = None) -> tuple[nn.Module, dict[str, Any]]:
    """The network that a file of weights describes, ready for `predict`: in evaluation mode, on the CPU, in float32.

    Args:
        path: a safetensors file as `depthlib.models.weights.save_weights` writes it; None takes `default_weights()`.

    Returns:
        The model and the file's metadata: "model", "options", "input_size", ...

    Raises:
        WeightsError: missing, damaged, of another kind, not fitting its model, not finite, or no usable "input_size".
    """
    path = default_weights() if path is None else Path(path)
    model, info = stored.load_weights(path)
    size = info.get("input_size")
    if not (isinstance(size, list) and len(size) == 2 and all(_is_network_side(side) for side in size)):
        raise WeightsError(f"{path}: found input_size {size!r}, expected [height, width], multiples of {MULTIPLE}")
    return model, info


def _is_network_side(side: Any) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and side > 0 and side % MULTIPLE == 0


def network_size(image_size: Sequence[int], input_size: Sequence[int]) -> tuple[int, int]:
    """The input size of the network for an image: as many pixels as `input_size`, the image's own aspect ratio
    (at most `MAX_ASPECT`), each side rounded to a multiple of `MULTIPLE`. Sizes are (height, width)."""
    if len(input_size) != 2 or not all(_is_network_side(side) for side in input_size):
        raise ValueError(f"input_size: found {tuple(input_size)}, expected (height, width), multiples of {MULTIPLE}")
    aspect = min(max(image_size[1] / image_size[0], 1 / MAX_ASPECT), MAX_ASPECT)
    area = input_size[0] * input_size[1]
    height, width = math.sqrt(area / aspect), math.sqrt(area * aspect)
    return max(1, round(height / MULTIPLE)) * MULTIPLE, max(1, round(width / MULTIPLE)) * MULTIPLE


def resize(image: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, antialiased where it shrinks; [B, C, H, W] to [B, C, *size]. Corners of the picture stay corners."""
    return F.interpolate(image, size=tuple(size), mode="bilinear", align_corners=False, antialias=True)


@torch.no_grad()
def forward(model: nn.Module, images: Tensor) -> Tensor:
    """Depth of images of the network's own size, in evaluation mode: [B, 3, h, w] to [B, 1, h, w] metres on the CPU.

    Raises ValueError when the model returns another shape.
    """
    home = next(iter(model.state_dict().values()), images).device
    was_training = model.training
    model.eval()
    try:
        depth = model(images.to(home))
    finally:
        model.train(was_training)
    expected = [images.shape[0], 1, *images.shape[2:]]
    if list(depth.shape) != expected:
        raise ValueError(f"model: found output of shape {list(depth.shape)}, expected {expected}")
    return depth.float().cpu()


def _restored(depth: Tensor, size: Sequence[int]) -> Tensor:
    """[1, h, w] at the network's size to [H, W] at the image's."""
    if not torch.isfinite(depth).all():
        raise ValueError("model: found non-finite depth, expected finite values")
    return resize(depth[None], size)[0, 0]


def predict(model: nn.Module, image: Tensor, input_size: Sequence[int]) -> Tensor:
    """Depth of one image: resized to the network's size, predicted, and the depth resized back.

    The depth is metric only for cameras like the training camera: the focal length is not corrected for.

    Args:
        image: [3, H, W] RGB in [0, 1].
        input_size: (height, width) at which the model was trained, multiples of 16.

    Returns:
        [H, W] float32 metres on the CPU. Raises ValueError for another image, input size or model output.
    """
    if image.ndim != 3 or image.shape[0] != 3 or not image.is_floating_point():
        raise ValueError(f"image: found {list(image.shape)} {image.dtype}, expected [3, H, W] floating point in [0, 1]")
    size = image.shape[1:]
    return _restored(forward(model, resize(image[None], network_size(size, input_size)))[0], size)


@dataclass(frozen=True)
class Prediction:
    """The files written for one image; `scale` is the 16-bit file's units per metre, `size` is (height, width)."""

    source: Path
    colour: Path
    depth16: Path
    scale: float
    size: tuple[int, int]
    nearest: float
    farthest: float


@dataclass(frozen=True)
class Problem:
    source: Path
    reason: str


@dataclass(frozen=True)
class Outcome:
    done: list[Prediction]
    problems: list[Problem]


def output_names(paths: Sequence[Path]) -> list[str]:
    """One name per path: its stem; for equal stems, ignoring case, folder_stem, then folder_stem-2, ..."""
    counts = Counter(path.stem.casefold() for path in paths)
    taken = {stem for stem, times in counts.items() if times == 1}
    names = []
    for path in paths:
        name = path.stem
        if counts[name.casefold()] > 1:
            base = f"{path.resolve().parent.name}_{name}"
            candidates = chain([base], (f"{base}-{number}" for number in count(2)))
            name = next(candidate for candidate in candidates if candidate.casefold() not in taken)
            taken.add(name.casefold())
        names.append(name)
    return names


def predict_files(
    paths: Iterable[AnyPath], out_dir: AnyPath, weights: AnyPath | None = None, device: str = "auto", batch: int = 4,
    progress: bool = True,
) -> Outcome:
    """Write `<name>_depth.png` (colours, near to far of that image) and `<name>_depth16.png` (16-bit) for each image.

    An unusable file becomes a `Problem`; the others are still processed. A file named twice is processed once.

    Args:
        weights: a file of weights; None takes `default_weights()`.
        batch: how many images are in memory at a time; those of one network size go through the network together.

    Raises:
        WeightsError, or ValueError for an unusable device, batch or model.
    """
    from rich.console import Console
    from rich.progress import track

    if batch < 1:
        raise ValueError(f"batch: found {batch}, expected at least 1")
    model, info = load_weights(weights)
    model.to(pick_device(device))
    sources = list({Path(path).absolute(): Path(path) for path in paths}.values())
    names = dict(zip(sources, output_names(sources), strict=True))
    outcome = Outcome([], [])
    chunks = [sources[start:start + batch] for start in range(0, len(sources), batch)]
    for chunk in track(chunks, "depth", console=Console(stderr=True), transient=True, disable=not progress):
        groups: dict[tuple[int, int], list[tuple[Path, Sequence[int], Tensor]]] = defaultdict(list)
        for source in chunk:
            try:
                image = read_image(source)      # free it, since it may have 100 megapixels; the network gets `small`
                wanted = network_size(image.shape[1:], info["input_size"])
                groups[wanted].append((source, image.shape[1:], resize(image[None], wanted)))
            except ValueError as error:
                outcome.problems.append(Problem(source, one_line(error)))
        for group in groups.values():
            depths = forward(model, torch.cat([small for *_, small in group]))
            for (source, size, _), depth in zip(group, depths, strict=True):
                try:
                    outcome.done.append(_write(source, sources, Path(out_dir), names[source], _restored(depth, size)))
                except (ValueError, OSError) as error:
                    outcome.problems.append(Problem(source, f"{source}: {one_line(error)}"))
    return outcome


def _write(source: Path, sources: Sequence[Path], out_dir: Path, name: str, depth: Tensor) -> Prediction:
    from PIL import Image

    from depthlib.base.colour import colour_depth

    colour, depth16 = out_dir / f"{name}_depth.png", out_dir / f"{name}_depth16.png"
    if {colour.resolve(), depth16.resolve()} & {each.resolve() for each in sources}:
        raise ValueError(f"out_dir: found one of the images in {out_dir}, expected another folder, not to overwrite it")
    scale = write_depth_png(depth16, depth)
    with atomic_write(colour) as temporary:
        Image.fromarray(colour_depth(depth.numpy())).save(temporary, format="PNG")
    return Prediction(source, colour, depth16, scale, tuple(depth.shape), float(depth.min()), float(depth.max()))


def run(paths: Sequence[AnyPath], out: AnyPath, weights: AnyPath | None = None, device: str = "auto") -> int:
    """The command line's `predict`: print the written files and the problems.

    Returns 0, 1 if any file had a problem, 2 if nothing could be started.
    """
    from rich.console import Console
    from rich.markup import escape

    screen, errors = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
    if not paths:
        errors.print("no images given")
        return 2
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
        outcome = predict_files(paths, out, weights, device)
    except (ValueError, OSError) as error:
        errors.print(f"[red]error[/] {escape(one_line(error))}", highlight=False)
        return 2
    for item in outcome.done:
        depths = f"{item.nearest:.2f} to {item.farthest:.2f} m -> {item.colour}, {item.depth16.name}"
        screen.print(escape(f"{item.source}: {depths} ({item.scale:g} units per metre)"), highlight=False)
    for problem in outcome.problems:
        errors.print(f"[red]problem[/] {escape(problem.reason)}", highlight=False)
    screen.print(f"{len(outcome.done)} done, {len(outcome.problems)} with problems", highlight=False)
    return 1 if outcome.problems else 0
