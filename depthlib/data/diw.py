"""DIW: photographs from the web, each with one pair of points and a human annotation of which is farther.

Chen et al. 2016; format and signs as in its code.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from depthlib.data.dataset_base import RealDataset, one_of
from depthlib.data.errors import DataError
from depthlib.data.files import read_text, require_folder
from depthlib.data.images import read_image

LISTS = {"train": "DIW_train.csv", "val": "DIW_val.csv", "test": "DIW_test.csv"}
FOLDER = "DIW_Annotations_splitted"


class DIW(RealDataset[int]):
    """DIW: image, pairs, name.

    pairs is int64 [1,5] with columns y1, x1, y2, x2, relation; rows and columns count from 0 (the file counts from 1),
    relation is +1 where the first point is farther, -1 where it is nearer.

    Args:
        root: the folder with DIW_Annotations_splitted/ and the images' folders.
        split: "train", "val" or "test".

    Raises:
        DataError: list or images are missing, a line is not as above, or an image has another size than its line says.
    """

    def __init__(self, root: str | os.PathLike[str], split: str) -> None:
        one_of("split", split, tuple(LISTS))
        root = require_folder(root, f"the folder with {FOLDER}/")
        path = root / FOLDER / LISTS[split]
        names, self.points = read_annotations(path)
        self._paths = [root / name for name in names]
        super().__init__(root, split, range(len(names)), str(path))

    def files(self, entry: int) -> tuple[Path, ...]:
        return (self._paths[entry],)

    def read(self, entry: int) -> dict[str, Any]:
        path, (*pair, width, height) = self._paths[entry], self.points[entry].tolist()
        return {"image": read_image(path, (height, width)), "pairs": torch.tensor([pair]), "name": path.stem}


def read_annotations(path: Path) -> tuple[list[str], np.ndarray]:
    """Names of the images, and int64 [N,7]: y1, x1, y2, x2 (from 0), relation, width, height.

    The file has two lines an image: its path, then yA,xA,yB,xB,sign,width,height; '>' means that A is farther than B.

    Raises:
        DataError: missing, an odd number of lines, a field that is not a number, another sign than < or >, or a point
            outside its image.
    """
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not lines or len(lines) % 2:
        raise DataError(f"{path}: found {len(lines)} lines, expected two for each image")
    fields = [line.split(",") for line in lines[1::2]]
    for number, (line, row) in enumerate(zip(lines[1::2], fields, strict=True)):
        if len(row) != 7 or row[4].strip() not in ("<", ">"):
            wanted = "yA,xA,yB,xB,sign,width,height with < or >"
            raise DataError(f"{path}, line {2 * number + 2}: found {line!r}, expected {wanted}")
    signs = np.array([1 if row[4].strip() == ">" else -1 for row in fields])
    try:
        values = np.array([(*row[:4], *row[5:]) for row in fields]).astype(np.int64)
    except ValueError as error:
        raise DataError(f"{path}: found a field that is not a whole number ({error})") from None
    points, size = values[:, :4] - 1, values[:, [5, 4, 5, 4]]
    outside = ((points < 0) | (points >= size)).any(axis=1)
    if outside.any():
        line, wanted = 2 * int(outside.argmax()) + 1, "points inside the image, counted from 1"
        raise DataError(f"{path}, line {line + 1}: found {lines[line]!r}, expected {wanted}")
    names = [name.removeprefix("./") for name in lines[0::2]]
    return names, np.column_stack([points, signs, values[:, 4:]])
