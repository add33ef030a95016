"""Markdown of captions and lessons as HTML for reading offline: formulas are drawn, dead links are plain text."""

from __future__ import annotations

import re
from html import escape, unescape
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

FOREIGN = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


class Prose(IPythonRenderer):
    """Renders Markdown whose relative links are meant from `folder`.

    Args:
        folder: links to files that are not there become plain text.
        prefix: put before relative links, "../" for a page in a subfolder.
        renamed: file names that are called otherwise where the page lies, e.g. notebooks that have become pages.
        raw_html: let HTML pass; without, its tags are shown as text.
    """

    def __init__(
        self,
        folder: Path,
        *,
        prefix: str = "",
        renamed: dict[str, str] | None = None,
        raw_html: bool = False,
        **options,
    ):
        super().__init__(escape=not raw_html, allow_harmful_protocols=False, **options)
        self.folder, self.prefix, self.renamed, self.raw_html = folder, prefix, renamed or {}, raw_html

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if url.startswith(("http://", "https://", "mailto:")):
            return super().link(text, url, title)
        if url.startswith("#"):
            return super().link(text, url, title) if self.raw_html else text
        name, _, place = url.partition("#")
        if FOREIGN.match(url) or url.startswith("/"):
            return text
        if name in self.renamed:
            return super().link(text, self.renamed[name] + (f"#{place}" if place else ""), title)
        return super().link(text, self.prefix + url, title) if (self.folder / unquote(name)).exists() else text

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Only pictures that are part of the page itself: nothing is fetched."""
        url = self._embed_image_or_attachment(url)
        return super(IPythonRenderer, self).image(text, url, title) if url.startswith("data:image/") else text

    def inline_math(self, body: str) -> str:
        return mathml(body)

    def block_math(self, body: str) -> str:
        return mathml(body, display=True)

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", display=True)


def mathml(tex: str, display: bool = False) -> str:
    """A formula as one `<math>` element, which browsers draw without a script; what is not understood, as its
    source.
    """
    try:  # deep nesting would exhaust Python's stack
        element = (
            None if tex.count("{") > 200 else convert_to_element(tex.strip(), display="block" if display else "inline")
        )
    except Exception:  # the converter raises whatever its insides raise
        element = None
    if element is None or "\\" in "".join(element.itertext()):  # an unknown command is passed through
        return f'<code class="tex">{escape(tex.strip())}</code>'
    element.set("alttext", tex.strip())
    element.attrib.pop("xmlns", None)  # HTML needs none, and nbconvert's headings would turn it into a prefix
    for part in element.iter():  # its characters are references such as &#x0003C; until they are written
        part.text = unescape(part.text or "")
    return ElementTree.tostring(element, encoding="unicode")


def to_html(markdown: str, folder: Path) -> str:
    """Markdown as safe HTML: tags in it are shown as text. Relative links are meant from `folder`."""
    return MarkdownWithMath(renderer=Prose(folder, exclude_anchor_links=True)).render(markdown).strip()


def plain(markdown: str) -> str:
    """Markdown without its marks: for alternative texts and titles."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"\*+|`|\$", "", markdown)).strip()
