"""`depthlib predict`: the depth of photographs as files, each in bounded memory, and what is said about them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import torch
from torch import Tensor

from depthlib.app.depth_picture import write_maps
from depthlib.base.devices import pick_device
from depthlib.base.text import one_line
from depthlib.data.images import read_resized
from depthlib.models.meaning import Meaning, meaning_of
from depthlib.protocols.photograph import AnyPath, checked, default_weights, forward, load_weights, network_size, usable_multiple


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
    """`meaning` says what the network's numbers are."""

    meaning: Meaning
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
    """Write `<name>_depth.png` (colours with their scale) and `<name>_depth16.png` (16-bit) for each image.

    An unusable file becomes a `Problem`; the others are still processed. A file named twice is processed once. No image
    is ever in memory in floating point at its full size: 100 megapixels take less than 1.5 GB in all.

    Args:
        weights: a file of weights; None takes `default_weights()`.
        batch: how many images go through the network together, where their sizes for it agree.

    Raises:
        WeightsError, or ValueError for an unusable device, batch or model.
    """
    from rich.console import Console
    from rich.progress import track

    if batch < 1:
        raise ValueError(f"batch: found {batch}, expected at least 1")
    weights = default_weights() if weights is None else weights
    model, info = load_weights(weights)
    multiple = usable_multiple(model, weights)
    model.to(pick_device(device))
    sources = list({Path(path).absolute(): Path(path) for path in paths}.values())
    names = dict(zip(sources, output_names(sources), strict=True))
    outcome = Outcome(meaning_of(info), [], [])
    chunks = [sources[start:start + batch] for start in range(0, len(sources), batch)]
    for chunk in track(chunks, "depth", console=Console(stderr=True), transient=True, disable=not progress):
        groups: dict[tuple[int, ...], list[tuple[Path, tuple[int, int], Tensor]]] = defaultdict(list)
        for source in chunk:
            try:
                small, size = read_resized(source, lambda full: network_size(full, info["input_size"], multiple))
                groups[tuple(small.shape)].append((source, size, small))
            except ValueError as error:
                outcome.problems.append(Problem(source, one_line(error)))
        for group in groups.values():
            depths = forward(model, torch.stack([small for *_, small in group]))
            for (source, size, _), depth in zip(group, depths, strict=True):
                try:
                    outcome.done.append(_write(source, sources, Path(out_dir), names[source], depth, size, outcome.meaning))
                except (ValueError, OSError) as error:
                    outcome.problems.append(Problem(source, f"{source}: {one_line(error)}"))
    return outcome


def _write(
    source: Path, sources: Sequence[Path], out_dir: Path, name: str, depth: Tensor, size: tuple[int, int], meaning: Meaning,
) -> Prediction:
    colour, depth16 = out_dir / f"{name}_depth.png", out_dir / f"{name}_depth16.png"
    if {colour.resolve(), depth16.resolve()} & {each.resolve() for each in sources}:
        raise ValueError(f"out_dir: found one of the images in {out_dir}, expected another folder, not to overwrite it")
    scale = write_maps(checked(depth), size, colour, depth16, meaning)
    return Prediction(source, colour, depth16, scale, size, float(depth.min()), float(depth.max()))


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
        if Path(out).exists() and not Path(out).is_dir():
            raise ValueError(f"out: found the file {out}, expected a folder for the depth maps")
        outcome = predict_files(paths, out, weights, device)
    except (ValueError, OSError) as error:
        errors.print(f"[red]error[/] {escape(one_line(error))}", highlight=False)
        return 2
    unit = {"metre": " m", "unscaled": " of an unknown unit", "relative": " without a unit"}[outcome.meaning.unit]
    per = "metre" if outcome.meaning.unit == "metre" else "unit"
    for item in outcome.done:
        depths = f"{item.nearest:.2f} to {item.farthest:.2f}{unit} -> {item.colour}, {item.depth16.name}"
        screen.print(escape(f"{item.source}: {depths} ({item.scale:g} units per {per})"), highlight=False)
    for problem in outcome.problems:
        errors.print(f"[red]problem[/] {escape(problem.reason)}", highlight=False)
    if outcome.done:
        camera = "; true for a camera like that of the training: the focal length is not corrected for"
        screen.print(f"{outcome.meaning.words}{camera if outcome.meaning.unit == 'metre' else ''}", highlight=False)
    screen.print(f"{len(outcome.done)} done, {len(outcome.problems)} with problems", highlight=False)
    return 1 if outcome.problems else 0
