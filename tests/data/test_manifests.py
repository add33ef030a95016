"""Manifests: every field is checked, and a folder is compared with what they say. Each fault is put there by the test."""

from __future__ import annotations

import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from depthlib.app.data_cli import data as command
from depthlib.base import paths
from depthlib.data.errors import DataError
from depthlib.data.lists import read_list
from depthlib.data.manifest import Generated, Manifest, load_manifest, manifest_names
from depthlib.data.templates import field_names, fill, pattern
from depthlib.data.verify import verify

LIST = b"city/a 5 l\ncity/a 6 r\ncity/b 5 l\n"


def example() -> dict[str, Any]:
    """A manifest of a made-up set in the style of KITTI, as YAML would give it."""
    return {
        "name": "example", "title": "Example", "what": "Two drives.", "citation": "Nobody, 2000.",
        "terms": {"licence": "CC0", "accept": False}, "obtain": {"how": "Write it.", "where": "https://example.org"},
        "layout": {
            "image": {"paths": ["{drivepath}/image_{camera}/{frame:010d}.png", "{drivepath}/image_{camera}/{frame:010d}.jpg"],
                      "what": "Colour.", "encoding": "colour"},
            "depth": {"paths": ["depth/{drivepath}/{frame:010d}.png"], "what": "Depth.", "encoding": "depth"},
        },
        "encodings": {
            "colour": {"format": "png", "dtype": "uint8", "unit": "colour", "channels": 3},
            "depth": {"format": "png", "dtype": "uint16", "unit": "metre", "scale": 256, "invalid": [0], "range": [1, 100]},
        },
        "intrinsics": [{"what": "camera", "fx": 700, "fy": 700, "cx": 10, "cy": 5}],
        "baseline": {"metres": 0.54},
        "splits": {"train": {
            "list": "lists/train.txt", "lines": 3, "sha256": hashlib.sha256(LIST).hexdigest(), "source": "the test",
            "entry": "drivepath frame camera", "needs": ["image", "depth"], "values": {"camera": {"l": "02", "r": "03"}},
        }},
        "traps": ["None."],
    }


def changed(where: str, value: Any) -> dict[str, Any]:
    """The example with one field set ("layout.image.encoding"), or removed where the value is ...."""
    document = part = example()
    *path, last = where.split(".")
    for step in path:
        part = part[step]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return document


def load(folder: Path, document: dict[str, Any]) -> Manifest:
    file = folder / "example.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return load_manifest(file)


def make_set(root: Path) -> None:
    """The files of the example, whole and plausible."""
    (root / "lists").mkdir(parents=True)
    (root / "lists/train.txt").write_bytes(LIST)
    for drive, frame, camera in (("city/a", 5, "02"), ("city/a", 6, "03"), ("city/b", 5, "02")):
        for file, array in ((root / f"{drive}/image_{camera}/{frame:010d}.png", np.full((5, 7, 3), 90, np.uint8)),
                            (root / f"depth/{drive}/{frame:010d}.png", np.arange(35, dtype=np.uint16).reshape(5, 7) * 256)):
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(file)


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


@pytest.mark.slow
def test_fetchable_files_are_those_of_the_samples() -> None:
    folder = paths.samples_dir()
    if folder is None:
        pytest.skip("DEPTHLIB_SAMPLES names no folder")
    for name, place in (("tum-fr1-desk", "tum-rgbd/fr1_desk_slambook"), ("icl-nuim-3", "icl-nuim_slambook2")):
        report = verify(load_manifest(name), folder / place, full=True)
        assert report.ok, report.text()
    lists = verify(load_manifest("lists"), folder / "splits", full=True).findings[0]
    assert lists.damaged == 0 and lists.found >= 50
    assert all(offender.startswith("nyu-meta/") for offender in lists.offenders)        # those lie elsewhere in the samples


