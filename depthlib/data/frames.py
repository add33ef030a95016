"""A loader for any data set with one image file and one depth file per frame, configured by its manifest alone.

To load other frames, write a manifest with the kinds of file "image" and "depth", and perhaps "pose" (the
camera-to-world matrix of the frame, 12 or 16 numbers as text); no code is needed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.data.dataset_base import check_camera, pinhole
from depthlib.data.encoding import decode, read_stored
from depthlib.data.errors import DataError
from depthlib.data.files import read_numbers, read_text, require_size
from depthlib.data.images import read_image
from depthlib.data.manifest import Manifest
from depthlib.data.templates import field_names, pattern
from depthlib.data.video import checked_pose


class Pairs(NamedTuple):
    """The files of frames, sorted: those with image and depth, and the images and depths that have no partner.

    `poses`: image -> its file of kind "pose"; None where the manifest has no such kind.
    """

    pairs: list[tuple[str, str]]
    images: list[str]
    depths: list[str]
    poses: dict[str, str] | None


def pair_frames(manifest: Manifest, files: Iterable[str]) -> Pairs:
    """Pair those of `files` (paths below the root) whose templates have the same values in their fields.

    Raises:
        DataError: a manifest without image and depth, or with other fields in one of them.
    """
    layout = manifest.layout
    if not {"image", "depth"} <= set(layout):
        raise DataError(f"{manifest.name}: found the layouts {', '.join(layout) or '(none)'}, expected image and depth")
    kinds = [kind for kind in ("image", "depth", "pose") if kind in layout]
    fields = {frozenset(field_names(path)) for kind in kinds for path in layout[kind].paths}
    if len(fields) != 1:
        raise DataError(
            f"{manifest.name}: found other fields in the paths of {' and '.join(kinds[1:])}, expected those of image"
        )
    every = sorted(files)
    images, depths, *rest = (_found(layout[kind].paths, every) for kind in kinds)
    both = images.keys() & depths.keys()
    poses = {images[key]: path for key, path in rest[0].items() if key in images} if rest else None
    alone = [sorted(path for key, path in found.items() if key not in both) for found in (images, depths)]
    return Pairs(sorted((images[key], depths[key]) for key in both), *alone, poses)


def _found(templates: tuple[str, ...], every: Sequence[str]) -> dict[tuple[tuple[str, str], ...], str]:
    """Values of the fields -> path; of several templates the first one that exists counts."""
    found: dict[tuple[tuple[str, str], ...], str] = {}
    for template in templates:
        expression = pattern(template)
        for path in every:
            if match := expression.fullmatch(path):
                found.setdefault(tuple(sorted(match.groupdict().items())), path)
    return found


class ManifestFrames(Dataset):
    """Pairs of image and depth whose templates have the same values in their fields, sorted by the image's path.

    An item is a dictionary: image float32 [3, H, W] in [0, 1], depth float32 [1, H, W] metres (0 invalid), valid bool
    [1, H, W], name; K float32 [3, 3] where the manifest's first camera has numbers; T_world_camera float32 [4, 4] where
    it has files of kind "pose".

    Args:
        root: the folder.
        manifest: with layout.image and layout.depth of the same fields, and a depth encoding in metres with a scale.

    Attributes:
        unpaired: images without a depth, which are left out.

    Raises:
        DataError: an unsuitable manifest, no pair of files, or a pose that is missing; of an item: a file that is
            damaged, has another type or size, no valid depth, a camera of another image, or a pose that is none.
    """

    def __init__(self, root: str | os.PathLike[str], manifest: Manifest) -> None:
        self.root = Path(root)
        layout = manifest.layout
        encoding = manifest.encodings.get(layout["depth"].encoding or "") if {"image", "depth"} <= set(layout) else None
        if encoding is None or encoding.unit != "metre" or encoding.scale is None:
            wanted = "image and depth, and of depth an encoding in metres with a scale"
            raise DataError(f"{manifest.name}: found the layouts {', '.join(layout) or '(none)'}, expected {wanted}")
        self.encoding, self._camera = (
            encoding,
            next((camera for camera in manifest.intrinsics if camera.fx is not None), None),
        )
        files = (path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())
        self.pairs, self.unpaired, depths, self._poses = pair_frames(manifest, files)
        if not self.pairs:
            found = f"{len(self.unpaired)} images and {len(depths)} depths and no pair"
            raise DataError(
                f"{self.root}: found {found}, expected some as "
                f"{' and '.join(layout[kind].paths[0] for kind in ('image', 'depth'))}"
            )
        if self._poses is not None and (without := [image for image, _ in self.pairs if image not in self._poses]):
            raise DataError(
                f"{self.root}: found no pose for {without[0]} ({len(without)} images), expected "
                f"{layout['pose'].paths[0]}"
            )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, position: int) -> dict[str, Any]:
        image_path, depth_path = self.pairs[position]
        image = read_image(self.root / image_path)
        values, valid = decode(read_stored(self.root / depth_path, self.encoding), self.encoding)
        require_size(self.root / depth_path, values.shape, image.shape[1:])
        depth = torch.from_numpy(values).float()[None]
        mask = torch.from_numpy(valid)[None] & torch.isfinite(depth)
        if not mask.any():
            raise DataError(f"{self.root / depth_path}: found no valid depth, expected some")
        item = {
            "image": image,
            "depth": torch.where(mask, depth, 0.0),
            "valid": mask,
            "name": image_path.rpartition(".")[0],
        }
        if camera := self._camera:
            wanted = (camera.height or image.shape[1], camera.width or image.shape[2])
            require_size(self.root / image_path, tuple(image.shape[1:]), wanted)
            item["K"] = pinhole((camera.fx, camera.fy, camera.cx, camera.cy))
            check_camera(self.root / image_path, item["K"], image)
        if self._poses is not None:
            item["T_world_camera"] = _pose(self.root / self._poses[image_path])
        return item

    def fingerprint(self) -> str:
        """SHA-256 over the names and sizes of the files."""
        files = [path for pair in self.pairs for path in pair]
        listed = "\n".join(f"{path} {(self.root / path).stat().st_size}" for path in files)
        return hashlib.sha256(listed.encode()).hexdigest()


def _pose(path: Path) -> Tensor:
    """Camera to world, [4, 4] float32."""
    numbers = read_text(path).split()
    rows = read_numbers(path, (3, 4) if len(numbers) == 12 else (4, 4))
    whole = rows if len(rows) == 4 else np.vstack((rows, [0.0, 0.0, 0.0, 1.0]))
    return checked_pose(path, torch.from_numpy(whole)).float()
