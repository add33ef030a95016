"""Where data sets lie: a variable, a link, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from depthlib.data.errors import DataError
from depthlib.data.fetch import default_root
from depthlib.data.link import link


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_a_set_is_found_where_it_was_linked_last(tmp_path: Path, place: Path) -> None:
    assert default_root("mai") == place / "mai"
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "here").touch()
        assert link("mai", tmp_path / name) == place / "mai"
        assert (default_root("mai") / "here").resolve() == tmp_path / name / "here"
    assert [path.name for path in place.iterdir()] == ["mai"]


def test_without_the_variable_sets_lie_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEPTHLIB_DATA")
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path / "cache"))
    assert default_root("mai") == tmp_path / "cache" / "data" / "mai"


def test_what_is_no_folder_or_would_hide_a_set_is_refused(tmp_path: Path, place: Path) -> None:
    with pytest.raises(DataError, match="nothing: found no such folder, expected the root of mai"):
        link("mai", tmp_path / "nothing")
    with pytest.raises(DataError, match="no such manifest"):
        link("mars", tmp_path)
    with pytest.raises(DataError, match="found a generated set"):
        link("scenes-v2", tmp_path)
    assert not place.exists()
    (place / "mai").mkdir(parents=True)
    with pytest.raises(DataError, match="found the set itself"):
        link("mai", tmp_path)
    assert not (place / "mai").is_symlink()
