"""MATLAB files: small ones of version 5, read whole, and the split of NYU Depth v2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from depthlib.base.text import one_line
from depthlib.data.errors import DataError
from depthlib.data.files import read_bytes

# Field names of the two files in circulation; the second counts images from 5001.
SPLIT_KEYS = {"train": "trainNdxs", "test": "testNdxs"}
SPLIT_KEYS_5000 = {"train": "train", "val": "val", "trainval": "trainval", "test": "test"}


def load_v5(path: Path, key: str) -> Any:
    """The array `key` of a MATLAB file before version 7.3.

    Raises:
        DataError: missing, empty, damaged, of version 7.3, or without the array.
    """
    from scipy.io import loadmat

    read_bytes(path)
    try:
        arrays = loadmat(path)
    except NotImplementedError:
        raise DataError(f"{path}: found a MATLAB file of version 7.3 (HDF5), expected one before it") from None
    except Exception as error:          # damaged files raise nearly every type
        raise DataError(f"{path}: damaged or not a MATLAB file ({one_line(error)})") from error
    if key not in arrays:
        there = ", ".join(name for name in arrays if not name.startswith("__"))
        raise DataError(f"{path}: found the arrays {there or '(none)'}, expected {key}")
    return arrays[key]


def read_split(path: Path, split: str) -> np.ndarray:
    """Numbers of the images of a split, counted from 1, int64 [N], ascending.

    Args:
        path: splits.mat (train 795, test 654), or nyusplits.mat (train 381, val 414, trainval 795, test 654; index +
            5000).

    Raises:
        DataError: no such split in the file, numbers below 1 or twice there, or numbers of test images.
    """
    keys = SPLIT_KEYS_5000 if path.name.startswith("nyusplits") else SPLIT_KEYS
    offset = 5000 if keys is SPLIT_KEYS_5000 else 0
    if split not in keys:
        raise DataError(f"split: found {split!r}, expected one of {', '.join(keys)} ({path.name})")
    numbers, test = (np.sort(np.asarray(load_v5(path, keys[name])).ravel().astype(np.int64)) - offset for name in (split, "test"))
    if numbers.size == 0 or numbers[0] < 1 or len(np.unique(numbers)) != numbers.size:
        raise DataError(f"{path}: found {numbers.size} numbers for {split!r} from {numbers.min(initial=0)}, expected different "
                        "ones from 1")
    if split != "test" and (shared := np.intersect1d(numbers, test)).size:
        raise DataError(f"{path}: found image {shared[0]} in {split!r} and in 'test', expected no image in both")
    return numbers
