"""Speed of rendering scenes: `python -m depthlib.bench.scenes --family rooms --dtype float64`.

On a GPU: `python -m depthlib.bench.scenes --device cuda --dtype float32 --batch 256 --frames 1024`; the first batches
compile kernels, which takes a minute or two. With `--endless 8`, eight processes build scenes during rendering.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import median

import torch

from depthlib.bench import seconds
from depthlib.scenes import CLASSES, SceneDistribution, endless_scenes, make_scene
from depthlib.scenes.batch import SceneBatch, camera_tensors, pack
from depthlib.scenes.parallel import in_threads
from depthlib.scenes.renderer import render_packed


def frames_per_second(
    family: str,
    dtype: torch.dtype = torch.float64,
    device: str = "cpu",
    *,
    batch: int = 1,
    frames: int = 8,
    repetitions: int = 5,
) -> list[float]:
    """Frames per second when different scenes are rendered, after one warm-up; conversion to tensors is not timed.

    Raises:
        ValueError: a count below 1.
    """
    for name, value in (("batch", batch), ("frames", frames), ("repetitions", repetitions)):
        if value < 1:
            raise ValueError(f"{name}: found {value}, expected at least 1")
    distribution = SceneDistribution(family)
    scenes = [make_scene(distribution, "test", index) for index in range(max(frames, batch))]
    groups = [
        (
            pack(scenes[start : start + batch]),
            *camera_tensors([scene.cameras["current"] for scene in scenes[start : start + batch]]),
        )
        for start in range(0, len(scenes) - batch + 1, batch)
    ]

    def one(group: tuple[SceneBatch, torch.Tensor, torch.Tensor]) -> None:
        render_packed(*group, distribution, dtype=dtype, device=device)

    def all_frames() -> None:
        for _ in in_threads(one, groups) if torch.device(device).type == "cpu" else map(one, groups):
            pass

    return [len(groups) * batch / time for time in seconds(all_frames, 1 + repetitions, device)[1:]]


def endless_per_second(
    family: str, device: str = "cpu", *, batch: int = 1, workers: int = 0, batches: int = 8, repetitions: int = 5
) -> list[float]:
    """Frames per second of the stream of scenes, built and rendered in float32, after `batches` for warm-up."""
    stream = endless_scenes(SceneDistribution(family), batch, device=device, workers=workers)

    def some() -> None:
        for _ in range(batches):
            next(stream)

    return [batches * batch / time for time in seconds(some, 1 + repetitions, device)[1:]]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", choices=sorted(CLASSES), action="append", help="default: both")
    parser.add_argument("--dtype", choices=("float64", "float32"), action="append", help="default: both")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1, help="scenes rendered together (default 1; use 256 on a GPU)")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--endless", type=int, metavar="WORKERS", help="build scenes meanwhile, in so many processes")
    options = parser.parse_args(argv)
    batch, device, repetitions = options.batch, options.device, options.repetitions
    for family in options.family or sorted(CLASSES):
        for dtype in ("float32",) if options.endless is not None else options.dtype or ("float64", "float32"):
            if options.endless is not None:
                rates = endless_per_second(
                    family,
                    device,
                    batch=batch,
                    workers=options.endless,
                    batches=max(1, options.frames // batch),
                    repetitions=repetitions,
                )
            else:
                rates = frames_per_second(
                    family, getattr(torch, dtype), device, batch=batch, frames=options.frames, repetitions=repetitions
                )
            print(
                f"{'endless ' if options.endless is not None else ''}{family:8s}{dtype:9s}{device:6s} "
                f"threads {torch.get_num_threads()}  batch {batch:3d}  {median(rates):8.2f} frames/s  "
                f"({min(rates):.2f} to {max(rates):.2f})",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
