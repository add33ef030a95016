"""How fast scenes are made and rendered: `python -m depthlib.bench.scenes --family rooms --dtype float64`."""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

import torch

from depthlib.data.scenes import CLASSES, SceneDistribution, make_scene, render
from depthlib.data.scenes.parallel import in_threads
from depthlib.data.scenes.solids import Scene


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
    family: str, dtype: torch.dtype = torch.float64, device: str = "cpu", *, batch: int = 1, frames: int = 8, repetitions: int = 5
) -> Speed:
    """Time the rendering of different scenes of the default distribution, after one warm-up; building them is not timed.

    Raises:
        ValueError: a count below 1.
    """
    for name, value in (("batch", batch), ("frames", frames), ("repetitions", repetitions)):
        if value < 1:
            raise ValueError(f"{name}: found {value}, expected at least 1")
    distribution = SceneDistribution(family)
    scenes = [make_scene(distribution, "test", index) for index in range(max(frames, batch))]
    groups = [scenes[start:start + batch] for start in range(0, len(scenes) - batch + 1, batch)]

    def one(group: list[Scene]) -> None:
        render(group, [scene.cameras["current"] for scene in group], distribution, dtype=dtype, device=device)

    def all_frames() -> float:
        start = time.perf_counter()
        for _ in in_threads(one, groups) if torch.device(device).type == "cpu" else map(one, groups):
            pass
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize()
        return len(groups) * batch / (time.perf_counter() - start)

    all_frames()
    rates = [all_frames() for _ in range(repetitions)]
    return Speed(
        family,
        str(dtype).removeprefix("torch."),
        device,
        torch.get_num_threads(),
        batch,
        statistics.median(rates),
        min(rates),
        max(rates),
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", choices=sorted(CLASSES), action="append", help="default: both")
    parser.add_argument("--dtype", choices=("float64", "float32"), action="append", help="default: both")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1, help="scenes rendered together (default 1; use 64 on a GPU)")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args(argv)
    for family in options.family or sorted(CLASSES):
        for dtype in options.dtype or ("float64", "float32"):
            print(frames_per_second(family, getattr(torch, dtype), options.device, batch=options.batch, frames=options.frames,
                                    repetitions=options.repetitions), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
