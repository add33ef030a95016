"""Formulas as MathML: those of the lessons are understood, all others are shown as they are written."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depthlib.base import paths
from depthlib.site.mathml import mathml
from depthlib.site.prose import plain, to_html

NOTEBOOKS = sorted(paths.notebooks_dir().glob("*.ipynb"))


def drawn(tex: str) -> str:
    """What is drawn, without the frame and the source that every formula carries."""
    text = mathml(tex)
    ElementTree.fromstring(text)
    return re.fullmatch(
        r"<math><semantics><mrow>(.*)</mrow><annotation [^>]*>.*</annotation></semantics></math>", text,
    )[1]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_formulas_of_the_lessons_are_understood(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    prose = re.sub(r"```.*?```|`[^`]*`", "", prose, flags=re.DOTALL)
    formulas = [block or inline for block, inline in re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", prose, re.DOTALL)]
    for formula in formulas:
        ElementTree.fromstring(mathml(formula))
    assert [formula for formula in formulas if mathml(formula).startswith("<code")] == []


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        ("x", "<mi>x</mi>"), ("12.5", "<mn>12.5</mn>"), (r"\frac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        (r"\frac{a}{bc}", "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi><mi>c</mi></mrow></mfrac>"),
        ("x_i^2", "<msubsup><mi>x</mi><mrow><mi>i</mi></mrow><mrow><mn>2</mn></mrow></msubsup>"),
        ("x^2_i", "<msubsup><mi>x</mi><mrow><mi>i</mi></mrow><mrow><mn>2</mn></mrow></msubsup>"),
        ("x'", "<msup><mi>x</mi><mrow><mo>′</mo></mrow></msup>"),
        ("-a<b", "<mo>−</mo><mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        (r"\mathrm{ReLU}", '<mi mathvariant="normal">ReLU</mi>'),
        (r"\mathbf 1\mathbb{R}\mathcal L", "<mi>𝟏</mi><mi>ℝ</mi><mi>ℒ</mi>"),
        (r"\hat y", '<mover accent="true"><mi>y</mi><mo stretchy="false">^</mo></mover>'),
        (r"\sum_{i}", '<munder><mo movablelimits="true">∑</mo><mrow><mrow><mi>i</mi></mrow></mrow></munder>'),
        (r"\frac{ a }{b }", "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>"),
        (
            r"\left( a \right]",
            '<mrow><mo stretchy="true" fence="true">(</mo><mi>a</mi><mo stretchy="true" fence="true">]</mo></mrow>',
        ),
        (
            r"\begin{pmatrix}1&2\\3&x\end{pmatrix}",
            '<mtable class="round"><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr>'
            '<mtr><mtd><mn>3</mn></mtd><mtd><mi>x</mi></mtd></mtr></mtable>',
        ),
        (r"\tag{7}", '<mspace width="2em"/><mtext>(7)</mtext>'),
    ],
)
def test_what_is_drawn(tex, expected):
    assert drawn(tex) == expected


@pytest.mark.parametrize(
    "tex",
    [
        r"\foo", r"\frac1", "{a", "a}", r"\left(a", r"\begin{pmatrix}1", r"\begin{array}{cc}1\end{array}", "^", "a_",
        "a & b", "#1", r"\mathbf{\alpha}", "\\", r"\left", r"\begin", r"\mathrm{a_{b}}", "{" * 2000,
    ],
)
def test_anything_else_is_its_source(tex):
    assert mathml(tex).startswith('<code class="tex">')


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="\\{}^_&$<>'\"ab12 .,|()-", max_size=30))
def test_whatever_is_written_is_well_formed(tex):
    ElementTree.fromstring(mathml(tex))
    ElementTree.fromstring(mathml(tex, display=True))


def test_markdown_of_captions(tmp_path):
    (tmp_path / "here.md").write_text("x")
    assert to_html(
        "a **b** `c<d` <b>e</b>", tmp_path,
    ) == "<p>a <strong>b</strong> <code>c&lt;d</code> &lt;b&gt;e&lt;/b&gt;</p>"
    found = to_html(
        "[a](here.md) [b](gone.md) [c](//x.org) [d](/etc) [e](data:text/html,x) [f](https://x.org) [g](#h)", tmp_path,
    )
    assert found == '<p><a href="here.md">a</a> b c d e <a href="https://x.org">f</a> g</p>'
    assert "<img" not in to_html("![words](https://x.org/p.png) ![more](here.md)", tmp_path)
    assert plain("**A** `b` $c$ [d](e)") == "A b c d"
