"""Telling depthlib where a data set lies: a link beside the sets that it fetched itself."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from depthlib.data.errors import DataError
from depthlib.data.fetch import default_root
from depthlib.data.manifest import Manifest, load_manifest


def link(name: str, folder: str | os.PathLike[str]) -> Path:
    """Let the data set `name` be found in `folder`, whatever link was there. Returns the link, `default_root(name)`.

    Raises:
        DataError: an unknown or a generated set, no such folder, or the set is there already, not as a link.
        OSError: the system refuses links (Windows without developer mode does).
    """
    if not isinstance(load_manifest(name), Manifest):
        raise DataError(f"{name}: found a generated set, expected one with files")
    target, place = Path(os.path.realpath(Path(folder).expanduser())), default_root(name)
    if not target.is_dir():
        raise DataError(f"{folder}: found no such folder, expected the root of {name}")
    if place.exists() and not place.is_symlink():
        raise DataError(f"{place}: found the set itself, expected no folder or a link: move it away first")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        made = Path(scratch, name)
        made.symlink_to(target, target_is_directory=True)
        os.replace(made, place)
    return place
