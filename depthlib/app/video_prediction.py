"""`depthlib predict` for videos: depth of every frame with one colour scale, steadier on demand, in bounded memory.

A video is decoded twice: for the network, and for the pictures, when the colour scale of the whole is known. Depth maps
wait in a temporary file, at the size of the network.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from depthlib.app.array_file import ArrayFile
from depthlib.app.network import Network
from depthlib.app.photo_camera import Camera, Lens
from depthlib.app.photo_inputs import output_names
from depthlib.app.predict_files import corrected
from depthlib.app.video_input import Source, Video, is_video, open_cv, open_video, sources
from depthlib.app.video_output import Sheet, write_film
from depthlib.app.video_smoothing import Steadiness, motion, require_flow, smooth
from depthlib.base.colour import scale_of
from depthlib.base.text import told
from depthlib.data.depth_png import DepthCode
from depthlib.data.images import resize
from depthlib.models.meaning import Meaning
from depthlib.protocols.photograph import AnyPath, checked, forward, network_size

ENDINGS = ("_depth.mp4", "_depth", "_depth16")  # what is added to the name: film, or pictures, and numbers
SAMPLE = 2048  # depths of a frame that count for the colour scale


@dataclass(frozen=True)
class VideoPrediction:
    """What was written of a video, and what is to be said of it.

    Attributes:
        film: the video, or the folder of pictures. depth16: the folder of 16-bit PNGs.
        frames: how many. nearest, farthest: of all. factor: on the depth, for the camera.
        steadiness: before and after smoothing.
    """

    video: Video
    film: Path
    depth16: Path | None
    frames: int
    nearest: float
    farthest: float
    camera: Camera
    factor: float
    steadiness: list[Steadiness] | None


def predict_video(
    video: Video,
    base: Path,
    network: Network,
    *,
    batch: int = 4,
    lens: Lens | None = None,
    steady: bool = False,
    frames16: bool = False,
    progress: bool = True,
) -> VideoPrediction:
    """Write `<base>_depth.mp4`, or a folder `<base>_depth` where nothing can encode it, each frame beside its depth.

    Args:
        batch: frames that go through the network together.
        lens: the focal length of the video; None: a guess, for frames in a folder what their EXIF data say.
        steady: smooth the depth, see `depthlib.app.video_smoothing`.
        frames16: also write `<base>_depth16/<frame>_depth16.png`, 16-bit numbers of one scale at the size of the video.

    Raises:
        ValueError: a frame that cannot be read, an output that is the input, depth that is not finite, not positive
            (for `steady`), or does not fit into 16 bits. OSError: a file cannot be written.
        ImportError: `steady` without scikit-image.
    """
    if steady:
        require_flow()
        if network.meaning.unit == "relative":
            raise ValueError("smooth: found relative depth, which has no zero, expected metres or depth up to a scale")
    _spare(video.source, base)
    named = video.source.files[0] if video.source.files else video.source.path
    camera, steadiness = (lens or Lens()).camera(named, video.size), None
    depths, motions, factor = _predicted(video, network, camera, batch, steady, progress)
    if steady:
        depths, *steadiness = smooth(depths, motions)
    ends = min(float(depth.min()) for depth in depths), max(float(depth.max()) for depth in depths)
    depth16 = None
    if frames16:
        depth16 = _write_numbers(base, video, depths, DepthCode.fitting(*ends, network.meaning.unit), progress)
    film = _write_pictures(base, video, depths, network.meaning, progress)
    return VideoPrediction(video, film, depth16, len(depths), *ends, camera, factor, steadiness)


def _spare(source: Source, base: Path) -> None:
    written = {base.with_name(base.name + ending).resolve() for ending in ENDINGS}
    if written & {path.resolve() for path in (source.path, *(file.parent for file in source.files))}:
        raise ValueError(f"out: found the video itself, {source.path}, expected another folder, not to overwrite it")


def _predicted(
    video: Video, network: Network, camera: Camera, batch: int, steady: bool, progress: bool
) -> tuple[ArrayFile, ArrayFile, float]:
    """Depth of all frames for the camera, with `steady` the motions between them, and the factor in the depth."""
    depths, motions, factor, previous = ArrayFile(), ArrayFile(), 1.0, None
    frames = video.frames(network_size(video.size, network.looks, network.multiple))
    for chunk in _chunks(_tracked(frames, "depth", video.count, progress), batch):
        for frame, depth in zip(chunk, forward(network.model, torch.stack(chunk)), strict=True):
            depth, factor = corrected(checked(depth), camera, video.size, network.trained)
            depths.append(depth)
            if steady and previous is not None:
                motions.append(motion(frame, previous))
            previous = frame
    return depths, motions, factor


def _write_numbers(base: Path, video: Video, depths: ArrayFile, code: DepthCode, progress: bool) -> Path:
    folder = base.with_name(base.name + ENDINGS[2])
    for index, depth in _tracked(enumerate(depths), "16-bit PNGs", len(depths), progress):
        stored = code.stored(resize(depth[None], video.size)[0, 0].numpy())
        code.write(folder / f"{video.frame_name(index)}_depth16.png", stored)
    return folder


def _write_pictures(base: Path, video: Video, depths: ArrayFile, meaning: Meaning, progress: bool) -> Path:
    low, high = scale_of([depth.flatten()[:: max(1, depth.numel() // SAMPLE)].numpy() for depth in depths])
    sheet = Sheet(video.size, (low, max(high, low + max(1e-3 * abs(low), 1e-6))), meaning)
    shown = _tracked(zip(video.frames(sheet.size), depths, strict=True), "pictures", len(depths), progress)
    pages = (sheet(image, depth) for image, depth in shown)
    return write_film(base.with_name(base.name + ENDINGS[1]), pages, video.rate, video.frame_name)


def _chunks(frames: Iterator[Tensor], size: int) -> Iterator[list[Tensor]]:
    frames = iter(frames)
    while chunk := list(islice(frames, size)):
        yield chunk


def _tracked(items: Iterable, title: str, total: int, progress: bool) -> Iterable:
    from rich.console import Console
    from rich.progress import track

    return track(items, title, total, console=Console(stderr=True), transient=True, disable=not progress)


def run(
    paths: Sequence[AnyPath],
    out: AnyPath,
    weights: AnyPath | None = None,
    device: str = "auto",
    batch: int = 4,
    *,
    size: Sequence[int] | None = None,
    lens: Lens | None = None,
    frames: bool = False,
    steady: bool = False,
    frames16: bool = False,
) -> int:
    """The command line's `predict` for videos: print what was written. `frames`: photographs are frames of a video.

    Returns 0, 1 if any video had a problem, 2 if nothing could be started.
    """
    from rich.console import Console
    from rich.markup import escape

    screen, errors = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
    try:
        if steady:
            require_flow()
        if Path(out).exists() and not Path(out).is_dir():
            raise ValueError(f"out: found the file {out}, expected a folder for the videos")
        if other := [path for path in paths if not (frames or is_video(path))]:
            raise ValueError(f"{other[0]}: found no video file, expected --video to take photographs as its frames")
        found = sources(paths, out)
        if not all(source.files for source in found):
            open_cv()
        network = Network.loaded(weights, device, size)
    except (ValueError, OSError, ImportError) as error:
        errors.print(f"[red]error[/] {escape(told(error))}", highlight=False)
        return 2
    names = output_names([source.path.absolute().parent / f"{source.name}.x" for source in found])
    seen, done, begun = 0, 0, time.perf_counter()
    for source, name in zip(found, names, strict=True):
        try:
            options = {"batch": batch, "lens": lens, "steady": steady, "frames16": frames16}
            item = predict_video(open_video(source), Path(out) / name, network, **options)
        except (ValueError, OSError) as error:
            reason = told(error)
            reason = reason if str(source.path) in reason else f"{source.path}: {reason}"
            errors.print(f"[red]problem[/] {escape(reason)}", highlight=False)
            continue
        seen, done = seen + item.frames, done + 1
        for line in _lines(item, network):
            screen.print(escape(line), highlight=False)
    rate = f", {seen / (time.perf_counter() - begun):.1f} frames per second" if done else ""
    if done:
        screen.print(network.meaning.words, highlight=False)
    screen.print(f"{done} done, {len(found) - done} with problems{rate}", highlight=False)
    return 0 if done == len(found) else 1


def _lines(item: VideoPrediction, network: Network) -> Iterator[str]:
    video, unit = item.video, " m" if network.meaning.unit == "metre" else ""
    shape = f"{item.frames} frames of {video.size[1]} x {video.size[0]}, {video.rate:g} per second"
    yield f"{video.source.path}: {shape}, {item.nearest:.2f} to {item.farthest:.2f}{unit} -> {item.film}"
    if item.frames < 0.95 * video.count:
        yield f"  found {item.frames} frames of the {video.count} that the file states: it may be cut off"
    if item.depth16:
        yield f"  {item.frames} 16-bit PNGs -> {item.depth16}"
    if item.steadiness:
        before, after = item.steadiness
        yield f"  predicted: {before}; smoothed: {after} (of logarithms, motion of the camera included)"
    if network.trained is not None:
        camera = item.camera
        yield f"  focal length {camera.focal:.0f} pixels ({camera.source}): depth x {item.factor:.3f}"
