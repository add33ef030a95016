"""Horizontal flips: the mirrored scene, seen by a mirrored camera."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from depthlib.data.transforms.base import Transform
from depthlib.data.transforms.draws import Draw
from depthlib.data.transforms.fields import CAMERAS, FLOWS, GRID, Sample, choose, disparity_in_pixels, is_pose
from depthlib.geometry import flip_intrinsics, invert_pose

# Fields that remain valid when the views are swapped; labels and neighbours in time belong to the left view alone.
OF_BOTH_VIEWS = ("image", "right", "K", "K_right", "baseline", "T_right_current")


@dataclass(frozen=True)
class RandomFlip(Transform):
    """Mirror an image with its labels, cameras, poses and pairs, with probability `p`.

    A point (x, y, z) becomes (-x, y, z): pixels u -> W - 1 - u, cx -> W - 1 - cx, poses M T M with M = diag(-1, 1, 1,
    1), the x of normals and flow changes its sign, points of pairs are mirrored.

    Args:
        p: probability per image.
        swap_views: for stereo pairs. Mirroring exchanges left and right, so the views are also swapped: the mirrored
            right view becomes `image`. Labels of the left view, which the right one lacks, are not allowed.

    Raises:
        ValueError: `p` outside 0 to 1; a sample with `right` or disparity in pixels without `swap_views`; with it, a
            sample without `right` or with labels or neighbours of the left view (remove them with `Drop`).
    """

    p: float = 0.5
    swap_views: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p: found {self.p!r}, expected a probability, 0 to 1")

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        if self.p > 0:
            self._check(batch)
        chosen = draw(1)[:, 0] < self.p
        if not bool(chosen.any()):
            return batch
        return choose(chosen, mirror(_exchanged(batch) if self.swap_views else batch), batch)

    def _check(self, batch: Sample) -> None:
        if self.swap_views:
            if "right" not in batch:
                raise ValueError("swap_views: found a sample without 'right', expected a stereo pair")
            bound = [
                key for key in batch if (key in GRID or is_pose(key) or key == "pairs") and key not in OF_BOTH_VIEWS
            ]
            if bound:
                raise ValueError(
                    f"swap_views: found {', '.join(bound)}, which belong to the left view alone, expected a sample "
                    "without them (take them out with Drop)"
                )
        elif "right" in batch:
            raise ValueError(
                "right: found a stereo pair, whose cameras a mirror exchanges; expected swap_views=True or p=0"
            )
        elif disparity_in_pixels(batch):
            raise ValueError(
                "disparity: found disparity in pixels, which a mirror would turn negative; expected a sample "
                "without it (take it out with Drop)"
            )


def mirror(batch: Sample) -> Sample:
    """All images of a batch mirrored, with their labels, cameras, poses and pairs. Views are not swapped."""
    out, width = dict(batch), batch["image"].shape[-1]
    for key, value in batch.items():
        if key in GRID:
            out[key] = value.flip(-1)
            if key == "normals" or key in FLOWS:
                out[key][:, 0].neg_()  # flip has copied
        elif key in CAMERAS:
            out[key] = flip_intrinsics(value, width)
        elif is_pose(key):
            sign = value.new_tensor([-1, 1, 1, 1])
            out[key] = value * sign[:, None] * sign
        elif key == "pairs":
            y1, x1, y2, x2, relation = value.unbind(-1)
            out[key] = torch.stack((y1, width - 1 - x1, y2, width - 1 - x2, relation), dim=-1)
    return out


def _exchanged(batch: Sample) -> Sample:
    """The pair with its views swapped."""
    out = batch | {"image": batch["right"], "right": batch["image"]}
    if "K_right" in batch:
        out |= {"K": batch["K_right"], "K_right": batch["K"]}
    if "T_right_current" in batch:
        out["T_right_current"] = invert_pose(batch["T_right_current"])
    return out
