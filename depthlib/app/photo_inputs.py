"""Which photographs are meant by files, folders and patterns, and how their depth maps are named."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, count
from pathlib import Path

from PIL import Image

from depthlib.data.images import FORMATS, RAW_SUFFIXES
from depthlib.protocols.photograph import AnyPath


def photographs(given: Iterable[AnyPath], out: AnyPath) -> list[Path]:
    """Files as they are; of a folder all images in it, not those of its folders; of a pattern the files that match;
    sorted.

    Files of formats that are refused later (HEIC, raw) count as images: they are named instead of passed over.

    Raises:
        ValueError: a folder without images, a pattern without a match, or images taken from the folder `out`.
    """
    found = []
    for path in map(Path, given):
        if path.is_dir():
            files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in _endings() and file.is_file()]
            if not files:
                raise ValueError(f"{path}: found no image in this folder, expected files such as .jpg, .png or .webp")
        elif glob.has_magic(str(path)) and not path.exists():
            files = [file for file in map(Path, sorted(glob.glob(str(path), recursive=True))) if file.is_file()]
            if not files:
                raise ValueError(f"{path}: found no file that matches this pattern")
        else:
            found.append(path)
            continue
        if any(file.parent.resolve() == Path(out).resolve() for file in files):
            raise ValueError(
                f"out: found {out}, from which the images are taken, expected another folder for the depth maps"
            )
        found += files
    return found


def _endings() -> set[str]:
    Image.preinit()
    known = {ending for ending, name in Image.EXTENSION.items() if name in FORMATS}
    return known | {".tif", ".tiff", ".webp", ".jp2", ".avif", ".heic", *RAW_SUFFIXES}


def output_names(paths: Sequence[Path]) -> list[str]:
    """One name per path: its stem; for equal stems, ignoring case, folder_stem, then folder_stem-2, ..."""
    counts = Counter(path.stem.casefold() for path in paths)
    taken = {stem for stem, times in counts.items() if times == 1}
    names = []
    for path in paths:
        name = path.stem
        if counts[name.casefold()] > 1:
            base = f"{path.resolve().parent.name}_{name}"
            candidates = chain([base], (f"{base}-{number}" for number in count(2)))
            name = next(candidate for candidate in candidates if candidate.casefold() not in taken)
            taken.add(name.casefold())
        names.append(name)
    return names
