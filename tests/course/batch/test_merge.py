"""Stores are merged: what is new is copied, and contradictions are found."""

import pytest
from two_runs import RUNS, SPECS

from depthlib.course.batch.merge import merge
from depthlib.runs.json_files import read_json, write_json
from depthlib.runs.store import Store


@pytest.mark.slow
def test_merging_copies_what_is_new_and_finds_contradictions(made, copied, tmp_path):
    empty = Store(tmp_path / "empty", reference=[])
    first = merge(copied.root, empty)
    assert sorted(first.copied) == sorted(path.parent.name for path in copied.root.glob("*/record.json"))
    assert all(empty.get(spec) for spec in SPECS)
    assert len(merge(copied.root, empty).same) == RUNS

    unet = next(empty.root.glob("start-unet-*"))
    content, provenance = (read_json(unet / name) for name in ("record.json", "provenance.json"))
    content["curve"]["loss"] = [value * 1.001 for value in content["curve"]["loss"]]
    write_json(unet / "record.json", content)
    assert merge(copied.root, empty).conflicts == [unet.name], "the same machine owes the same bits"
    write_json(unet / "provenance.json", provenance | {"device": "another"})
    assert merge(copied.root, empty).agree == [unet.name]
    content["curve"]["loss"][0] *= 2
    write_json(unet / "record.json", content)
    own = (unet / "record.json").read_bytes()
    merged = merge(copied.root, empty)
    assert merged.conflicts == [unet.name] and f"conflict: {unet.name}" in merged.summary()
    assert (unet / "record.json").read_bytes() == own, "the store must keep its own"
    with pytest.raises(FileNotFoundError, match="found no folder"):
        merge(tmp_path / "nowhere", empty)


@pytest.mark.slow
def test_merging_takes_whole_runs_only(made, copied, tmp_path):
    """Of a run with a damaged file nothing is copied; a damaged one is replaced by a whole one."""
    empty = Store(tmp_path / "empty", reference=[])
    (unet,), (floor,) = copied.root.glob("start-unet-*"), copied.root.glob("start-floor-constant-*")
    with (unet / "weights.safetensors").open("ab") as file:
        file.write(b"x")
    (floor / "weights.safetensors").unlink()
    merged = merge(copied.root, empty)
    assert merged.without_weights == [floor.name] and merged.copied == [] and not (empty.root / unet.name).exists()
    assert merged.summary().splitlines() == [
        "1 without weights, 1 damaged",
        f"not copied: {unet}/weights.safetensors: found another content than that of its checksum",
    ]
    for path in (floor / "scores").iterdir():
        path.unlink()
    (unet / "record.json").write_text("{")
    assert (
        len(merge(copied.root, Store(tmp_path / "other", reference=[])).damaged) == 2
        and not (tmp_path / "other").exists()
    )
    assert merge(made[-1].root, copied).copied == [unet.name] and (unet / "record.json.damaged-1").exists()
    assert copied.get(SPECS[0]) is not None
