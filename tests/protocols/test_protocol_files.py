"""Every protocol file: complete, locked, and that of its paper."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import replace

import pytest
import yaml

from depthlib.protocols import protocol as module
from depthlib.protocols.protocol import FOLDER, LOCKS, Protocol, load_protocol, protocol_names

NAMES = protocol_names()
PUBLISHED = (
    "bts-kitti",
    "bts-nyu",
    "chen2016-nyu",
    "dacnn-eigen",
    "diode",
    "diode-masked",
    "dual-kitti",
    "dual-make3d",
    "dual-make3d-uncropped",
    "eigen-annotated",
    "eigen-raw",
    "fcrn-nyu",
    "kitti-online",
    "mai2021",
    "make3d-c1",
    "make3d-c2",
    "mobile-mc",
    "mobile-nyu",
    "monodepth2",
    "monodepth2-annotated",
    "nyu-official",
    "synergy-kitti",
    "synergy-nyu",
    "synergy-nyu-pooled",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_file_states_every_field_and_is_locked(name):
    file = module._files()[name]
    fields = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert set(fields) == {f.name for f in dataclasses.fields(Protocol)} | {"units"}
    locked = json.loads(file.with_name(LOCKS).read_text(encoding="utf-8"))
    assert locked[name] == load_protocol(name).fingerprint(), "write_locks() locks a new one"


def test_the_published_protocols_are_there_and_distinct():
    assert set(PUBLISHED) <= set(NAMES)
    prints = {name: load_protocol(name).fingerprint() for name in PUBLISHED}
    assert [n for n in prints if list(prints.values()).count(prints[n]) > 1] in ([], ["dacnn-eigen", "eigen-annotated"])


def test_an_edited_file_is_refused(tmp_path, monkeypatch):
    for name in ("eigen-raw.yaml", LOCKS):
        shutil.copy(FOLDER / name, tmp_path)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module.catalogue, "files", lambda pattern: [])
    file = tmp_path / "eigen-raw.yaml"
    sound = file.read_text()
    file.write_text(sound.replace("what: ", "what: In other words, "))
    assert load_protocol("eigen-raw").crop == "garg"  # words do not change numbers
    file.write_text(sound.replace("max_depth: 80.0", "max_depth: 50.0"))
    with pytest.raises(ValueError, match="eigen-raw: .* fingerprint .*; a changed protocol needs another name"):
        load_protocol("eigen-raw")
    file.write_text(sound + "crops: garg\n")
    with pytest.raises(ValueError, match="eigen-raw.yaml: .*crops"):
        load_protocol("eigen-raw")
    file.write_text(sound.replace("units: ", "units: km, "))
    with pytest.raises(ValueError, match="eigen-raw.yaml: units is 'km, .*expected"):
        load_protocol("eigen-raw")
    file.write_text(sound)
    module.write_locks()
    assert load_protocol("eigen-raw").max_depth == 80


def test_a_change_shows_in_the_name_and_can_be_loaded_by_it():
    base = load_protocol("eigen-raw")
    assert base.replace(scaling="none") is not None and base.replace(scaling="none").name == "eigen-raw"
    other = base.replace(scaling="median").replace(max_depth=50.0)
    assert other.name == "eigen-raw+scaling=median+max_depth=50.0"
    assert (other.scaling, other.max_depth, base.scaling) == ("median", 50, "none")
    assert other.replace(scaling="least_squares").name == "eigen-raw+scaling=least_squares+max_depth=50.0"
    assert other.fingerprint() != base.fingerprint() != base.replace(crop="eigen").fingerprint()
    many = base.replace(
        metrics=["abs_rel", "irmse"],
        size=(10, 20),
        clamp_range=(0.5, 60.0),
        min_depth=0.0,
        images=None,
        clamp_prediction=False,
    )
    assert many.card()["units"] == "irmse 1/km, others 1" and many.metrics == ("abs_rel", "irmse")
    for protocol in (other, many):
        assert load_protocol(protocol.name) == protocol
    for call, message in [
        (lambda: base.replace(name="mine"), "found name, expected to replace"),
        (lambda: base.replace(scale="median"), "found scale"),
        (lambda: load_protocol("eigen-raw+median"), "expected field=value"),
        (lambda: load_protocol("eigen-raw+scaling=lucky"), "scaling is 'lucky', expected one of none, median"),
        (lambda: load_protocol("eigen+scaling=median"), "unknown protocol 'eigen'"),
        (lambda: load_protocol("../protocol"), "unknown protocol"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_the_protocols_of_make3d_and_kitti_are_the_papers():
    crop, whole, kitti = (load_protocol(name) for name in ("dual-make3d", "dual-make3d-uncropped", "dual-kitti"))
    assert (crop.crop, whole.crop) == ("make3d_2to1", "none") and crop.max_depth == whole.max_depth == 70
    assert (kitti.scaling, kitti.crop, kitti.reduction) == ("median", "garg", "mean over images")


def test_protocols_of_the_stand_ins_are_the_papers_but_for_the_truth():
    for here, there in (("dacnn-streets", "dacnn-eigen"), ("dacnn-streets-online", "kitti-online")):
        a, b = load_protocol(here), load_protocol(there)
        assert replace(a, name=b.name, what=b.what, ground_truth=b.ground_truth, images=b.images) == b
