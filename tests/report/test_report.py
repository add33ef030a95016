"""What notebooks save and show: figures, tables and sources."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from PIL import Image
from small_maps import RGB

from depthlib.report import Report, colour_depth, panels, show_source, style
from depthlib.report.source import place, source_text

# ------------------------------------------------------------------------------------------------ report


@pytest.mark.slow
def test_figure_is_saved_shown_captioned_and_closed(tmp_path, shown):
    report = Report("01_anuw", "quick", tmp_path)
    for name in ("first", "second", "first"):
        report.figure(panels([[RGB]]), name, f"The *{name}* picture, `a` [link](x).")
    assert [item[0]["text/markdown"] for item in shown[1::2]] == [
        "**Figure 1.** The *first* picture, `a` [link](x).",
        "**Figure 2.** The *second* picture, `a` [link](x).",
        "**Figure 1.** The *first* picture, `a` [link](x).",
    ]
    data, metadata = shown[0]
    saved = Image.open(tmp_path / "figures" / "01_anuw" / "first.png")
    inside = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert saved.size == inside.size
    assert metadata["image/png"] == {"alt": "The first picture, a link.", "width": round(saved.width / 1.5)}
    assert saved.info["dpi"] == pytest.approx((150, 150), abs=0.1) and data["text/plain"] == "<Figure 1: first>"
    assert pyplot.get_fignums() == []
    report.figure(panels([[RGB]]), "third", "Caption.", alt="In words.")
    assert shown[-2][1]["image/png"]["alt"] == "In words."


def test_table_is_saved_as_csv_and_markdown_and_marked_as_reduced(tmp_path, shown):
    table = pd.DataFrame({"method": ["a|b", "<c>"], "abs_rel": [0.1 + 0.2, np.nan], "images": [32, 7]})
    Report("01_anuw", "quick", tmp_path).table(table, "errors", "Errors.", {"abs_rel": "{:.2f}"})
    folder = tmp_path / "tables" / "01_anuw"
    assert pd.read_csv(folder / "errors.csv")["abs_rel"][0] == 0.1 + 0.2
    assert "| a\\|b | 0.30 | 32 |\n| <c> | – | 7 |" in (folder / "errors.md").read_text()
    note = "Reduced run (profile quick): not a reproduction."
    assert note in (folder / "errors.md").read_text()
    data, caption = shown[0][0], shown[1][0]["text/markdown"]
    assert caption == f"**Table 1.** Errors. *{note}*"
    parsed = pd.read_html(io.StringIO(data["text/html"]))[0] if _has_lxml() else None
    assert parsed is None or parsed.shape == (2, 3)
    assert "&lt;c&gt;" in data["text/html"] and not re.search(r"id=|uuid", data["text/html"])
    Report("01_anuw", "paper", tmp_path).table(table, "errors", "Errors.")
    assert shown[-1][0]["text/markdown"] == "**Table 1.** Errors."
    assert sorted(path.name for path in folder.iterdir()) == ["errors.csv", "errors.md"]


def _has_lxml() -> bool:
    from importlib.util import find_spec

    return find_spec("lxml") is not None


def test_names_and_captions_are_checked(tmp_path):
    with pytest.raises(ValueError, match="notebook: found '../x'"):
        Report("../x", "quick", tmp_path)
    with pytest.raises(ValueError, match="profile: found 'quik', expected one of"):
        Report("x", "quik", tmp_path)
    with pytest.raises(ValueError, match="name: found 'A b'"):
        Report("x", "quick", tmp_path).figure(panels([[RGB]]), "A b", "Caption.")
    with pytest.raises(ValueError, match="caption: found none for 'a'"):
        Report("x", "quick", tmp_path).table(pd.DataFrame({"a": [1]}), "a", " ")


def test_results_go_where_the_profile_says(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    assert Report("x", "quick").folder == tmp_path / "quick"


# ------------------------------------------------------------------------------------------------ sources


class Sample:
    """Doc."""

    def method(self, x):
        """Doc
        in lines."""

        return x + 1  # kept

    def only_doc(self):
        """All there is."""


def test_show_source(shown):
    show_source(Sample.method)
    text = shown[0][0]["text/markdown"]
    code = "```python\ndef method(self, x):\n    return x + 1  # kept\n```"
    assert text == f"`tests/report/test_report.py: Sample.method`\n\n{code}"
    assert '"""All there is."""' in source_text(Sample) and "Doc" not in source_text(Sample)
    assert '"""Doc\n' in source_text(Sample.method, docstring=True)
    assert place(colour_depth) == "depthlib/base/colour.py: colour_depth"
    assert source_text(style).startswith("@contextmanager\ndef style")
    with pytest.raises(TypeError, match="found int 3, expected a function"):
        show_source(3)
