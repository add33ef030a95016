"""An unlimited stream of new scenes, built by worker processes and rendered in float32 on the training device."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from depthlib.scenes.batch import SceneBatch, camera_tensors, pack
from depthlib.scenes.distribution import SceneDistribution
from depthlib.scenes.generate import make_scene
from depthlib.scenes.renderer import intrinsics, render_packed
from depthlib.scenes.sensor import sensed, sensor_seed


def endless_scenes(
    distribution: SceneDistribution,
    batch_size: int,
    *,
    first: int = 0,
    device: torch.device | str = "cpu",
    workers: int = 0,
) -> Iterator[dict[str, Tensor]]:
    """Batches of the scenes number `first`, `first` + 1, ... of the split "train", each shown once.

    The same numbers give the same scenes as `SceneDataset`, without its rounding to 8 and 16 bits and without defective
    labels. The batches do not depend on the number of workers.

    Args:
        batch_size: scenes in a batch, B. 64 or more on a GPU; an image of 96 x 192 needs about 50 MB while it is
            rendered.
        workers: processes that build scenes; 0 builds them in this one. One process built 90 (streets) to 270 (rooms) a
            second in a measurement.

    Yields:
        image [B, 3, H, W] in [0, 1]; depth [B, 1, H, W] metres, 0 without a surface; valid [B, 1, H, W] bool;
        semantics [B, H, W] int64; K [B, 3, 3] pixels; all on `device`.

    Raises:
        TypeError, ValueError: another type of argument, one below its minimum, or a `defect_share` above 0.
    """
    if not isinstance(distribution, SceneDistribution):
        raise TypeError(f"distribution: found {type(distribution).__name__}, expected a SceneDistribution")
    for name, value, least in (("batch_size", batch_size, 1), ("first", first, 0), ("workers", workers, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name}: found {value!r}, expected an integer of at least {least}")
    if distribution.defect_share > 0:
        raise ValueError(
            f"defect_share: found {distribution.defect_share}, expected 0: endless scenes have no defective labels"
        )
    return _rendered(distribution, _Built(distribution, batch_size, first), torch.device(device), workers)


def _rendered(
    distribution: SceneDistribution, built: _Built, device: torch.device, workers: int
) -> Iterator[dict[str, Tensor]]:
    for batch, position, rotation, k, seeds in DataLoader(built, batch_size=None, num_workers=workers):
        frames = render_packed(batch, position, rotation, distribution, k=k, dtype=torch.float32, device=device)
        image = sensed(frames.image, seeds, distribution.noise, distribution.blur)
        yield {
            "image": image,
            "depth": frames.depth,
            "valid": frames.depth > 0,
            "semantics": frames.semantics,
            "K": k.to(device, torch.float32),
        }


class _Built(IterableDataset):
    """Scenes, cameras and intrinsics as CPU tensors, and seeds of the noise.

    Each worker builds every n-th batch, and the loader keeps their order.
    """

    def __init__(self, distribution: SceneDistribution, batch_size: int, first: int) -> None:
        self.distribution, self.batch_size, self.first = distribution, batch_size, first

    def __iter__(self) -> Iterator[tuple[SceneBatch, Tensor, Tensor, Tensor, list[int]]]:
        worker = get_worker_info()
        number, of = (0, 1) if worker is None else (worker.id, worker.num_workers)
        start = self.first + number * self.batch_size
        while True:
            scenes = [make_scene(self.distribution, "train", start + i) for i in range(self.batch_size)]
            k = torch.stack([intrinsics(self.distribution, scene.focal) for scene in scenes])
            seeds = [sensor_seed(scene.seed, "current") for scene in scenes]
            yield pack(scenes), *camera_tensors([scene.cameras["current"] for scene in scenes]), k, seeds
            start += of * self.batch_size
