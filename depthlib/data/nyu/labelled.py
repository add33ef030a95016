"""The labelled set of NYU Depth v2: 1449 images in one MATLAB 7.3 file (Silberman et al. 2012)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from depthlib.base.text import one_line
from depthlib.data.dataset_base import Camera, frame, one_of, pinhole
from depthlib.data.errors import DataError
from depthlib.data.files import fingerprint, read_arrays, require_folder
from depthlib.data.manifest import Encoding
from depthlib.data.maps import decoded
from depthlib.data.nyu.classes import class_table, read_mapping40

FILE = "nyu_depth_v2_labeled.mat"
# The colour camera of the toolbox. The depth maps were projected into its view.
CAMERA: Camera = (518.85790117450188, 519.46961112127485, 325.58244941119034, 253.73616633400465)
KEYS = {"filled": "depths", "raw": "rawDepths"}
# Field names of the two files in circulation; the second counts images from 5001.
SPLIT_KEYS = {"train": "trainNdxs", "test": "testNdxs"}
SPLIT_KEYS_5000 = {"train": "train", "val": "val", "trainval": "trainval", "test": "test"}
DEPTH = {
    name: Encoding("mat", "float32", "metre", scale=1, invalid=(0,), along="z", range=(0.4, 12), key=key)
    for name, key in KEYS.items()
}


class NYULabelled(torch.utils.data.Dataset):
    """NYU Depth v2, labelled: image, depth, valid, K, name ("0001": the image's number, from 1), and semantics if asked
    for.

    The file is written by MATLAB, so in HDF5 every array has its axes reversed; they are restored here. It is opened
    once per process, at the first item.

    Args:
        root: folder with nyu_depth_v2_labeled.mat and splits.mat (and classMapping40.mat for `classes`).
        split: "train" (795), "test" (654) or "all"; with nyusplits.mat also "val" and "trainval".
        depth: "filled" (in-painted, valid everywhere) or "raw" (the sensor's, with holes).
        classes: 40, 13 or 4; None gives no semantics. semantics is int64 [H,W] from 0, 255 without a label.
        split_file: name of the split's file under the root.
        camera: fx, fy, cx, cy for files of another size than 640 x 480.

    Raises:
        DataError: a file is missing, damaged, transposed, or does not have the images that the split names.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        depth: str = "filled",
        classes: int | None = None,
        split_file: str = "splits.mat",
        camera: Camera = CAMERA,
    ) -> None:
        one_of("depth", depth, tuple(KEYS))
        one_of("classes", classes, (None, 40, 13, 4))
        self.root, self.split = require_folder(root, f"the folder of {FILE}"), split
        self.path, self.encoding, self.classes = self.root / FILE, DEPTH[depth], classes
        self._camera = pinhole(camera)
        self._open: tuple[int, Any] | None = None
        count = self._check_layout()
        self.numbers = np.arange(1, count + 1) if split == "all" else read_split(self.root / split_file, split)
        if self.numbers[-1] > count:
            raise DataError(
                f"{self.root / split_file}: found image {self.numbers[-1]}, expected 1 to {count} as {FILE} has them"
            )
        self._table = (
            None if classes is None else class_table(read_mapping40(self.root / "classMapping40.mat"), classes)
        )

    def _check_layout(self) -> int:
        """The number of images, after the axes of every array in use were checked."""
        file = self._file()
        keys = ["images", self.encoding.key] + ([] if self.classes is None else ["labels"])
        if missing := [key for key in keys if key not in file]:
            raise DataError(f"{self.path}: found the arrays {', '.join(file)}, expected {missing[0]}")
        shape = file["images"].shape
        # Images are wider than high; reversed axes put the width before the height.
        if len(shape) != 4 or shape[1] != 3 or shape[2] <= shape[3]:
            wanted = "[N, 3, width, height] as MATLAB writes it, wider than high"
            raise DataError(f"{self.path}: found images {list(shape)}, expected {wanted}: transposed?")
        for key in keys[1:]:
            wanted = (shape[0], *shape[2:])
            if (found := file[key].shape) != wanted:
                raise DataError(f"{self.path}: found {key} {list(found)}, expected {list(wanted)}: transposed?")
        return shape[0]

    def _file(self) -> Any:
        import h5py

        if self._open is None or self._open[0] != os.getpid():  # a handle must not cross into a worker process
            try:
                self._open = os.getpid(), h5py.File(self.path, "r")
            except FileNotFoundError:
                raise DataError(f"{self.path}: no such file") from None
            except OSError as error:
                raise DataError(f"{self.path}: cut off, or not a MATLAB 7.3 (HDF5) file ({one_line(error)})") from error
        return self._open[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None}

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, position: int) -> dict[str, Any]:
        number = int(self.numbers[range(len(self))[position]])
        where = self.path.with_name(f"{FILE}[{number}]")
        image = torch.from_numpy(
            np.ascontiguousarray(self._slice("images", number).swapaxes(1, 2), dtype=np.float32) / 255
        )
        depth = decoded(where, self._slice(self.encoding.key, number).T, self.encoding)
        item = frame(where, f"{number:04d}", image, depth, self._camera)
        if self._table is not None:
            labels = torch.from_numpy(self._slice("labels", number).T.astype(np.int64))
            if int(labels.max()) >= len(self._table):
                raise DataError(f"{where}: found label {int(labels.max())}, expected 0 to {len(self._table) - 1}")
            item["semantics"] = self._table[labels]
        return item

    def _slice(self, key: str | None, number: int) -> np.ndarray:
        try:
            return self._file()[key][number - 1]
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"{self.path}: {key} of image {number} is damaged or cut off ({one_line(error)})"
            ) from error

    def fingerprint(self) -> str:
        """SHA-256 over the file's name and size, the split's numbers, and the options `depth` and `classes`."""
        note = f"NYULabelled {self.encoding.key} {self.classes} {self.numbers.tolist()}\n"
        return fingerprint(self.root, [self.path], note=note)


def read_split(path: Path, split: str) -> np.ndarray:
    """Numbers of the images of a split, counted from 1, int64 [N], ascending.

    Args:
        path: splits.mat (train 795, test 654), or nyusplits.mat (train 381, val 414, trainval 795, test 654; index +
            5000).

    Raises:
        DataError: no such split in the file, numbers below 1 or twice there, or numbers of test images.
    """
    keys, offset = (SPLIT_KEYS_5000, 5000) if path.name.startswith("nyusplits") else (SPLIT_KEYS, 0)
    if split not in keys:
        raise DataError(f"split: found {split!r}, expected one of {', '.join(keys)} ({path.name})")
    arrays = read_arrays(path, keys[split], keys["test"])
    numbers, test = (np.sort(array.ravel().astype(np.int64)) - offset for array in arrays)
    if numbers.size == 0 or numbers[0] < 1 or len(np.unique(numbers)) != numbers.size:
        found = f"{numbers.size} numbers for {split!r} from {numbers.min(initial=0)}"
        raise DataError(f"{path}: found {found}, expected different ones from 1")
    if split != "test" and (shared := np.intersect1d(numbers, test)).size:
        raise DataError(f"{path}: found image {shared[0]} in {split!r} and in 'test', expected no image in both")
    return numbers
