"""Manifests: every field is checked, and the loaders do what they say."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifest_example import changed, load

from depthlib.base import paths
from depthlib.data import diode, mai, make3d, sevenscenes, sunrgbd, tum
from depthlib.data.errors import DataError
from depthlib.data.lists import read_list
from depthlib.data.manifest import Generated, Manifest, load_manifest, manifest_names


@pytest.mark.parametrize("name", manifest_names())
def test_every_manifest_is_sound(name: str) -> None:
    manifest = load_manifest(name)
    if isinstance(manifest, Manifest) and manifest.loader:
        module, _, loader = manifest.loader.partition(":")
        assert callable(getattr(importlib.import_module(module), loader))


@pytest.mark.parametrize("name", manifest_names())
def test_lists_are_those_of_the_samples(name: str) -> None:
    """Line counts and sha256 of every list, where the samples have it."""
    folder = paths.samples_dir()
    if folder is None:
        pytest.skip("DEPTHLIB_SAMPLES names no folder")
    manifest = load_manifest(name)
    for split in getattr(manifest, "splits", {}).values() if isinstance(manifest, Manifest) else ():
        if (file := folder / "splits" / split.list).is_file():
            read_list(file, split)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("tittle", "x", r"example.yaml: found the unknown field 'tittle', expected any of name, title"),
        ("title", ..., r"found no field 'title', expected one"),
        ("title", 3, r"example.yaml.title: found 3 \(int\), expected str"),
        ("terms.accept", "no", r"terms.accept: found 'no' \(str\), expected bool"),
        ("encodings.depth.scale", "256", r"encodings.depth.scale: found '256' \(str\), expected float"),
        ("encodings.depth.scale", 0, r"encodings.depth: scale: found 0.0, expected stored units per metre > 0"),
        ("encodings.depth.scale", True, r"encodings.depth.scale: found True \(bool\)"),
        ("encodings.depth.scale", ..., r"encodings.depth: found scale None and formula None"),
        ("encodings.depth.unit", "feet", r"encodings.depth.unit: found 'feet' \(str\), expected one of 'metre'"),
        ("encodings.depth.range", [100, 1], r"range: found \[100.0, 1.0\], expected the smaller value first"),
        ("encodings.depth.range", [1], r"encodings.depth.range: found 1 values, expected 2"),
        ("encodings.depth.invalid", 0, r"encodings.depth.invalid: found 0 \(int\), expected a list"),
        ("layout.image.encoding", "color", r"layout.image.encoding: found 'color', expected one of colour, depth"),
        ("layout.image.paths", [], r"layout.image: paths: found none"),
        (
            "layout.image.paths",
            ["../{frame}.png"],
            r"layout.image: path: found '../\{frame\}.png', expected one below the root",
        ),
        ("layout.image.paths", ["/data/x.png"], r"expected one below the root"),
        ("layout.image.paths", ["{frame:f}.png"], r"found the field \{frame:f\}"),
        ("layout.image.paths", ["{frame.png"], r"path template"),
        (
            "layout.image.paths",
            ["{scan}.png"],
            r"splits.train: found no 'scan' in its entry, expected it for layout.image",
        ),
        ("splits.train.needs", ["lidar"], r"splits.train.needs: found 'lidar', expected one of image, depth"),
        ("splits.train.sha256", "ABC", r"splits.train: sha256: found 'ABC', expected 64 lower-case"),
        ("splits.train.lines", True, r"splits.train.lines: found True \(bool\), expected int"),
        ("splits.train.values", {"camera": {2: "02"}}, r"values.camera: found the key 2, expected text"),
        ("intrinsics", [{"what": "c", "fx": 1.0}], r"intrinsics\[0\]: found part of fx, fy, cx, cy"),
        ("name", "other", r"found name 'other', expected 'example'"),
    ],
)
def test_schema_names_file_and_field(tmp_path: Path, where: str, value: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, changed(where, value))


def test_nothing_to_fetch_where_terms_are_due(tmp_path: Path) -> None:
    document = changed("terms.accept", True)
    document["obtain"]["files"] = [{"url": "https://example.org/a", "to": "a", "sha256": "0" * 64, "size": 1}]
    with pytest.raises(DataError, match="terms must be accepted at the source"):
        load(tmp_path, document)


def test_key_that_stands_twice_and_not_yaml(tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text("name: example\nterms:\n  accept: true\n  accept: false\n")
    with pytest.raises(DataError, match="example.yaml: line 4: found key 'accept' twice"):
        load_manifest(file)
    file.write_text("name: [")
    with pytest.raises(DataError, match="not readable as YAML"):
        load_manifest(file)
    with pytest.raises(DataError, match="no-such: no such manifest, expected one of .*lists"):
        load_manifest("no-such")


def test_generated_data_has_a_form_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "made.yaml"
    document = {
        "name": "made",
        "description": "Scenes.",
        "licence": "Apache-2.0",
        "frame": {"image": "uint8"},
        "splits": {},
        "families": {"rooms": {"frames": {"val": ["00ff"]}}},
    }
    file.write_text(yaml.safe_dump(document))
    made = load_manifest(file)
    assert isinstance(made, Generated) and made.families["rooms"]["frames"]["val"] == ["00ff"]


@pytest.mark.parametrize(
    "name, encoding",
    [
        ("sunrgbd", sunrgbd.DEPTH),
        ("tum", tum.DEPTH),
        ("sevenscenes", sevenscenes.DEPTH),
        ("diode", diode.DEPTH),
        ("mai", mai.DEPTH),
        ("make3d", make3d.DEPTH),
    ],
)
def test_manifests_state_what_the_loaders_do(name: str, encoding: object) -> None:
    assert load_manifest(name).encodings["depth"] == encoding
