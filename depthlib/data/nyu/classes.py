"""The 894 labels of NYU Depth v2 as 40, 13 or 4 classes (Gupta et al. 2013, Couprie et al. 2013, Silberman et al.
2012).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthlib.base.labels import IGNORE
from depthlib.data.errors import DataError
from depthlib.data.files import read_arrays

LABELS = 894
NAMES13 = (
    "bed",
    "books",
    "ceiling",
    "chair",
    "floor",
    "furniture",
    "objects",
    "picture",
    "sofa",
    "table",
    "tv",
    "wall",
    "window",
)
NAMES4 = ("floor", "structure", "furniture", "prop")
# Position i - 1 holds the coarser class, counted from 1, of the i-th of the 40 classes, as in the mapping files.
MAP13 = (
    12,
    5,
    6,
    1,
    4,
    9,
    10,
    12,
    13,
    6,
    8,
    6,
    13,
    10,
    6,
    13,
    6,
    7,
    7,
    5,
    7,
    3,
    2,
    6,
    11,
    7,
    7,
    7,
    7,
    7,
    7,
    6,
    7,
    7,
    7,
    7,
    7,
    7,
    6,
    7,
)
MAP4 = (
    2,
    1,
    3,
    3,
    3,
    3,
    3,
    2,
    2,
    3,
    4,
    2,
    2,
    3,
    3,
    2,
    3,
    4,
    4,
    4,
    4,
    2,
    4,
    3,
    4,
    4,
    4,
    2,
    4,
    2,
    4,
    3,
    3,
    4,
    4,
    3,
    4,
    2,
    3,
    4,
)
COARSER = {13: MAP13, 4: MAP4}


def read_mapping40(path: Path) -> Tensor:
    """`mapClass` of classMapping40.mat: [895] int64, the class 1 to 40 of each label 0 to 894; 0 for label 0,
    unlabelled.

    Raises:
        DataError: no such file, not a MATLAB file, or another array than 894 classes from 1 to 40.
    """
    classes = read_arrays(path, "mapClass")[0].ravel()
    if classes.size != LABELS or classes.dtype.kind != "u" or classes.min() < 1 or classes.max() > 40:
        raise DataError(
            f"{path}: found mapClass with {classes.size} {classes.dtype} values, expected {LABELS} classes, 1 to 40"
        )
    return torch.from_numpy(np.concatenate([[0], classes]).astype(np.int64))


def coarsen(labels: Tensor, classes: int) -> Tensor:
    """40-class labels (0 to 39, 255 ignored) as `classes` of them: 40 as they are, 13 or 4. Any shape, int64.

    Raises:
        DataError: another number of classes, or a label that is neither.
    """
    if classes != 40 and classes not in COARSER:
        raise DataError(f"classes: found {classes!r}, expected 40, 13 or 4")
    labels = labels.long()
    wrong = labels[((labels < 0) | (labels > 39)) & (labels != IGNORE)]
    if wrong.numel():
        raise DataError(f"labels: found {int(wrong[0])}, expected 0 to 39, or {IGNORE} for no label")
    table = torch.full((256,), IGNORE)
    table[:40] = torch.arange(40) if classes == 40 else torch.tensor(COARSER[classes]) - 1
    return table[labels]


def class_table(mapping40: Tensor, classes: int) -> Tensor:
    """[895] int64: the class, from 0, of each label 0 to 894, 255 for label 0. `table[labels]` maps an image."""
    return coarsen(torch.where(mapping40 == 0, IGNORE, mapping40 - 1), classes)
