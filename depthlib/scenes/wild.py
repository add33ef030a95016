"""Scenes for networks that are applied to photographs: any camera, imperfect pictures, things that move, clutter.

A photograph does not tell how far away things are, unless its focal length is known: a scene that is twice as large,
seen with twice the focal length, gives almost the same image. So a network learns depth as if every picture had been
taken with one focal length, and its output is converted for the camera at hand (Metric3D, Yin et al. 2023,
arXiv:2307.10984, Sec. 3.1).
"""

from __future__ import annotations

import hashlib
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from depthlib.scenes.distribution import SceneDistribution

CANONICAL_FOCAL = 0.81  # image widths
_ANY_CAMERA = {
    "camera_height": (0.6, 2.0),
    "field_of_view": (45.0, 85.0),
    "exposure": (-1.0, 0.7),
    "noise": 3.0,
    "blur": 0.6,
    "moving_share": 0.7,
    "clutter": 1.0,
}
_WILD = {"rooms": {"pitch": (-40.0, 10.0)}, "streets": {"pitch": (-8.0, 8.0)}}
_LENGTHS = ("depth", "depth_true", "baseline")


def wild(family: str, **knobs: Any) -> SceneDistribution:
    """The distribution of the scenes for photographs; `knobs` (size, other ranges) take precedence over its own.

    Raises what `SceneDistribution` raises.
    """
    return SceneDistribution(**({"family": family} | _ANY_CAMERA | _WILD.get(family, {}) | knobs))


class CanonicalFocal(Dataset):
    """Items with all lengths in metres multiplied by `focal` / f, where f is the item's own focal length.

    Lengths are depth, depth_true, baseline and the translations of T_*: scene and motion are scaled together, so views
    still warp onto each other. Focal lengths are in image widths, K[0, 0] / W; K, image and flow do not change.

    Args:
        dataset: items with image and K. focal: image widths.

    Raises:
        ValueError: a focal length that is not above 0.
    """

    def __init__(self, dataset: Dataset, focal: float = CANONICAL_FOCAL) -> None:
        if not focal > 0:
            raise ValueError(f"focal: found {focal!r}, expected a number above 0")
        self.dataset, self.focal = dataset, focal

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = dict(self.dataset[index])
        scale = self.focal * item["image"].shape[-1] / float(item["K"][0, 0])
        for name, value in item.items():
            if name in _LENGTHS:
                item[name] = value * scale
            elif name.startswith("T_"):
                item[name] = value.clone()
                item[name][..., :3, 3] *= scale
        return item

    def fingerprint(self) -> str:
        """That of the dataset, and the focal length."""
        text = f"focal {self.focal} {self.dataset.fingerprint()}"  # type: ignore[attr-defined]
        return hashlib.sha256(text.encode()).hexdigest()


def metric_depth(depth: Tensor, focal: float, canonical: float = CANONICAL_FOCAL) -> Tensor:
    """Metres of a depth that a network trained on `CanonicalFocal` gives for a camera of another focal length.

    Args:
        depth: any shape. focal: of the camera. canonical: of `CanonicalFocal`, or of any training with one focal
            length. Both in the same unit: image widths, K[0, 0] / W, for images of the format of the training; for any
            format, a portrait for one, multiples of sqrt(H W) (`depthlib.geometry.focal.relative_focal`, with the
            reason).

    Raises:
        ValueError: a focal length that is not above 0.
    """
    for name, value in (("focal", focal), ("canonical", canonical)):
        if not value > 0:
            raise ValueError(f"{name}: found {value!r}, expected a number above 0")
    return depth * (focal / canonical)
