"""Opening real data sets by their manifest, for recipes and the preview."""

from __future__ import annotations

import importlib
import os
from typing import Any

from torch.utils.data import Dataset

from depthlib.data.errors import DataError
from depthlib.data.fetch import default_root
from depthlib.data.frames import ManifestFrames
from depthlib.data.manifest import Manifest, load_manifest


def real(name: str, split: str | None = None, **options: Any) -> Dataset:
    """A split of the data set called `name`, from the folder `default_root(name)`, which may be a link.

    The folder is not part of a run's key: the same data in another folder is the same run.

    Raises:
        DataError: an unknown set, or see `open_dataset`; the folder is named.
    """
    return open_dataset(load_manifest(name), default_root(name), split, options)


def open_dataset(manifest: Manifest, root: str | os.PathLike[str], split: str | None, options: dict[str, Any]) -> Dataset:
    """The data set through its own loader; without one, through `ManifestFrames`, which has no splits and no options.

    Raises:
        DataError: as the loader, or an argument that it does not have.
    """
    if manifest.loader is None:
        if split or options:
            raise DataError(f"{manifest.name}: found {split or ', '.join(options)}, expected no split and no options")
        return ManifestFrames(root, manifest)
    module, _, name = manifest.loader.partition(":")
    loader = getattr(importlib.import_module(module), name)
    try:
        return loader(root, **({"split": split} if split else {}), **options)
    except TypeError as error:                          # an option that this loader does not have
        wanted = "the loader's arguments, --split and --option on the command line"
        raise DataError(f"{manifest.name}: {error}; expected {wanted}") from error
