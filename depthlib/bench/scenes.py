"""Speed of rendering scenes: `python -m depthlib.bench.scenes --family rooms --dtype float64`.

On a GPU: `python -m depthlib.bench.scenes --device cuda --dtype float32 --batch 256 --frames 1024`; the first batches
compile kernels, which takes a minute or two. With `--endless 8`, eight processes build scenes during rendering.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

import torch

from depthlib.scenes import CLASSES, SceneDistribution, endless_scenes, make_scene
from depthlib.scenes.batch import SceneBatch, camera_tensors, pack
from depthlib.scenes.parallel import in_threads
from depthlib.scenes.renderer import render_packed


@dataclass(frozen=True)
class Speed:
    """Frames per second over several repetitions: median, and the lowest and highest."""

    family: str
    dtype: str
    device: str
    threads: int
    batch: int
    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return (f"{self.family:8s}{self.dtype:9s}{self.device:6s} threads {self.threads}  batch {self.batch:3d}  "
                f"{self.median:8.2f} frames/s  ({self.lowest:.2f} to {self.highest:.2f})")


def frames_per_second(
    family: str, dtype: torch.dtype = torch.float64, device: str = "cpu", *, batch: int = 1, frames: int = 8,
    repetitions: int = 5,
) -> Speed:
    """Time the rendering of different scenes, after one warm-up; conversion to tensors is not timed.

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
            pack(scenes[start:start + batch]),
            *camera_tensors([scene.cameras["current"] for scene in scenes[start:start + batch]]),
        )
        for start in range(0, len(scenes) - batch + 1, batch)
    ]

    def one(group: tuple[SceneBatch, torch.Tensor, torch.Tensor]) -> None:
        render_packed(*group, distribution, dtype=dtype, device=device)

    def all_frames() -> float:
        start = time.perf_counter()
        for _ in in_threads(one, groups) if torch.device(device).type == "cpu" else map(one, groups):
            pass
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize()
        return len(groups) * batch / (time.perf_counter() - start)

    all_frames()
    return _speed([all_frames() for _ in range(repetitions)], family, dtype, device, batch)


def endless_per_second(family: str, device: str = "cpu", *, batch: int = 1, workers: int = 0, batches: int = 8,
                       repetitions: int = 5) -> Speed:
    """Time the stream of endless scenes, built and rendered in float32, after `batches` for warm-up."""
    stream = endless_scenes(SceneDistribution(family), batch, device=device, workers=workers)

    def some() -> float:
        start = time.perf_counter()
        for _ in range(batches):
            next(stream)
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize()
        return batches * batch / (time.perf_counter() - start)

    some()
    return _speed([some() for _ in range(repetitions)], family, torch.float32, device, batch)


def _speed(rates: list[float], family: str, dtype: torch.dtype, device: str, batch: int) -> Speed:
    return Speed(family, str(dtype).removeprefix("torch."), device, torch.get_num_threads(), batch,
                 statistics.median(rates), min(rates), max(rates))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", choices=sorted(CLASSES), action="append", help="default: both")
    parser.add_argument("--dtype", choices=("float64", "float32"), action="append", help="default: both")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1, help="scenes rendered together (default 1; use 256 on a GPU)")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument(
        "--endless", type=int, metavar="WORKERS", help="build the scenes meanwhile, in this many processes",
    )
    options = parser.parse_args(argv)
    for family in options.family or sorted(CLASSES):
        if options.endless is not None:
            print("endless", endless_per_second(family, options.device, batch=options.batch, workers=options.endless,
                                                batches=max(1, options.frames // options.batch),
                                                repetitions=options.repetitions), flush=True)
            continue
        for dtype in options.dtype or ("float64", "float32"):
            print(
                frames_per_second(
                    family, getattr(torch, dtype), options.device, batch=options.batch, frames=options.frames,
                    repetitions=options.repetitions,
                ),
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
