"""Data sets by the name of their manifest, and options of their loaders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_frames import write_manifest
from PIL import Image

from depthlib.base.build import Build
from depthlib.data.errors import DataError
from depthlib.data.manifest import load_manifest
from depthlib.data.real_sets import real, typed_options


def test_a_recipe_trains_on_frames_that_need_no_code(tmp_path: Path, monkeypatch) -> None:
    """`real(name)` opens a set with a loader and one without; the key of a run does not cover the folder."""
    manifest = load_manifest(write_manifest(tmp_path, None))
    monkeypatch.setattr("depthlib.data.real_sets.load_manifest", lambda name: manifest)
    monkeypatch.setattr("depthlib.data.real_sets.default_root", lambda name: tmp_path)
    for folder, frame in (("rgb", np.full((9, 13, 3), 9, np.uint8)), ("depth", np.full((9, 13), 900, np.uint16))):
        (tmp_path / folder).mkdir()
        Image.fromarray(frame).save(tmp_path / folder / "a.png")
    (item,) = Build.of(real, name=manifest.name).make()
    assert item["depth"].unique().tolist() == pytest.approx([0.9])


def test_what_lies_outside_of_a_set_is_found_by_itself(tmp_path: Path, monkeypatch) -> None:
    """The published list of a split, or one in the folder of the set, which goes first; annotated depth."""
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path))
    seen: dict = {}

    class Loader:
        def __init__(self, root, split, *, lists=None, depth="velodyne", annotated=None):
            seen.update(split=split, lists=lists, annotated=annotated)

    monkeypatch.setattr("depthlib.data.real_sets._loader", lambda manifest: Loader)
    real("kitti", split="eigen/test", depth="annotated")
    assert seen == {"split": "eigen/test", "lists": tmp_path / "lists", "annotated": tmp_path / "kitti-depth/annotated"}
    own = tmp_path / "kitti/eigen/test.txt"
    own.parent.mkdir(parents=True)
    own.touch()
    real("kitti", split="eigen/test", lists="elsewhere")
    assert seen == {"split": own, "lists": "elsewhere", "annotated": None}


def test_options_have_the_types_of_the_loader() -> None:
    given = {"views": "current,next", "spacing": "2", "camera": "525,525,319.5,239.5", "associations": "a.txt"}
    camera = (525.0, 525.0, 319.5, 239.5)
    assert typed_options(load_manifest("tum"), given) == given | {
        "views": ("current", "next"),
        "spacing": 2,
        "camera": camera,
    }
    assert typed_options(load_manifest("tum"), {"camera": "None"}) == {"camera": None}
    assert typed_options(load_manifest("middlebury"), {"reduction": "2", "depth": "false"}) == {
        "reduction": 2,
        "depth": False,
    }
    for name, option, message in (
        ("tum", {"camera": "525"}, "option camera: found 1 values, expected 4"),
        ("tum", {"spacing": "two"}, "expected a whole number"),
        ("middlebury", {"depth": "no"}, "expected true or false"),
        ("flyingthings3d", {"render": "x"}, "expected one of cleanpass, finalpass"),
    ):
        with pytest.raises(DataError, match=message):
            typed_options(load_manifest(name), option)
