"""`depthlib predict`: the depth of photographs as files, each in bounded memory, and what is said about them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from depthlib.app.network import Network
from depthlib.app.photo_camera import Camera, Lens
from depthlib.app.photo_inputs import output_names, photographs
from depthlib.app.photo_prediction import Prediction, write_prediction
from depthlib.app.photo_windows import fine_size, refined
from depthlib.app.video_input import is_video
from depthlib.base.text import one_line
from depthlib.data.images import read_resized
from depthlib.geometry.focal import relative_focal
from depthlib.models.meaning import METRES, Meaning
from depthlib.protocols.known_points import KnownPoint
from depthlib.protocols.photograph import AnyPath, checked, forward, network_size


@dataclass(frozen=True)
class Problem:
    """A file that could not be used, and why."""

    source: Path
    reason: str


@dataclass
class Outcome:
    """`meaning` says what the numbers are that were written; `trained` is the focal length of the training, where
    known, as `relative_focal` gives it; `seconds` is the time from the first photograph to the last.
    """

    meaning: Meaning
    trained: float | None
    done: list[Prediction]
    problems: list[Problem]
    seconds: float = 0.0


def predict_files(
    paths: Iterable[AnyPath],
    out_dir: AnyPath,
    weights: AnyPath | None = None,
    device: str = "auto",
    batch: int = 4,
    progress: bool = True,
    *,
    size: Sequence[int] | None = None,
    lens: Lens | None = None,
    known: Sequence[KnownPoint] = (),
    cloud: bool = False,
    page: bool = False,
    windows: int = 1,
) -> Outcome:
    """Write `<name>_depth.png` (colours with their scale) and `<name>_depth16.png` (16-bit) for each image.

    An unusable file becomes a `Problem`; the others are still processed. A file named twice is processed once. No image
    is ever in memory in floating point at its full size: 100 megapixels take less than 1.5 GB in all.

    Depth in metres is corrected for the camera, see `relative_focal`, where the focal length of the training is known.

    Args:
        weights: a file of weights; None takes `default_weights()`.
        batch: how many images go through the network together, where their sizes for it agree.
        size: (height, width) at which the network looks; an image of another aspect ratio gets as many pixels. None:
            the size of its training.
        lens: the focal length of all images; None: of each what `Lens()` finds.
        known: points of the only image to which its depth is fitted.
        cloud: also write `<name>_points.ply`. page: also write `<name>_view.html`, see `depthlib.report.cloud_view`.
        windows: how many times as fine the network also looks at overlapping windows, see `refined`; 1: not at all.

    Raises:
        WeightsError, or ValueError for an unusable device, batch, size or model, or known points of several images.
    """
    from rich.console import Console
    from rich.progress import track

    if batch < 1:
        raise ValueError(f"batch: found {batch}, expected at least 1")
    sources = list({Path(path).absolute(): Path(path) for path in paths}.values())
    if known and len(sources) != 1:
        raise ValueError(f"known: found {len(sources)} images, expected one: the points belong to one photograph")
    if windows < 1:
        raise ValueError(f"windows: found {windows}, expected at least 1")
    network, lens = Network.loaded(weights, device, size), lens or Lens()
    model, meaning, looks, multiple = network.model, network.meaning, network.looks, network.multiple
    trained = network.trained
    outcome = Outcome(METRES if known else meaning, trained, [], [])
    names = dict(zip(sources, output_names(sources), strict=True))
    chunks = [sources[start : start + batch] for start in range(0, len(sources), batch)]
    begun = time.perf_counter()
    for chunk in track(chunks, "depth", console=Console(stderr=True), transient=True, disable=not progress):
        groups: dict[tuple[int, ...], list[tuple[Path, tuple[int, int], Tensor]]] = defaultdict(list)
        for source in chunk:
            try:
                small, full = read_resized(source, lambda full: network_size(full, looks, multiple))
                groups[tuple(small.shape)].append((source, full, small))
            except ValueError as error:
                outcome.problems.append(Problem(source, one_line(error)))
        for group in groups.values():
            depths = forward(model, torch.stack([small for *_, small in group]))
            for (source, full, small), depth in zip(group, depths, strict=True):
                try:
                    base, camera = Path(out_dir) / names[source], lens.camera(source, full)
                    _spare(sources, base)
                    depth, fine = checked(depth), fine_size(full, small.shape[1:], windows)
                    if fine is not None:
                        image, _ = read_resized(source, lambda _, fine=fine: fine)
                        depth = refined(model, image, depth, meaning.unit, small.shape[1:], batch)
                    depth, factor = corrected(depth, camera, full, trained)
                    options = {"corrected": factor, "known": known, "cloud": cloud, "page": page}
                    written = write_prediction(source, base, depth, full, meaning, camera, **options)
                    outcome.done.append(replace(written, fine=fine))
                except (ValueError, OSError) as error:
                    outcome.problems.append(Problem(source, f"{source}: {one_line(error)}"))
    outcome.seconds = time.perf_counter() - begun
    return outcome


def corrected(depth: Tensor, camera: Camera, size: tuple[int, int], trained: float | None) -> tuple[Tensor, float]:
    """Depth for the photograph's camera, and the factor."""
    if trained is None:
        return depth, 1.0
    from depthlib.scenes.wild import metric_depth

    focal = relative_focal(camera.focal, *size)
    return metric_depth(depth, focal, trained), focal / trained


