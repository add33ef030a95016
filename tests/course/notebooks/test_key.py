"""The key of a notebook: it says what changed."""

from __future__ import annotations

from notebook_cells import lesson

from depthlib.base import paths
from depthlib.course.notebooks import notebook_key


def test_the_key_says_what_changed(tmp_path, monkeypatch):
    old = notebook_key(lesson(), {})
    assert notebook_key(lesson(), {"steps": 2}) == old
    assert notebook_key(lesson(), {"steps": 3}).differences(vars(old)) == ["parameters"]
    assert notebook_key(lesson(title="# New"), {}).differences(vars(old)) == ["source"]
    tagged = lesson()
    tagged.cells[3].metadata = {}
    assert notebook_key(tagged, {}).differences(vars(old)) == ["source"]  # a tag says how a cell is compared
    other = notebook_key(lesson(settings="from depthlib.course.notebooks import gate"), {})
    assert set(other.differences(vars(old))) == {"source", "code"}
    (tmp_path / "rooms.json").write_text("{}")
    monkeypatch.setattr(paths, "manifests_dir", lambda: tmp_path)
    assert notebook_key(lesson(), {}).differences(vars(old)) == ["manifests"]