@pytest.mark.parametrize(("where", "value", "message"), [
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
    ("layout.image.paths", ["../{frame}.png"], r"layout.image: path: found '../\{frame\}.png', expected one below the root"),
    ("layout.image.paths", ["/data/x.png"], r"expected one below the root"),
    ("layout.image.paths", ["{frame:f}.png"], r"found the field \{frame:f\}"),
    ("layout.image.paths", ["{frame.png"], r"path template"),
    ("layout.image.paths", ["{scan}.png"], r"splits.train: found no 'scan' in its entry, expected it for layout.image"),
    ("splits.train.needs", ["lidar"], r"splits.train.needs: found 'lidar', expected one of image, depth"),
    ("splits.train.sha256", "ABC", r"splits.train: sha256: found 'ABC', expected 64 lower-case"),
    ("splits.train.lines", True, r"splits.train.lines: found True \(bool\), expected int"),
    ("splits.train.values", {"camera": {2: "02"}}, r"values.camera: found the key 2, expected text"),
    ("intrinsics", [{"what": "c", "fx": 1.0}], r"intrinsics\[0\]: found part of fx, fy, cx, cy"),
    ("name", "other", r"found name 'other', expected 'example'"),
])
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
    document = {"name": "made", "description": "Scenes.", "licence": "Apache-2.0", "frame": {"image": "uint8"}, "splits": {},
                "families": {"rooms": {"frames": {"val": ["00ff"]}}}}
    file.write_text(yaml.safe_dump(document))
    made = load_manifest(file)
    assert isinstance(made, Generated) and made.families["rooms"]["frames"]["val"] == ["00ff"]


def test_templates_fill_and_match() -> None:
    template = "{drivepath}/image_{camera}/{frame:010d}.png"
    assert field_names(template) == ["drivepath", "camera", "frame"]
    path = fill(template, {"drivepath": "2011/a", "camera": "02", "frame": "17"})
    assert path == "2011/a/image_02/0000000017.png"
    assert pattern(template).fullmatch(path).groupdict() == {"drivepath": "2011/a", "camera": "02", "frame": "0000000017"}
    assert not pattern(template).fullmatch("2011/a/image_02/17.png")            # too few digits
    assert not pattern("{scene}.png").fullmatch("a/b.png") and not pattern("{scene}.png").fullmatch("axpng")
    with pytest.raises(DataError, match="found frame 'x', expected digits"):
        fill(template, {"drivepath": "a", "camera": "02", "frame": "x"})


