"""What a notebook hands over: figures and tables that are saved, numbered, captioned and shown in one call."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from depthlib.base import paths
from depthlib.report import tables
from depthlib.report.png import figure_image, for_notebook, png
from depthlib.report.style import DPI

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NAME = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
SCREEN_DPI = 100        # a figure of 7.2 inches is 720 CSS pixels wide, whatever the resolution of the file


class Report:
    """Made once in the settings cell of a notebook.

    Args:
        notebook: its name without suffix, for example "01_anuw": names the folders.
        profile: of the run, for example "quick".
        out_dir: results folder instead of `results_dir(profile)`.
        reduced: whether tables carry "not a reproduction"; by default what the profile says of itself.

    Raises:
        ValueError: an unknown profile, or a name that is no plain lower-case name.
    """

    def __init__(
        self, notebook: str, profile: str, out_dir: str | os.PathLike[str] | None = None, reduced: bool | None = None,
    ) -> None:
        from depthlib.runs.profiles import get_profile

        self.notebook = _checked("notebook", notebook)
        self.profile = get_profile(profile).name
        self.reduced = get_profile(profile).reduced if reduced is None else reduced
        self.folder = Path(out_dir) if out_dir is not None else paths.results_dir(profile)
        self._numbers: dict[str, list[str]] = {"Figure": [], "Table": []}

    def figure(self, fig: Figure, name: str, caption: str, alt: str | None = None) -> None:
        """Save `fig` as figures/<notebook>/<name>.png, show it with a numbered caption under it, and close it.

        Args:
            fig: a matplotlib figure.
            name: of the file, lower case; showing a name again replaces the file and keeps the number.
            caption: Markdown that says what is to be seen, with its numbers: pictures are never compared, captions are.
            alt: a text for those who do not see the picture; by default the caption without its markup.
        """
        from IPython.display import Markdown, display
        from matplotlib import pyplot

        number = self._number("Figure", name, caption)
        picture = figure_image(fig)
        pyplot.close(fig)
        _write(self.folder / "figures" / self.notebook / f"{name}.png", png(picture))
        kind, content = for_notebook(picture)
        data = {kind: base64.b64encode(content).decode(), "text/plain": f"<Figure {number}: {name}>"}
        look = {"alt": alt or _unmarked(caption), "width": round(picture.width * SCREEN_DPI / DPI)}
        display(data, metadata={kind: look}, raw=True)
        display(Markdown(f"**Figure {number}.** {caption}"))

    def table(self, df: pd.DataFrame, name: str, caption: str, formats: tables.Formats = None) -> None:
        """Save `df` as tables/<notebook>/<name>.{csv,md,html} and show it with a numbered caption.

        Args:
            df: what to show; its index too, if that is more than a count.
            name: of the files, lower case.
            caption: Markdown that says what is to be seen.
            formats: "{:.3f}" for all columns of floats, or {"column": "{:.1f}"}; CSV keeps every digit.
        """
        from IPython.display import Markdown, display

        number = self._number("Table", name, caption)
        if self.reduced:
            caption = f"{caption} *Reduced run (profile {self.profile}): not a reproduction.*"
        caption = f"**Table {number}.** {caption}"
        markdown, page = tables.markdown_text(df, formats), tables.html_text(df, formats)
        stem = self.folder / "tables" / self.notebook / name
        _write(stem.with_name(f"{name}.csv"), tables.csv_text(df).encode())
        _write(stem.with_name(f"{name}.md"), f"{markdown}\n\n{caption}\n".encode())
        _write(stem.with_name(f"{name}.html"), f"{page}\n<p>{tables.html.escape(_unmarked(caption))}</p>\n".encode())
        display({"text/html": page, "text/plain": markdown}, raw=True)
        display(Markdown(caption))

    def _number(self, kind: str, name: str, caption: str) -> int:
        if not caption.strip():
            raise ValueError(f"caption: found none for {name!r}, expected a sentence that says what is to be seen")
        names = self._numbers[kind]
        if _checked("name", name) not in names:
            names.append(name)
        return names.index(name) + 1


def _checked(what: str, name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{what}: found {name!r}, expected lower-case letters and digits joined by '-' or '_'")
    return name


def _write(path: Path, content: bytes) -> None:
    with paths.atomic_write(path) as temporary:
        temporary.write_bytes(content)


def _unmarked(text: str) -> str:
    """Markdown to plain text: no asterisks, back-ticks or dollar signs, links by their words."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"\*+|`|\$", "", text)).strip()
