"""Notebooks as pages: rendered again only when something changed, and formulas without a script."""

from __future__ import annotations

import re
import shutil

from depthlib.site import notebook_html
from depthlib.site.notebook_html import write_notebook_html


def test_a_notebook_is_rendered_again_only_when_something_changed(made, tmp_path, monkeypatch):
    folder = shutil.copytree(made.folder, tmp_path / "quick")
    notebook, page = folder / "00_start.ipynb", folder / "html" / "00_start.html"
    write_notebook_html(notebook, page)
    rendered = []
    monkeypatch.setattr(notebook_html, "harmless", lambda html: rendered.append(page) or html)
    write_notebook_html(notebook, page)
    assert not rendered, "nothing had changed"
    (folder / "01_anuw.ipynb").unlink()
    write_notebook_html(notebook, page)
    assert len(rendered) == 1 and ">next</a>" not in page.read_text(encoding="utf-8"), "the dead link stayed"
    notebook.write_text(notebook.read_text(encoding="utf-8").replace("f(1 < 2)", "f(2 < 3)"), encoding="utf-8")
    write_notebook_html(notebook, page)
    assert len(rendered) == 2
    page.write_text("<html>")
    write_notebook_html(notebook, page)
    assert len(rendered) == 3


def test_formulas_are_shown_without_a_script(made):
    text = (made.folder / "html" / "00_start.html").read_text(encoding="utf-8")
    assert (
        "<mfrac><mn>1</mn><mn>2</mn></mfrac>" in text and "<mtable><mtr><mtd>" in text and "mathjax" not in text.lower()
    )
    assert re.search(r'<li><a href="#Part-[^"]*">Part a1</a></li>', text)
