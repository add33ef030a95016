"""Manifests as Croissant metadata: what the format requires, and what its own library says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from depthlib.data.croissant import croissant
from depthlib.data.manifest import load_manifest, manifest_names


@pytest.mark.parametrize("name", manifest_names())
def test_croissant_has_what_the_format_requires(name: str) -> None:
    document = json.loads(json.dumps(croissant(load_manifest(name))))
    assert (
        document["conformsTo"] == "http://mlcommons.org/croissant/1.0"
        and document["description"]
        and document["license"]
    )
    ids = [item["@id"] for item in document["distribution"]]
    assert len(ids) == len(set(ids))
    for item in document["distribution"]:
        needed = {"cr:FileObject": ("contentUrl", "sha256"), "cr:FileSet": ("includes",)}[item["@type"]]
        assert all(item[key] for key in ("name", "encodingFormat", *needed)), item


def test_croissant_by_its_own_library(tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    documents = {name: load_manifest(name) for name in manifest_names()}
    for name, manifest in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(croissant(manifest)))
        assert mlcroissant.Dataset(jsonld=str(tmp_path / f"{name}.json")).metadata.name == name
