"""A data set that a manifest describes, with or without code, as a folder to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from depthlib.app.own_data.frame import Size, covering, cut, framed_camera, framed_map
from depthlib.data.errors import DataError
from depthlib.data.images import resize
from depthlib.data.templates import field_names


class Manifested:
    """A data set that its manifest describes, by its own loader or without code; items as those of `Labelled`."""

    kind = "labels"

    def __init__(self, dataset: Dataset, words: str) -> None:
        self.dataset, self.words, self.notes = dataset, words, []
        count = len(dataset)  # type: ignore[arg-type]
        first = dataset[0]
        if "depth" not in first:
            raise DataError(f"{words}: found items with {', '.join(first)}, expected depth in metres")
        self._size: Size = tuple(first["image"].shape[-2:])
        self.names = _names(dataset, count)

    def sizes(self) -> list[Size]:
        return [self._size] * len(self.names)

    def files(self) -> list[Path]:
        return []

    def fingerprint(self) -> str:
        return self.dataset.fingerprint()  # type: ignore[attr-defined, no-any-return]

    def read(self, position: int, frame: Size) -> dict[str, Any]:
        """Raises DataError as the data set's loader."""
        found = self.dataset[position]
        full: Size = tuple(found["image"].shape[-2:])
        image = cut(resize(found["image"][None], covering(full, frame))[0], frame)
        depth = framed_map(torch.where(found["valid"], found["depth"], 0.0), frame)
        item = {"image": image, "depth": depth, "valid": depth > 0, "name": self.names[position]}
        return item | ({"K": framed_camera(found["K"], full, frame)} if "K" in found else {})


def manifest_set(root: Path, manifest: str | None, split: str | None) -> Manifested | None:
    """The data set of a manifest: `manifest` (a name or a file), else the only .yaml in `root`, else one beside it.

    None where there is none.

    Raises:
        DataError: an unsuitable manifest, a file that does not fit it.
    """
    from depthlib.data.manifest import Generated, load_manifest
    from depthlib.data.real_sets import open_dataset

    inside, beside = sorted(root.glob("*.yaml")), root.resolve().with_suffix(".yaml")
    if manifest is None:
        if len(inside) > 1:
            raise DataError(f"{root}: found {len(inside)} .yaml files, expected one manifest, or --manifest to name it")
        if not inside and not beside.is_file():
            return None
        manifest = str(inside[0] if inside else beside)
    found = load_manifest(manifest)
    if isinstance(found, Generated):
        raise DataError(f"{found.name}: found a set that is generated, expected one in files")
    dataset = open_dataset(found, root, split, {})
    count = len(dataset)  # type: ignore[arg-type]
    fields = ", ".join(field_names(found.layout["image"].paths[0])) if "image" in found.layout else ""
    words = f"{count} pictures with depth: the manifest {found.name}" + (f", by {fields}" if fields else "")
    return Manifested(dataset, words)


def _names(dataset: Dataset, count: int) -> list[str]:
    """Of the items, by their files where these are known without reading them."""
    if pairs := getattr(dataset, "pairs", None):
        return [pair[0].rpartition(".")[0] for pair in pairs]
    entries = getattr(dataset, "entries", [])
    if all(hasattr(entry, "name") for entry in entries) and len(entries) == count:
        return [entry.name for entry in entries]
    return [f"{number:06d}" for number in range(count)]