def test_whole_set_is_sound(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    for full in (False, True):
        report = verify(load(tmp_path, example()), tmp_path / "set", full=full)
        assert report.ok and "split train: 3 of 3" in report.text(), report.text()


def test_kinds_that_overlap(tmp_path: Path) -> None:
    """A second name for the images, without an encoding, must not keep them from being decoded."""
    make_set(tmp_path / "set")
    again = {"paths": ["{drivepath}/image_{camera}/{frame:010d}.png"], "what": "The same files."}
    manifest = load(tmp_path, changed("layout.zz", again))
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(tmp_path / "set/city/b/image_02/0000000005.png")
    found = {finding.what: finding for finding in verify(manifest, tmp_path / "set", full=True).findings}
    assert found["layout image"].damaged == 1 and "found 1 channels, expected 3" in found["layout image"].offenders[0]


def test_missing_and_damaged_are_counted_and_named(tmp_path: Path) -> None:
    root = tmp_path / "set"
    make_set(root)
    (root / "city/a/image_03/0000000006.png").rename(root / "city/a/image_03/0000000006.jpg")   # the second template: no fault
    (root / "depth/city/a/0000000006.png").unlink()
    (root / "city/b/image_02/0000000005.png").write_bytes(b"")
    manifest = load(tmp_path, changed("layout.depth.count", 3))
    report = verify(manifest, root, lists=tmp_path / "nowhere")
    found = {finding.what: finding for finding in report.findings}
    assert (found["layout depth"].found, found["layout depth"].missing) == (2, 1)
    assert (found["layout image"].found, found["layout image"].damaged) == (3, 1)
    assert found["layout image"].offenders == ["city/b/image_02/0000000005.png: is empty (0 bytes)"]
    assert (found["split train"].found, found["split train"].missing) == (1, 2)
    assert found["split train"].offenders[0] == "entry 2 (city/a 6 r): no depth depth/city/a/0000000006.png"
    assert not report.ok

    (root / "depth/city/a/0000000005.png").write_bytes((root / "depth/city/a/0000000005.png").read_bytes()[:50])
    fast, full = verify(manifest, root), verify(manifest, root, full=True)
    depth = {finding.what: finding for finding in full.findings}["layout depth"]
    assert depth.damaged == 1 and "0000000005.png: damaged or cut off" in depth.offenders[0]
    assert {finding.what: finding for finding in fast.findings}["layout depth"].damaged == 0


@pytest.mark.parametrize(("text", "message"), [
    (LIST[:-2], "sha256 .* expected .*another list"), (LIST + b"city/b 6 l\n", "4 lines, expected 3"),
    (LIST.replace(b"\n", b"\r\n"), "only the line ends differ"), (b"\xff\xfe\x00", "cannot be read as a list"),
])
def test_another_list(tmp_path: Path, text: bytes, message: str) -> None:
    make_set(tmp_path / "set")
    (tmp_path / "set/lists/train.txt").write_bytes(text)
    report = verify(load(tmp_path, example()), tmp_path / "set")
    (split,) = [finding for finding in report.findings if finding.what == "split train"]
    assert split.damaged == 1
    with pytest.raises(AssertionError if not split.offenders else DataError, match=message):
        raise DataError(split.offenders[0])


def test_absent_list_counts_only_where_it_was_asked_for(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    (tmp_path / "set/lists/train.txt").unlink()
    manifest = load(tmp_path, example())
    assert verify(manifest, tmp_path / "set").ok
    asked = verify(manifest, tmp_path / "set", splits=["train"])
    assert not asked.ok and "its list lists/train.txt is not there" in asked.text()
    with pytest.raises(DataError, match="split: found 'val', expected one of example: train"):
        verify(manifest, tmp_path / "set", splits=["val"])
    with pytest.raises(DataError, match="no such folder"):
        verify(manifest, tmp_path / "elsewhere")


def test_known_files(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    (tmp_path / "set/a.mat").write_bytes(b"12345")
    known = [{"path": "a.mat", "size": 5, "sha256": hashlib.sha256(b"12346").hexdigest()}, {"path": "b.mat", "size": 5}]
    manifest = load(tmp_path, changed("sizes", known))
    fast, full = (verify(manifest, tmp_path / "set", full=mode).findings[0] for mode in (False, True))
    assert (fast.found, fast.missing, fast.damaged) == (1, 1, 0) and fast.offenders == ["b.mat: no such file"]
    assert full.damaged == 1 and "a.mat: sha256" in full.offenders[0]


def test_links_that_go_in_circles(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    (tmp_path / "set/city/loop").symlink_to(tmp_path / "set", target_is_directory=True)
    assert verify(load(tmp_path, example()), tmp_path / "set").ok


@pytest.mark.slow
def test_command_line(tmp_path: Path) -> None:
    run = CliRunner().invoke
    listed = run(command, ["list"])
    assert "lists" in listed.output and "fetch (" in listed.output
    make_set(tmp_path / "set")
    load(tmp_path, example())
    name = str(tmp_path / "example.yaml")
    assert run(command, ["verify", name, "--root", str(tmp_path / "set")]).exit_code == 0
    (tmp_path / "set/depth/city/a/0000000005.png").unlink()
    bad = run(command, ["verify", name, "--root", str(tmp_path / "set")])
    assert bad.exit_code == 1 and "1 missing" in bad.output
    assert run(command, ["verify", name, "--root", str(tmp_path / "no")]).exit_code == 2
    load(tmp_path, changed("terms.accept", True))
    refused = run(command, ["fetch", name])
    assert refused.exit_code == 2 and "must be accepted at the source" in refused.output
    described = run(command, ["croissant", name])
    assert json.loads(described.output)["name"] == "example"


def test_no_command_is_slow_to_import() -> None:
    """`depthlib --help` imports this module: torch, matplotlib and scipy stay out of it."""
    import subprocess
    import sys

    code = "import sys, depthlib.app.data_cli; print([m for m in ('torch', 'matplotlib', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_nothing_that_fits_is_a_failure(tmp_path: Path) -> None:
    """The wrong folder; the message says what was looked for."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root/holiday.jpg").touch()
    report = verify(load(tmp_path, example()), tmp_path / "root")
    assert not report.ok and "BAD layout depth: 0" in report.text() and "looked for depth/{drivepath}/{frame:010d}.png" in report.text()
    for name in manifest_names():
        manifest = load_manifest(name)
        if isinstance(manifest, Manifest) and manifest.layout:
            assert not verify(manifest, tmp_path / "root").ok, name
