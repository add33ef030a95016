"""Folders with labels in files: `images/` with `depth/`, `pairs.csv`, or the list of TUM RGB-D."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depthlib.app.own_data.camera import FILES, folder_camera
from depthlib.app.own_data.frame import (
    Size,
    framed_camera,
    framed_map,
    framed_photo,
    natural,
    picture_size,
    pictures,
    require_some,
    same_format,
)
from depthlib.app.photo_camera import Lens
from depthlib.data.depth_png import LARGEST, depth_kind
from depthlib.data.errors import DataError
from depthlib.data.files import read_lines, read_text
from depthlib.data.maps import read_png
from depthlib.protocols.depth_files import depth_files, read_depth

IMAGES, DEPTHS, MASKS = ("images", "rgb", "color", "colour"), ("depth", "depths"), ("mask", "masks", "valid")
PATTERNS = (None, "*_depth16.png", "*_depth.png", "*.depth.png", "*_depth.npy", "*_depth.npz")
PLAUSIBLE = (0.03, 300.0)  # metres, of the median of a map: nearer and farther ones are in another unit


@dataclass(frozen=True)
class Pair:
    """Files of one item; without a mask every positive depth counts."""

    name: str
    image: Path
    depth: Path
    mask: Path | None = None


class Labelled:
    """Pictures with depth in files.

    `read` gives image float32 [3, *frame] in [0, 1], depth float32 [1, *frame] metres, 0 where unknown, valid, name,
    and K where the camera is known.
    """

    kind = "labels"

    def __init__(self, pairs: list[Pair], words: str, notes: list[str], scale: float | None, lens: Lens, root: Path):
        self.pairs, self.words, self.notes, self.scale = pairs, words, list(notes), scale
        self.names = [pair.name for pair in pairs]
        _check_unit(pairs[0].depth, scale)
        first = pairs[0].image
        given = lens.focal is not None or lens.view is not None
        folders = [root, first.parent]
        if given or any((folder / name).is_file() for folder in folders for name in FILES):
            self.camera: Tensor | None = (found := folder_camera(folders, lens, first, picture_size(first))).K
            self.notes.append(found.source)
            self.full = picture_size(first)
        else:
            self.camera = None

    def sizes(self) -> list[Size]:
        return [picture_size(pair.image) for pair in self.pairs]

    def files(self) -> list[Path]:
        return [path for pair in self.pairs for path in (pair.image, pair.depth, pair.mask) if path is not None]

    def read(self, position: int, frame: Size) -> dict[str, Any]:
        """Raises DataError, which names the file."""
        pair = self.pairs[position]
        image, full = framed_photo(pair.image, frame)
        depth = read_depth(pair.depth, self.scale).float()[None]
        own: Size = (depth.shape[1], depth.shape[2])
        if not same_format(own, full):
            found = f"depth of {own[1]} x {own[0]} for a picture of {full[1]} x {full[0]} pixels"
            raise DataError(f"{pair.depth}: found {found}, expected one format, so that pixels can be matched")
        if self.scale is not None and pair.depth.suffix.lower() == ".png":
            depth[depth >= LARGEST / self.scale] = 0  # the largest number of a depth camera says that it saw nothing
        if pair.mask is not None:
            depth = torch.where(torch.from_numpy(read_png(pair.mask, 8, own)) > 0, depth, 0.0)
        _check_depth(pair.depth, depth, self.scale)
        depth = framed_map(depth, frame)
        item = {"image": image, "depth": depth, "valid": depth > 0, "name": pair.name}
        if self.camera is not None:
            if full != self.full:
                raise DataError(
                    f"{pair.image}: found {full[1]} x {full[0]} pixels, expected {self.full[1]} x {self.full[0]}, "
                    "the size for which the camera is given"
                )
            item["K"] = framed_camera(self.camera, full, frame)
        return item


def depth_folder(root: Path, scale: float | None, lens: Lens) -> Labelled | None:
    """`images/` with `depth/`, perhaps `mask/`: pairs share their name. None where the two are not there.

    Raises:
        DataError: an empty folder, no pair, a mask that is missing, no unit.
    """
    images, depths, masks = (_first(root, names) for names in (IMAGES, DEPTHS, MASKS))
    if images is None or depths is None:
        return None
    photos = _named(images, "picture")
    named, pattern = _partners(depths, photos)
    both = sorted(photos.keys() & named.keys(), key=natural)
    if not both:
        raise DataError(
            f"{images}: found no picture with a depth of its name (pictures are named like {next(iter(photos))}, "
            f"depths like {next(iter(named))}), expected pairs, or pairs.csv with the columns image and depth"
        )
    covers = _named(masks, "mask") if masks is not None else {}
    if masks is not None and (without := [name for name in both if name not in covers]):
        raise DataError(
            f"{masks}: found no mask named {without[0]} ({len(without)} of {len(both)} pairs have none), "
            "expected one for every pair, or no folder of masks"
        )
    pairs = [Pair(name, photos[name], named[name], covers.get(name)) for name in both]
    notes = [
        f"{count} {what} left out: no {other} of their name"
        for count, what, other in (
            (len(photos) - len(both), "pictures", "depth"),
            (len(named) - len(both), "depths", "picture"),
        )
        if count
    ]
    ending = f" ({pattern})" if pattern else ""
    words = f"{len(pairs)} pictures with depth: {images.name}/ and {depths.name}/{ending}"
    return Labelled(pairs, words + (f", masks in {masks.name}/" if masks else ""), notes, scale, lens, root)


def associated(root: Path, scale: float | None, lens: Lens) -> Labelled | None:
    """`associate.txt` as for TUM RGB-D: lines "time picture time depth". None where there is none, or no pair of it."""
    file = root / "associate.txt"
    lines = read_lines(file, fields=4) if file.is_file() else []
    there = [line for line in lines if (root / line[1]).is_file() and (root / line[3]).is_file()]
    if not there:
        return None
    pairs = [Pair(Path(line[1]).with_suffix("").as_posix(), root / line[1], root / line[3]) for line in there]
    absent = len(lines) - len(there)
    notes = [f"{absent} lines of associate.txt name files that are not there"] if absent else []
    return Labelled(pairs, f"{len(pairs)} pictures with depth: associate.txt", notes, scale, lens, root)


def pairs_list(root: Path, scale: float | None, lens: Lens) -> Labelled | None:
    """`pairs.csv`: a line an item, with the columns image and depth, perhaps mask. None where there is none.

    Raises:
        DataError: other columns, no line, a file that is missing, no unit.
    """
    file = root / "pairs.csv"
    if not file.is_file():
        return None
    table = csv.DictReader(io.StringIO(read_text(file)))
    columns = [name.strip() for name in table.fieldnames or ()]
    if not {"image", "depth"} <= set(columns):
        raise DataError(f"{file}: found the columns {', '.join(columns) or '(none)'}, expected image and depth")
    table.fieldnames = columns
    pairs = []
    for number, row in enumerate(table, 2):
        cells = {name: (row.get(name) or "").strip() for name in ("image", "depth", "mask")}
        if empty := [name for name in columns if name in cells and not cells[name]]:
            raise DataError(f"{file}, line {number}: found no {empty[0]}, expected a file, {empty[0]} missing?")
        paths = {name: root / cell for name, cell in cells.items() if cell}
        if lost := [path for path in paths.values() if not path.is_file()]:
            raise DataError(f"{file}, line {number}: {lost[0]}: no such file")
        pairs.append(Pair(Path(cells["image"]).with_suffix("").as_posix(), **paths))
    if not pairs:
        raise DataError(f"{file}: found no line below the heading, expected one for each picture")
    return Labelled(pairs, f"{len(pairs)} pictures with depth: pairs.csv", [], scale, lens, root)


def _first(root: Path, names: tuple[str, ...]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _named(folder: Path, what: str) -> dict[str, Path]:
    """Pictures of a folder and the folders in it, by their path below it without ending."""
    found: dict[str, Path] = {}
    for inner in (folder, *sorted(path for path in folder.rglob("*") if path.is_dir())):
        for path in pictures(inner):
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                raise DataError(f"{path}: found a second {what} named {name} beside {found[name].name}, expected one")
            found[name] = path
    require_some(list(found.values()), folder, what)
    return found


def _partners(depths: Path, photos: dict[str, Path]) -> tuple[dict[str, Path], str | None]:
    """Depth files by name: of the patterns of `PATTERNS` the first that gives pairs."""
    plain = depth_files(depths)
    for pattern in PATTERNS:
        try:
            named = depth_files(depths, pattern) if pattern else plain
        except DataError:  # no file of this pattern
            continue
        if photos.keys() & named.keys():
            return named, pattern
    return plain, None


def _check_unit(path: Path, scale: float | None) -> None:
    """The unit must be known before anything is read."""
    if path.suffix.lower() == ".png":
        read_png(path, 16)  # names 8 bits and colours, which are no depth
        if (kind := depth_kind(path)) != "metre":
            raise DataError(f"{path}: found {kind} depth, as the file says, expected metres")
    if scale is not None:
        return
    try:
        read_depth(path)
    except DataError as error:
        if "scale" not in str(error):
            raise
        raise DataError(
            f"{path}: found whole numbers and no unit, expected --depth-scale, units per metre "
            "(1000 for millimetres, 256 for KITTI, 5000 for TUM)"
        ) from None


def _check_depth(path: Path, depth: Tensor, scale: float | None) -> None:
    known = depth[depth > 0]
    if not known.numel():
        raise DataError(f"{path}: found no valid depth, expected some")
    middle = float(known.median())
    if not PLAUSIBLE[0] <= middle <= PLAUSIBLE[1]:
        raise DataError(
            f"{path}: found a median depth of {middle:g} m at {scale or 1:g} units per metre, expected "
            f"{PLAUSIBLE[0]:g} to {PLAUSIBLE[1]:g}: another unit? (--depth-scale 1000 for millimetres)"
        )
