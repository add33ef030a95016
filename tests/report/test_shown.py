"""The list of what was shown, in order and damaged."""

from __future__ import annotations

import pandas as pd
import pytest
from small_maps import RGB

from depthlib.report import Report, panels
from depthlib.report.shown import Shown, read_shown


@pytest.mark.slow
def test_what_was_shown_is_listed_in_order(tmp_path, shown):
    report = Report("01_anuw", "quick", tmp_path)
    report.table(pd.DataFrame({"a": [0.12345], "n": [1]}), "first", "*Numbers*.", "{:.2f}")
    report.figure(panels([[RGB]]), "picture", "A `figure`.")
    report.figure(panels([[RGB]]), "second", "Another.", alt="In words.")
    report.figure(panels([[RGB]]), "picture", "Drawn again.")
    reduced = " *Reduced run (profile quick): not a reproduction.*"
    assert read_shown(tmp_path, "01_anuw") == [
        Shown("table", "first", 1, "*Numbers*." + reduced, formats=["{:.2f}", "{}"]),
        Shown("figure", "picture", 1, "Drawn again.", alt="Drawn again."),
        Shown("figure", "second", 2, "Another.", alt="In words."),
    ]
    for item in read_shown(tmp_path, "01_anuw"):
        assert (tmp_path / item.file("01_anuw")).is_file()
    # the notebook begins anew
    Report("01_anuw", "quick", tmp_path).table(pd.DataFrame({"a": [1]}), "late", "Late.")
    assert [item.name for item in read_shown(tmp_path, "01_anuw")] == ["late"]


@pytest.mark.parametrize(
    "text", ["{", "[1]", '[{"kind": "table"}]', '[{"kind": "sound", "name": "a", "number": 1, "caption": "b"}]']
)
def test_a_damaged_list_is_named(tmp_path, text):
    (tmp_path / "01_anuw.json").write_text(text)
    with pytest.raises(ValueError, match=r"01_anuw\.json: found"):
        read_shown(tmp_path, "01_anuw")
