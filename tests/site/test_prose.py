"""Formulas as MathML: those of the lessons are understood, all others are shown as they are written."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depthlib.base import paths
from depthlib.site.prose import mathml, plain, to_html

NOTEBOOKS = sorted(paths.notebooks_dir().glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_formulas_of_the_lessons_are_understood(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    prose = re.sub(r"```.*?```|`[^`]*`", "", prose, flags=re.DOTALL)
    formulas = [block or inline for block, inline in re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", prose, re.DOTALL)]
    for formula in formulas:
        ElementTree.fromstring(mathml(formula))
    assert [formula for formula in formulas if mathml(formula).startswith("<code")] == []


def test_a_formula_is_drawn():
    element = ElementTree.fromstring(mathml(r"\frac{a}{b_i} < \beta", display=True))
    assert element.get("display") == "block" and element.get("alttext") == r"\frac{a}{b_i} < \beta"
    names = [part.tag for part in element.iter()]
    assert names.count("mfrac") == names.count("msub") == 1 and "".join(element.itertext()).split() == ["abi<β"]


@pytest.mark.parametrize("tex", [r"\foo", r"\left(a", "^", "{" * 2000, r"a \unknown b"])
def test_anything_else_is_its_source(tex):
    assert mathml(tex).startswith('<code class="tex">')


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="\\{}^_&$<>'\"ab12 .,|()-", max_size=30))
def test_whatever_is_written_is_well_formed(tex):
    ElementTree.fromstring(mathml(tex))
    ElementTree.fromstring(mathml(tex, display=True))


def test_markdown_of_captions(tmp_path):
    (tmp_path / "here.md").write_text("x")
    assert (
        to_html("a **b** `c<d` <b>e</b>", tmp_path)
        == "<p>a <strong>b</strong> <code>c&lt;d</code> &lt;b&gt;e&lt;/b&gt;</p>"
    )
    found = to_html(
        "[a](here.md) [b](gone.md) [c](//x.org) [d](/etc) [e](data:text/html,x) [f](https://x.org) [g](#h)", tmp_path
    )
    assert found == '<p><a href="here.md">a</a> b c d e <a href="https://x.org">f</a> g</p>'
    assert "<img" not in to_html("![words](https://x.org/p.png) ![more](here.md)", tmp_path)
    assert plain("**A** `b` $c$ [d](e)") == "A b c d"