def _spare(sources: Sequence[Path], base: Path) -> None:
    written = {base.with_name(f"{base.name}_{ending}").resolve() for ending in ("depth.png", "depth16.png")}
    if written & {each.resolve() for each in sources}:
        raise ValueError(
            f"out_dir: found one of the images in {base.parent}, expected another folder, not to overwrite it"
        )


def run(
    paths: Sequence[AnyPath],
    out: AnyPath,
    weights: AnyPath | None = None,
    device: str = "auto",
    batch: int = 4,
    *,
    size: Sequence[int] | None = None,
    focal: float | None = None,
    view: float | None = None,
    known: Sequence[str] = (),
    cloud: bool = False,
    page: bool = False,
    windows: int = 1,
    video: bool = False,
    smooth: bool = False,
    frames16: bool = False,
) -> int:
    """The command line's `predict`: print the written files and the problems. Videos: see `video_prediction.run`.

    Returns 0, 1 if any file had a problem, 2 if nothing could be started.
    """
    from rich.console import Console
    from rich.markup import escape

    screen, errors = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
    if not paths:
        errors.print("no images given")
        return 2
    try:
        if video or any(map(is_video, paths)):
            from depthlib.app.video_prediction import run as run_videos

            if known or cloud or page or windows > 1:
                raise ValueError("known, ply, html, windows: found one of them with a video, expected a photograph")
            options = {"frames": video, "steady": smooth, "frames16": frames16}
            return run_videos(paths, out, weights, device, batch, size=size, lens=Lens(focal, view), **options)
        if smooth or frames16:
            raise ValueError("smooth, frames16: found photographs, expected a video, or --video for numbered frames")
        if Path(out).exists() and not Path(out).is_dir():
            raise ValueError(f"out: found the file {out}, expected a folder for the depth maps")
        outcome = predict_files(
            photographs(paths, out),
            out,
            weights,
            device,
            batch,
            size=size,
            lens=Lens(focal, view),
            known=[KnownPoint.parse(text) for text in known],
            cloud=cloud,
            page=page,
            windows=windows,
        )
    except (ValueError, OSError) as error:
        errors.print(f"[red]error[/] {escape(one_line(error))}", highlight=False)
        return 2
    for item in outcome.done:
        for line in _lines(item, outcome):
            screen.print(escape(line), highlight=False)
    for problem in outcome.problems:
        errors.print(f"[red]problem[/] {escape(problem.reason)}", highlight=False)
    if outcome.done:
        screen.print(_words(outcome, bool(known)), highlight=False)
    rate = f", {len(outcome.done) / outcome.seconds:.1f} images per second" if outcome.done else ""
    screen.print(f"{len(outcome.done)} done, {len(outcome.problems)} with problems{rate}", highlight=False)
    return 1 if outcome.problems else 0


def _lines(item: Prediction, outcome: Outcome) -> list[str]:
    unit = {"metre": " m", "unscaled": " of an unknown unit", "relative": " without a unit"}[outcome.meaning.unit]
    per = "metre" if outcome.meaning.unit == "metre" else "unit"
    depths = f"{item.nearest:.2f} to {item.farthest:.2f}{unit} -> {item.colour}, {item.depth16.name}"
    lines = [f"{item.source}: {depths} ({item.scale:g} units per {per})"]
    lines += [f"  known {point}: fitted {depth:.3f} m, {depth - point.metres:+.3f} m" for point, depth in item.fitted]
    if item.fine:
        lines.append(f"  looked at {item.fine[0]} x {item.fine[1]} in windows")
    for written in filter(None, (item.cloud, item.page)):
        lines.append(f"  {written[1]} points -> {written[0]}")
    matters = outcome.trained is not None and not item.fitted
    if item.cloud or item.page or matters:
        factor = f": depth x {item.corrected:.3f}" if matters else ""
        lines.append(f"  focal length {item.camera.focal:.0f} pixels ({item.camera.source}){factor}")
    return lines


def _words(outcome: Outcome, fitted: bool) -> str:
    if fitted:
        return "depth in metres, fitted to the known points"
    if outcome.meaning.unit == "metre" and outcome.trained is None:
        return (
            f"{outcome.meaning.words}; true for a camera like that of the training, whose focal length is not "
            f"known here"
        )
    return outcome.meaning.words
