"""An executed notebook as one HTML page that opens from disk and loads nothing from the network.

nbconvert renders the cells. Its own pages fetch MathJax, require.js and more from the network; here the cells stand in
a page of ours, formulas are MathML, which browsers draw themselves, scripts in outputs are left out, and a content
security policy forbids the rest.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from html import unescape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote

from bs4 import BeautifulSoup
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from nbformat import NotebookNode

from depthlib.base import paths
from depthlib.course.notebooks.cells import read_notebook
from depthlib.site.prose import Prose, plain

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
LINK = re.compile(r"\](?:\(|:\s*)([^)\s#]+)")
MADE_BY = ("notebook_html.py", "prose.py", "notebook.html.j2", "notebook.js", "notebook.css", "page.css")
HEADING = re.compile(r'<h2 id="([^"]*)">(.*?)<a class="anchor-link"', re.DOTALL)


class Cells(HTMLExporter):
    """nbconvert's plain rendering of cells, with our Markdown and neither prompts nor scripts."""

    def __init__(self, folder: Path, renamed: Mapping[str, str]) -> None:
        super().__init__(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
        self.folder, self.renamed = folder, dict(renamed)
        self.register_filter("markdown2html", self.prose)

    def prose(self, source: str) -> str:
        renderer = Prose(self.folder, prefix="../", renamed=self.renamed, raw_html=True)
        return MarkdownWithMath(renderer=renderer).render(source)


def write_notebook_html(executed: Path, target: Path, renamed: Mapping[str, str] | None = None) -> Path:
    """Render an executed notebook into `target`, unless that page is there and current.

    Args:
        executed: a notebook of `results/<profile>/`.
        target: the page to write, e.g. `html/01_anuw.html` in the same folder.
        renamed: notebook file name -> name of its page: what links between lessons lead to.
    Raises:
        ValueError: not a notebook that can be read.
    """
    notebook = read_notebook(executed)
    mark = f'<meta name="made-from" content="{_made_from(executed, notebook, renamed or {})}">'
    if target.is_file() and mark in target.read_text(encoding="utf-8", errors="replace")[:2000]:
        return target
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        output.get("data", {}).pop("application/javascript", None)
    body = harmless(Cells(executed.parent, renamed or {}).from_notebook_node(notebook)[0])
    code = script("notebook.js")
    found = [(unescape(name), plain_text(words)) for name, words in HEADING.findall(body)]
    page = (
        templates()
        .get_template("notebook.html.j2")
        .render(
            mark=Markup(mark),
            title=title(notebook, executed.stem),
            name=executed.name,
            body=Markup(body),
            headings=found,
            policy=policy(code),
            script=Markup(code),
            css=Markup(stylesheet("page.css", "notebook.css")),
            colours=Markup(code_colours()),
        )
    )
    with paths.atomic_write(target) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return target


def _made_from(executed: Path, notebook: NotebookNode, renamed: Mapping[str, str]) -> str:
    """32 hexadecimal digits over all that a page depends on.

    These are the notebook, which of its links lead somewhere, and what renders it.
    """
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    links = {name: (executed.parent / unquote(name)).exists() for text in texts for name in LINK.findall(text)}
    tools = [version(name) for name in ("nbconvert", "mistune", "pygments", "beautifulsoup4")]
    digest = hashlib.sha256(json.dumps([sorted(links.items()), sorted(renamed.items()), tools]).encode())
    for path in (executed, *(Path(__file__).with_name(name) for name in MADE_BY)):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def harmless(html: str) -> str:
    """Without scripts, event handlers, frames and anything that would be fetched."""
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup(["script", "iframe", "object", "embed", "link", "base", "meta"]):
        tag.decompose()
    for tag in soup(True):
        fetched = [
            name for name in ("src", "srcset", "poster", "background") if not tag.get(name, "data:").startswith("data:")
        ]
        for name in [*fetched, *(name for name in tag.attrs if name.lower().startswith("on"))]:
            del tag[name]
    return str(soup)


def script(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8").strip()


def policy(allowed: str) -> str:
    """The content security policy of a page with this one script: nothing is fetched and nothing else runs."""
    return f"{POLICY}; script-src 'sha256-{base64.b64encode(hashlib.sha256(allowed.encode()).digest()).decode()}'"


def title(notebook: NotebookNode, default: str) -> str:
    """The first heading of a notebook, as plain text."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^#\s+(.+)$", cell.source, re.MULTILINE)):
            return plain(found[1])
    return default


def plain_text(html: str) -> str:
    """The words of a piece of HTML, for the list of headings."""
    return str(Markup(re.sub(r"<annotation.*?</annotation>", "", html, flags=re.DOTALL)).striptags())


@cache
def templates() -> Environment:
    """The package's page templates; whatever enters them is escaped unless it is marked as HTML."""
    loader = PackageLoader("depthlib.site", package_path="")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def stylesheet(*names: str) -> str:
    folder = Path(__file__).parent
    return "\n".join((folder / name).read_text(encoding="utf-8").strip() for name in names)


@cache
def code_colours() -> str:
    """Colours of source code on light and on dark paper."""
    from pygments.formatters import HtmlFormatter

    light, dark = (
        HtmlFormatter(style=name, nobackground=True).get_style_defs(".highlight")
        for name in ("friendly", "github-dark")
    )
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"
