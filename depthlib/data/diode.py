"""DIODE: laser-scanned depth indoors and outdoors (MIT; Vasiljevic et al. 2019)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from depthlib.base.text import one_line
from depthlib.data.dataset_base import Camera, RealDataset, frame, one_of, pinhole
from depthlib.data.errors import DataError
from depthlib.data.files import read_arrays, read_text, require_folder
from depthlib.data.images import read_image
from depthlib.data.manifest import Encoding
from depthlib.data.maps import decoded
from depthlib.geometry import scale_intrinsics

KINDS = ("indoors", "outdoor")  # one with s, one without, as the folders are named
CAMERA: Camera = (886.81, 927.06, 512.0, 384.0)
HEIGHT, WIDTH = 768, 1024
DEPTH = Encoding("npy", "float32", "metre", scale=1, invalid=(0,), range=(0.2, 400))


class DIODE(RealDataset[tuple[Path, Path, Path]]):
    """DIODE: image, depth, valid, K, name ("00022_00195_outdoor_010_020").

    A pixel is valid if its mask says so and its depth is positive; the devkit's own metrics leave the mask out.

    Args:
        root: the folder with train/ and val/, below them indoors/ and outdoor/, scene_*/scan_*/.
        split: "train" or "val".
        kinds: "indoors", "outdoor" or both.
        meta: diode_meta.json, to use only the images it lists; None for all on disk. (It lists 220 and 392 validation
            images; the archive has more.)
        camera: fx, fy, cx, cy; None: that of the set, scaled where the files are smaller than its 1024 x 768.

    Raises:
        DataError: files are missing, or, when an item is read, a file that is not as above.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        kinds: Sequence[str] = KINDS,
        meta: str | os.PathLike[str] | None = None,
        camera: Camera | None = None,
    ) -> None:
        one_of("split", split, ("train", "val"))
        for kind in kinds:
            one_of("kinds", kind, KINDS)
        root = require_folder(root, "the folder with train/ and val/")
        self._camera = None if camera is None else pinhole(camera)
        if meta is not None:
            images = [root / split / path for path in listed(Path(meta), split, kinds)]
        else:
            images = [path for kind in kinds for path in sorted(root.glob(f"{split}/{kind}/scene_*/scan_*/*.png"))]
        endings = (".png", "_depth.npy", "_depth_mask.npy")
        entries = [tuple(path.with_name(f"{path.stem}{ending}") for ending in endings) for path in images]
        super().__init__(root, split, entries, f"{split}/ ({', '.join(kinds)})" if meta is None else str(meta))

    def read(self, entry: tuple[Path, Path, Path]) -> dict[str, Any]:
        image, depth_file, mask_file = entry
        (depth,), (mask,) = read_arrays(depth_file, "array"), read_arrays(mask_file, "array")
        if depth.ndim == 3 and depth.shape[2] == 1:
            depth = depth[..., 0]
        if not np.isin(mask, (0, 1)).all():
            raise DataError(f"{mask_file}: found other values than 0 and 1, expected a mask")
        # Pixels without a measurement may hold any value; only pixels that the mask calls valid are checked.
        checked = decoded(depth_file, depth, DEPTH, mask == 1)
        pixels, K = read_image(image), self._camera
        if K is None:
            K = scale_intrinsics(pinhole(CAMERA)[None], pixels.shape[-1] / WIDTH, pixels.shape[-2] / HEIGHT)[0]
        return frame(depth_file, image.stem, pixels, checked, K)


def listed(path: Path, split: str, kinds: Sequence[str]) -> list[str]:
    """Paths of the images that diode_meta.json lists, below train/ or val/.

    Raises:
        DataError: missing, not JSON, or without the split or kind.
    """
    try:
        tree = json.loads(read_text(path))[split]
        return [
            f"{kind}/{scene}/{scan}/{name}.png"
            for kind in kinds
            for scene, scans in tree[kind].items()
            for scan, names in scans.items()
            for name in names
        ]
    except (KeyError, AttributeError, TypeError, json.JSONDecodeError) as error:
        found = f"no names for {split} and {', '.join(kinds)} ({one_line(error)})"
        raise DataError(f"{path}: found {found}, expected split, kind, scene, scan, names") from error
