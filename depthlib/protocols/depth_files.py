"""Anybody's depth maps on disk: one file as metres, and which file of one folder belongs to which of another."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthlib.base.text import one_line
from depthlib.data.depth_png import read_depth_png
from depthlib.data.errors import DataError

SUFFIXES = (".png", ".npy", ".npz")


def read_depth(path: str | os.PathLike[str], scale: float | None = None, key: str | None = None) -> Tensor:
    """A depth map in metres, [H,W] float64, 0 = unknown.

    Args:
        path: 16-bit PNG, npy or npz; arrays [H,W], axes of length 1 aside.
        scale: units per metre. None: that written in a PNG, 1 for arrays of floats; integers need it.
        key: the array of an npz file that holds several.

    Raises:
        DataError: missing, damaged, 8-bit, of another shape; no scale; NaN, infinite or negative depth.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".png":
            depth = read_depth_png(path, scale).double().numpy()
        elif path.suffix.lower() in SUFFIXES:
            depth = _array(path, scale, key)
        else:
            raise DataError(f"{path}: found the ending {path.suffix!r}, expected one of {', '.join(SUFFIXES)}")
    except DataError:
        raise
    except (OSError, ValueError, EOFError, KeyError) as error:
        message = one_line(error)
        raise DataError(message if message.startswith(str(path)) else f"{path}: cannot be read ({message})") from error
    for what, bad in (("NaN or infinite depths", ~np.isfinite(depth)), ("negative depths", depth < 0)):
        if bad.any():
            raise DataError(f"{path}: found {int(bad.sum())} {what}, expected metres, 0 where unknown")
    return torch.from_numpy(depth)


def _array(path: Path, scale: float | None, key: str | None) -> np.ndarray:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.lib.npyio.NpzFile):
        with loaded:
            names = loaded.files
            name = key if key is not None else names[0] if len(names) == 1 else "depth"
            if name not in names:
                wanted = key or "one array, or one named depth: name one (--pred-key, --gt-key)"
                raise DataError(f"{path}: found the arrays {', '.join(names)}, expected {wanted}")
            loaded = loaded[name]
    shape = [side for side in loaded.shape if side != 1]
    if len(shape) != 2 or loaded.dtype.kind not in "fiu":
        raise DataError(f"{path}: found {loaded.dtype} {list(loaded.shape)}, expected numbers [H,W]")
    if scale is None and loaded.dtype.kind != "f":
        raise DataError(f"{path}: found whole numbers ({loaded.dtype}), expected a scale with them (1000 for mm)")
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise DataError(f"{path}: found the scale {scale}, expected units per metre above 0")
    return loaded.reshape(shape).astype(np.float64) / (scale or 1.0)


def depth_files(folder: str | os.PathLike[str], pattern: str | None = None) -> dict[str, Path]:
    """Name -> file, sorted, for all depth files of a folder and the folders in it.

    The name is the path below the folder without its ending, or with a `pattern` like "*_depth16.png" what its one star
    stands for; files that do not fit the pattern are passed over.

    Raises:
        DataError: no such folder, no such file in it, two files of one name, a pattern without exactly one star.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: found no such folder")
    if pattern is not None and pattern.count("*") != 1:
        raise DataError(f"pattern: found {pattern!r}, expected exactly one *, for example *_depth16.png")
    head, _, tail = (pattern or "*").partition("*")
    named: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        fits = path.suffix.lower() in SUFFIXES and path.name.startswith(head) and path.name.endswith(tail)
        if not fits or path.name.startswith(".") or len(path.name) < len(head) + len(tail):
            continue
        stem = path.name[len(head) : len(path.name) - len(tail)] if pattern else path.stem
        name = path.parent.relative_to(folder).joinpath(stem).as_posix()
        if name in named:
            raise DataError(
                f"{path}: found a second file named {name} beside {named[name].name}, expected one; give a pattern"
            )
        named[name] = path
    if not named:
        raise DataError(f"{folder}: found no file {pattern or 'ending in ' + ', '.join(SUFFIXES)}")
    return named


def pair_files(pred: dict[str, Path], gt: dict[str, Path]) -> tuple[list[tuple[str, Path, Path]], list[str]]:
    """(name, prediction, truth) of every truth, and the names of predictions that have none.

    A truth in a folder, "kitchen/7", that has no prediction of this name takes "kitchen_7" or "7", as `depthlib
    predict` names the depth of kitchen/7.jpg, unless another truth could have that, too.

    Raises:
        DataError: a truth without a prediction.
    """
    times = Counter(form for name in gt for form in _forms(name))
    partner = {
        name: next((form for form in _forms(name) if form in pred and (form == name or times[form] == 1)), None)
        for name in gt
    }
    if missing := [name for name, found in partner.items() if found is None]:
        example = next(iter(pred))
        raise DataError(
            f"{gt[missing[0]]}: found no prediction named {missing[0]} ({len(missing)} of {len(gt)} have none; "
            f"predictions are named like {example}), expected one for every truth"
        )
    used = set(partner.values())
    return [(name, pred[partner[name]], path) for name, path in gt.items()], [name for name in pred if name not in used]


def _forms(name: str) -> dict[str, None]:
    """What a prediction of this name may be called, the surest first."""
    parts = name.split("/")
    return dict.fromkeys((name, "_".join(parts[-2:]), parts[-1]))
