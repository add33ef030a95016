"""Opening real data sets by their manifest, for recipes and the preview."""

from __future__ import annotations

import importlib
import inspect
import os
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

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


def open_dataset(
    manifest: Manifest, root: str | os.PathLike[str], split: str | None, options: dict[str, Any]
) -> Dataset:
    """The data set through its own loader; without one, through `ManifestFrames`, which has no splits and no options.

    What a loader reads outside of `root` is looked for where it belongs, unless an option names it: the published lists
    (`lists`), and the annotated depth of KITTI's benchmark. A list `<split>.txt` in `root` replaces the published one.

    Raises:
        DataError: as the loader, or an argument that it does not have.
    """
    if manifest.loader is None:
        if split or options:
            raise DataError(f"{manifest.name}: found {split or ', '.join(options)}, expected no split and no options")
        return ManifestFrames(root, manifest)
    if takes(manifest, "lists"):
        options = {"lists": default_root("lists")} | options
    if options.get("depth") == "annotated" and takes(manifest, "annotated"):
        options = {"annotated": default_root("kitti-depth") / "annotated"} | options
    own = Path(root) / f"{split}.txt"
    try:
        return _loader(manifest)(root, **({"split": own if own.is_file() else split} if split else {}), **options)
    except TypeError as error:  # an option that this loader does not have
        wanted = "the loader's arguments, --split and --option on the command line"
        raise DataError(f"{manifest.name}: {error}; expected {wanted}") from error


def typed_options(manifest: Manifest, options: Mapping[str, str]) -> dict[str, Any]:
    """Options from the command line as the types of the loader's arguments: "2" as a number, "a,b" as a sequence.

    Raises:
        DataError: a text that is no such value.
    """
    if manifest.loader is None:
        return dict(options)
    hints = get_type_hints(_loader(manifest).__init__)
    return {name: _typed(f"option {name}", hints.get(name, str), text) for name, text in options.items()}


def takes(manifest: Manifest, option: str) -> bool:
    """Whether the loader of a data set has an argument of that name."""
    return manifest.loader is not None and option in inspect.signature(_loader(manifest)).parameters


def _loader(manifest: Manifest) -> type[Dataset]:
    module, _, name = str(manifest.loader).partition(":")
    return getattr(importlib.import_module(module), name)


def _typed(where: str, hint: Any, text: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in arguments if kind is not type(None)]
        return None if text in ("None", "null") and len(kinds) < len(arguments) else _typed(where, kinds[0], text)
    if origin is Literal:
        if (found := {str(value): value for value in arguments}.get(text, ...)) is ...:
            raise DataError(f"{where}: found {text!r}, expected one of {', '.join(map(str, arguments))}")
        return found
    if origin in (tuple, list, Sequence):
        parts = [part.strip() for part in text.strip("[]()").split(",") if part.strip()]
        if origin is tuple and arguments[-1] is not Ellipsis and len(parts) != len(arguments):
            raise DataError(f"{where}: found {len(parts)} values, expected {len(arguments)}, with commas between them")
        return tuple(_typed(where, arguments[0], part) for part in parts)
    if hint is bool:
        if text.lower() not in ("true", "false"):
            raise DataError(f"{where}: found {text!r}, expected true or false")
        return text.lower() == "true"
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError:
            raise DataError(
                f"{where}: found {text!r}, expected {'a whole number' if hint is int else 'a number'}"
            ) from None
    return text
