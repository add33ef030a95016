"""A loader for any data set with one image file and one depth file per frame, configured by its manifest alone.

To load other frames, write a manifest with the kinds of file "image" and "depth"; no code is needed.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from depthlib.data.dataset_base import pinhole
from depthlib.data.encoding import decode, read_stored
from depthlib.data.errors import DataError
from depthlib.data.files import require_size
from depthlib.data.images import read_image
from depthlib.data.manifest import Manifest
from depthlib.data.templates import field_names, pattern


class ManifestFrames(Dataset):
    """Pairs of image and depth whose templates have the same values in their fields, sorted by the image's path.

    An item is a dictionary: image float32 [3, H, W] in [0, 1], depth float32 [1, H, W] metres (0 invalid), valid bool
    [1, H, W], name, and K float32 [3, 3] where the manifest's first camera has numbers.

    Args:
        root: the folder.
        manifest: with layout.image and layout.depth of the same fields, and a depth encoding in metres with a scale.

    Raises:
        DataError: an unsuitable manifest, or no pair of files; of an item: a file that is damaged, has another type or
            size, or no valid depth.
    """

    def __init__(self, root: str | os.PathLike[str], manifest: Manifest) -> None:
        self.root = Path(root)
        layout = manifest.layout
        encoding = manifest.encodings.get(layout["depth"].encoding or "") if {"image", "depth"} <= set(layout) else None
        if encoding is None or encoding.unit != "metre" or encoding.scale is None:
            wanted = "image and depth, and of depth an encoding in metres with a scale"
            raise DataError(f"{manifest.name}: found the layouts {', '.join(layout) or '(none)'}, expected {wanted}")
        names = {kind: {frozenset(field_names(path)) for path in layout[kind].paths} for kind in ("image", "depth")}
        if names["image"] != names["depth"] or len(names["image"]) != 1:
            raise DataError(f"{manifest.name}: found other fields in the paths of depth, expected those of image")
        self.encoding, self._cameras = encoding, manifest.intrinsics
        images, depths = (self._found(layout[kind].paths) for kind in ("image", "depth"))
        self.pairs = sorted((images[key], depths[key]) for key in images.keys() & depths.keys())
        if not self.pairs:
            found = f"{len(images)} images and {len(depths)} depths and no pair"
            wanted = " and ".join(layout[kind].paths[0] for kind in names)
            raise DataError(f"{self.root}: found {found}, expected some as {wanted}")

    def _found(self, templates: tuple[str, ...]) -> dict[tuple[tuple[str, str], ...], str]:
        """Values of the fields -> path; of several templates the first one that exists counts."""
        every = sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())
        found: dict[tuple[tuple[str, str], ...], str] = {}
        for template in templates:
            expression = pattern(template)
            for path in every:
                if match := expression.fullmatch(path):
                    found.setdefault(tuple(sorted(match.groupdict().items())), path)
        return found

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
        item = {"image": image, "depth": torch.where(mask, depth, 0.0), "valid": mask, "name": image_path.rpartition(".")[0]}
        for camera in self._cameras[:1]:
            if camera.fx is not None:
                item["K"] = pinhole((camera.fx, camera.fy, camera.cx, camera.cy))
        return item

    def fingerprint(self) -> str:
        """SHA-256 over the names and sizes of the files."""
        files = [path for pair in self.pairs for path in pair]
        listed = "\n".join(f"{path} {(self.root / path).stat().st_size}" for path in files)
        return hashlib.sha256(listed.encode()).hexdigest()
