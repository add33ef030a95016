"""The meaning of the keys of a Sample to transforms, and its conversion to a checked batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from depthlib.base.labels import IGNORE
from depthlib.geometry import pixel_grid
from depthlib.geometry.warp import inside

Sample = dict[str, Any]

IMAGES = ("image", "right", "previous", "next")
MAPS = ("depth", "depth_true", "disparity", "relative")  # measured values, some of which are invalid
FLOWS = ("flow_next", "flow_previous")  # [2, H, W], pixels to the right and down
OCCLUDED = {"occluded_next": "flow_next", "occluded_previous": "flow_previous"}
LABELS = ("valid", "disparity_valid", "defect", "semantics", "instances", "moving", *OCCLUDED)
GRID = (*IMAGES, *MAPS, *LABELS, *FLOWS, "normals")  # all per-pixel fields
CAMERAS = ("K", "K_right")
POINTS = ("pairs", "pairs_valid")
FLAT = ("semantics", "instances")  # [H, W], without an axis of channels


def is_pose(key: str) -> bool:
    """Whether the key names a pose, T_dst_src."""
    return key.startswith("T_")


def nothing(key: str) -> int:
    """The value of a per-pixel field where nothing is known: 0; the ignored class for semantics; true for occlusion."""
    return IGNORE if key == "semantics" else int(key in OCCLUDED)


def disparity_in_pixels(batch: Sample) -> bool:
    """Whether `disparity` counts pixels of a stereo pair. Sets of relative depth use the name for 1 - `relative`."""
    return "disparity" in batch and "relative" not in batch


def as_batch(sample: Sample) -> tuple[Sample, bool]:
    """The sample as a batch, and whether it was a single item.

    Raises:
        TypeError: not a dictionary, or `image` is not a floating tensor.
        ValueError: `image` is not [3,H,W] or [B,3,H,W]; a map, camera, pose or pairs of another shape; a tensor of more
            than one axis with an unknown key, which would not be transformed.
    """
    if not isinstance(sample, dict):
        raise TypeError(f"sample: found {type(sample).__name__}, expected a dictionary with the key 'image'")
    image = sample.get("image")
    if not isinstance(image, Tensor) or not image.is_floating_point():
        found = f"dtype {image.dtype}" if isinstance(image, Tensor) else type(image).__name__
        raise TypeError(f"image: found {found}, expected a floating tensor, [3,H,W] or [B,3,H,W] in [0, 1]")
    if image.ndim not in (3, 4) or image.shape[-3] != 3:
        raise ValueError(f"image: found shape {list(image.shape)}, expected [3,H,W] or [B,3,H,W]")
    single = image.ndim == 3
    batch = {key: value[None] if single and isinstance(value, Tensor) else value for key, value in sample.items()}
    count, _, height, width = batch["image"].shape
    for key, value in batch.items():
        if isinstance(value, Tensor):
            _check(key, value, count, height, width)
    return batch, single


def as_item(batch: Sample) -> Sample:
    """The only item of a batch of one."""
    return {key: value[0] if isinstance(value, Tensor) else value for key, value in batch.items()}


def per_image(batch: Sample, change: Callable[[Sample, int], Sample]) -> Sample:
    """`change(batch of one, position)` of every image, stacked again: for transforms that cannot be batched."""
    count = batch["image"].shape[0]
    if count == 1:
        return change(batch, 0)
    parts = [
        change({key: value[i : i + 1] if isinstance(value, Tensor) else value for key, value in batch.items()}, i)
        for i in range(count)
    ]
    return {
        key: torch.cat([part[key] for part in parts]) if isinstance(value, Tensor) else value
        for key, value in parts[0].items()
    }


def choose(chosen: Tensor, yes: Sample, no: Sample) -> Sample:
    """Image by image from `yes` where `chosen` [B] (bool, on the CPU), else from `no`; both have the same keys."""
    if bool(chosen.all()):
        return yes
    if not bool(chosen.any()):
        return no
    return {
        key: torch.where(chosen.to(value.device).view(-1, *[1] * (value.ndim - 1)), yes[key], value)
        if isinstance(value, Tensor)
        else value
        for key, value in no.items()
    }


def with_lost_points(batch: Sample) -> Sample:
    """The sample after its pixels have moved: occluded are also the points whose flow now ends outside the image.

    Raises:
        ValueError: an occlusion mask without its flow.
    """
    out, size = dict(batch), batch["image"].shape[-2:]
    for mask, flow in OCCLUDED.items():
        if mask in batch:
            if flow not in batch:
                raise ValueError(
                    f"{mask}: found without {flow}, which tells the points that leave the image, expected "
                    "both or none (take it out with Drop)"
                )
            ends = batch[flow] + pixel_grid(*size, dtype=batch[flow].dtype, device=batch[flow].device)
            out[mask] = batch[mask] | ~inside(ends, *size)
    return out


def within(batch: Sample, points: Tensor, size: tuple[int, int]) -> Sample:
    """`pairs` at new `points` [B,P,4] (row, column, row, column); `pairs_valid` is false where one is outside."""
    last = points.new_tensor([*size, *size]) - 1
    inside = ((points >= 0) & (points <= last)).all(dim=-1)
    # A pair that lost a point must still index into the image, since depth may be read before masking.
    pairs = torch.cat((torch.minimum(points.clamp(min=0), last), batch["pairs"][..., 4:]), dim=-1)
    return {"pairs": pairs, "pairs_valid": inside & batch.get("pairs_valid", torch.ones_like(inside))}


def _check(key: str, value: Tensor, count: int, height: int, width: int) -> None:
    if key in GRID:
        channels = () if key in FLAT else (2 if key in FLOWS else 3 if key in IMAGES or key == "normals" else 1,)
        expected: tuple[int | None, ...] = (count, *channels, height, width)
    elif key in CAMERAS:
        expected = (count, 3, 3)
    elif is_pose(key):
        expected = (count, 4, 4)
    elif key in POINTS:
        expected = (count, None, 5) if key == "pairs" else (count, None)
    elif value.ndim > 2:
        raise ValueError(
            f"sample: found the tensor {key!r} {list(value.shape)}, expected keys whose change is known "
            f"({', '.join((*GRID, *CAMERAS, *POINTS))}, T_*); named resolutions come last"
        )
    else:
        expected = (count, *[None] * max(value.ndim - 1, 0))
    fits = value.ndim == len(expected) and all(w is None or h == w for h, w in zip(value.shape, expected, strict=True))
    if not fits:
        words = "any" if None in expected else ""
        shape = str([words if size is None else size for size in expected]).replace("'", "")
        raise ValueError(
            f"{key}: found shape {list(value.shape)}, expected {shape} (counting the batch) beside an image of "
            f"{height} x {width}"
        )
