"""A made-up results folder with everything that could break a page, and a page taken apart."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import invented_runs
import matplotlib
import pandas as pd
import pytest
from matplotlib import pyplot
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from depthlib.course.notebooks.cells import write_notebook
from depthlib.report import Report
from depthlib.report.claims import FOLDER, load_paper
from depthlib.report.verdict_files import verdict_file
from depthlib.site.page import write_page

LESSONS = [SimpleNamespace(notebook=name, paper=paper) for name, paper in (("00_start", "start"), ("01_anuw", "anuw"))]
EVIL = "<script>window.injected = 1</script> & \"two\" 'one' <img src=x onerror='window.injected = 1'>"
CAPTION = (
    f"See {EVIL} `a<b` $x_1<2$ [bad](javascript:alert(1)) [gone](nowhere.md) [far](https://example.org/a) "
    "![p](https://example.org/p.png)"
)
SLIDER = """<div><figure data-i="0">near</figure><figure data-i="1" style="display:none">far</figure>
<script>window.injected = 1</script><img src="https://example.org/p.png" onload="window.injected = 1">
<input type="range" max="1" value="0" style="width:512px" oninput="f()"></div>"""


def fill(folder: Path, papers: Path, patch: pytest.MonkeyPatch) -> None:
    """Figures, tables, verdicts and executed notebooks through the real Report."""
    matplotlib.use("agg")
    for lesson, title in zip(LESSONS, ("Start: here", f"Evil {EVIL}: rest"), strict=True):
        outputs = []
        patch.setattr(
            "IPython.display.display",
            lambda item, metadata=None, raw=False, to=outputs: to.append(
                new_output("display_data", item if raw else {"text/markdown": item.data}, metadata=metadata or {})
            ),
        )
        report = Report(lesson.notebook, "quick", folder)
        report.figure(drawing(), "second", CAPTION, alt=EVIL)
        report.table(table(), "table1", CAPTION)
        report.figure(drawing(), "first", "A **plain** one.")
        report.table(pd.DataFrame({"a very long text": ["word " * 60] * 30}), "long", "Long.")
        text = (
            f"# {title}\n\n{EVIL}\n\n## Part $a_1$\n\n$$\\frac12\\begin{{pmatrix}}1&2\\\\3&4\\end{{pmatrix}}$$ "
            "[next](01_anuw.ipynb)"
        )
        cells = [
            new_markdown_cell(text, id="text"),
            new_code_cell("f(1 < 2)", id="code", outputs=outputs, execution_count=1),
        ]
        outputs.append(new_output("display_data", {"text/html": SLIDER}))
        versions = {"depthlib": {"versions": {"python": "3.11", "torch": "9.9"}}}
        write_notebook(new_notebook(cells=cells, metadata=versions), folder / f"{lesson.notebook}.ipynb")
    levels = {"a": 0.5, "b": 0.3, "c": 0.85, "d": 0.5, "e": 0.501, "d-masked": 0.501, "e-l1": 0.3}
    records = invented_runs.runs(levels, noise=0.003, luck=0.0005)
    gone = next(r for r in records if (r.result["spec"]["variant"], r.result["spec"]["seed"]) == ("d-masked", 5))
    report.verdicts(load_paper("anuw", papers), [None if one is gone else one for one in records])


def drawing():
    figure, axis = pyplot.subplots(figsize=(7.2, 2))
    axis.plot([1, 3, 2])
    return figure


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "method": ["b10", "b9", EVIL, "a|c"],
            "abs_rel ↓": ["0.300 ± 0.010", "0.020 ± 0.001", None, "1,200.5"],
            'a "quoted" <heading>': [3, 20, 100, 1],
        }
    )


def evil_papers(folder: Path) -> Path:
    """The real file of one paper with a dangerous wording, all its claims on the data of the invented records."""
    text = (FOLDER / "anuw" / "claims.yaml").read_text(encoding="utf-8")
    said = "Channel attention (AWCA) lowers the error of U-Net++."
    assert said in text
    (folder / "anuw").mkdir()
    path = folder / "anuw" / "claims.yaml"
    text = re.sub(r"\n    stand_ins: .*", "", text.replace(said, "|\n      " + EVIL))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="but the claims are") as locked:  # the data are under the lock
        load_paper("anuw", folder)
    found = re.search(r"lock is '(\w+)', but the claims are '(\w+)'", str(locked.value))
    path.write_text(text.replace(*found.groups()), encoding="utf-8")
    return folder


class Page(HTMLParser):
    """Every tag with its attributes, in order, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def rewritten(made, tmp_path, monkeypatch, change) -> Page:
    """The page of a copy of the results folder after `change(folder)`."""
    shutil.copytree(made.folder, tmp_path / "quick")
    change(tmp_path / "quick")
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    return Page(write_page("quick", lessons=LESSONS, papers=made.papers).read_text(encoding="utf-8"))


def edit_verdicts(folder: Path, change) -> None:
    path = verdict_file(folder, "anuw")
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
