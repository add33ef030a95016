"""Damaged files of a run: found, named, set aside and made again."""

import errno
import json
import logging
import lzma
import os
from pathlib import Path

import pytest
from smoke_run import FILES, SPEC

from depthlib.base import paths
from depthlib.runs.execute import ensure
from depthlib.runs.files import CorruptRecord, damaged
from depthlib.runs.json_files import read_json, write_json
from depthlib.runs.store import read_record


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found_and_named_wherever_it_is(copied, name):
    """All bits of some bytes, from the first to the last: also those of the checksum itself."""
    store, folder = copied
    content = (folder / name).read_bytes()
    assert damaged(folder, SPEC.key) == []
    for place in sorted(
        {0, 1, *range(3, len(content), len(content) // 40 + 1), *range(len(content) - 80, len(content))}
    ):
        for bit in (0, 3, 6):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            (folder / name).write_bytes(flipped)
            files = [error.file for error in damaged(folder, SPEC.key)]
            assert files[:1] == [folder / name], f"bit {bit} of byte {place}"
            assert files[1:] == ([folder / "record.json"] if name == "provenance.json" else [])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "trains"), [(name, not name.startswith("scores")) for name in FILES])
def test_what_is_damaged_is_set_aside_and_made_again(copied, monkeypatch, caplog, name, trains):
    """Said in a line a file; the same bits come again, and the damaged ones are kept."""
    store, folder = copied
    before = {path: (folder / path).read_bytes() for path in FILES}
    (folder / name).write_bytes(before[name][:-9])
    if not trains:
        monkeypatch.setattr("depthlib.runs.train.train", lambda *a, **k: pytest.fail("trained again"))
    with caplog.at_level(logging.WARNING, "depthlib"):
        ensure(SPEC, store, device="cpu")
    told = [record.getMessage() for record in caplog.records]
    assert told[0].startswith(f"{folder / name}: damaged (") and told[0].endswith(
        f"; set aside as {Path(name).name}.damaged-1, made again"
    )
    assert len(told) == (2 if name == "provenance.json" else 1)
    assert (folder / f"{name}.damaged-1").read_bytes() == before[name][:-9]
    assert all((folder / path).read_bytes() == content for path, content in before.items() if path != "provenance.json")
    assert damaged(folder, SPEC.key) == []


@pytest.mark.parametrize("damage", ["not json", "a list", "other key", "lost value", "no checksum"])
def test_damage_of_other_kinds(copied, damage):
    store, folder = copied
    record, scores = folder / "record.json", folder / "scores" / "metric.json.xz"
    if damage == "not json":
        record.write_bytes(b"\x80\x04")
    elif damage == "a list":
        record.write_text("[1]")
    elif damage == "other key":
        write_json(record, read_json(record) | {"key": "0" * 12})
    elif damage == "lost value":
        content = read_json(scores)
        content["metrics"]["abs_rel"].pop()
        write_json(scores, content)
    else:
        scores.write_bytes(lzma.compress(json.dumps(read_json(scores)).encode()))
    wrong = scores if damage in ("lost value", "no checksum") else record
    assert [error.file for error in damaged(folder, SPEC.key)] == [wrong]
    with pytest.raises(CorruptRecord, match=f"{wrong.name}: damaged"):
        store.get(SPEC)


def test_runs_from_before_the_checksums_are_read(copied):
    """Without a format, or of format 2, and without checksums; and the committed ones."""
    store, folder = copied
    for name in ("record.json", "provenance.json", "scores/metric.json.xz", "scores/median.json.xz"):
        content = read_json(folder / name)
        content.pop("tensors", None)
        text = json.dumps(content | ({"format": 2} if "format" in content else {})).encode()
        (folder / name).write_bytes(lzma.compress(text) if name.endswith(".xz") else text)
    assert damaged(folder, SPEC.key) == []
    record = store.get(SPEC)
    assert len(record.per_image("metric", "abs_rel")) == len(record.predictions("metric")) == 4
    old = paths.REPOSITORY / "results" / "quick" / "runs"
    assert all(read_record(path.parent).result["key"] in path.parent.name for path in old.glob("*/record.json"))


def test_a_damaged_run_in_a_place_without_write_access_is_one_error(copied, monkeypatch):
    store, folder = copied
    (folder / "record.json").write_text("{")

    def refuse(*a, **k):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "x")

    for target in ("pathlib.Path.rename", "filelock.FileLock.acquire"):
        with monkeypatch.context() as patch:
            patch.setattr(target, refuse)
            with pytest.raises(
                OSError, match=f"damaged .* and cannot be set aside: Read-only.*{SPEC.name}/record.json"
            ):
                ensure(SPEC, store, device="cpu")
    assert [path.name for path in folder.glob("*.damaged*")] == []
