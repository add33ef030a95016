"""What a notebook hands over: figures and tables, saved, numbered, captioned and shown in one call, and verdicts."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from depthlib.base import paths
from depthlib.report import tables
from depthlib.report.png import figure_image, for_notebook, png
from depthlib.report.shown import Shown, write_shown
from depthlib.report.style import DPI

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from depthlib.report.claims import PublishedPaper
    from depthlib.runs.store import RunRecord

NAME = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
SCREEN_DPI = 100  # a figure of 7.2 inches is 720 CSS pixels wide, whatever the resolution of the file


class Report:
    """Made once in the settings cell of a notebook.

    Its files, in `folder`: `figures/<notebook>/<name>.png`; `tables/<notebook>/<name>.csv` with every digit, and the
    same as Markdown for readers; `<notebook>.json`, the list of all of these with their captions;
    `verdicts/<paper>.json`. The page reads the pictures, the CSV and the JSON.

    Args:
        notebook: its name without suffix, for example "01_anuw": names the folders.
        profile: of the run, for example "quick".
        out_dir: results folder instead of `results_dir(profile)`.
        reduced: whether tables carry "not a reproduction"; by default what the profile says of itself. True at a
            profile that is not reduced: a miniature of it.

    Raises:
        ValueError: an unknown profile, or a name that is no plain lower-case name.
    """

    def __init__(
        self, notebook: str, profile: str, out_dir: str | os.PathLike[str] | None = None, reduced: bool | None = None
    ) -> None:
        from depthlib.runs.profiles import get_profile

        self.notebook = _checked("notebook", notebook)
        self.profile = get_profile(profile).name
        self.reduced = get_profile(profile).reduced if reduced is None else reduced
        self.folder = Path(out_dir) if out_dir is not None else paths.results_dir(profile)
        self._shown: dict[tuple[str, str], Shown] = {}

    def figure(self, fig: Figure, name: str, caption: str, alt: str | None = None) -> None:
        """Save `fig`, show it with a numbered caption under it, and close it.

        Args:
            fig: a matplotlib figure.
            name: of the file, lower case; showing a name again replaces the file and keeps the number.
            caption: Markdown that says what is to be seen, with its numbers: pictures are never compared, captions are.
            alt: a text for those who do not see the picture; by default the caption without its markup.
        """
        from IPython.display import Markdown, display
        from matplotlib import pyplot

        number = self._number("figure", name, caption)
        picture = figure_image(fig)
        pyplot.close(fig)
        unmarked = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"\*+|`|\$", "", caption)).strip()
        item = Shown("figure", name, number, caption, alt=alt or unmarked)
        _write(self.folder / item.file(self.notebook), png(picture))
        self._keep(item)
        kind, content = for_notebook(picture)
        data = {kind: base64.b64encode(content).decode(), "text/plain": f"<Figure {number}: {name}>"}
        display(data, metadata={kind: {"alt": item.alt, "width": round(picture.width * SCREEN_DPI / DPI)}}, raw=True)
        display(Markdown(f"**Figure {number}.** {caption}"))

    def table(self, df: pd.DataFrame, name: str, caption: str, formats: tables.Formats = None) -> None:
        """Save `df` and show it with a numbered caption.

        Args:
            df: what to show; its index too, if that is more than a count.
            name: of the files, lower case.
            caption: Markdown that says what is to be seen.
            formats: "{:.3f}" for all columns of floats, or {"column": "{:.1f}"}; CSV keeps every digit.
        """
        from IPython.display import Markdown, display

        number = self._number("table", name, caption)
        if self.reduced:
            from depthlib.runs.profiles import get_profile

            kind = "Reduced run" if get_profile(self.profile).reduced else "Miniature"
            caption = f"{caption} *{kind} (profile {self.profile}): not a reproduction.*"
        item = Shown("table", name, number, caption, formats=tables.column_formats(df, formats))
        markdown, shown = tables.markdown_text(df, formats), Markdown(f"**Table {number}.** {caption}")
        path = self.folder / item.file(self.notebook)
        _write(path, tables.csv_text(df).encode())
        _write(path.with_suffix(".md"), f"{markdown}\n\n{shown.data}\n".encode())
        self._keep(item)
        display({"text/html": tables.html_text(df, formats), "text/plain": markdown}, raw=True)
        display(shown)

    def verdicts(self, paper: PublishedPaper, records: Sequence[RunRecord | None]) -> pd.DataFrame:
        """Judge the claims of a paper, keep the verdicts as data, and return them as a table, one row a claim.

        Verdicts are made here and nowhere else: the other lessons and the page read `verdicts/<paper>.json`.
        """
        from depthlib.report.verdict_files import read_verdicts, write_verdicts
        from depthlib.report.verdict_table import verdict_table
        from depthlib.report.verdicts import judge_all

        judged = judge_all(paper, records, read_verdicts(paper, paths.reference_dir("standard")))
        write_verdicts(self.folder, judged)
        return verdict_table(judged)

    def _number(self, kind: str, name: str, caption: str) -> int:
        if not caption.strip():
            raise ValueError(f"caption: found none for {name!r}, expected a sentence that says what is to be seen")
        if (kind, _checked("name", name)) in self._shown:
            return self._shown[kind, name].number
        return 1 + sum(item.kind == kind for item in self._shown.values())

    def _keep(self, item: Shown) -> None:
        self._shown[item.kind, item.name] = item
        write_shown(self.folder, self.notebook, self._shown.values())


def _checked(what: str, name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{what}: found {name!r}, expected lower-case letters and digits joined by '-' or '_'")
    return name


def _write(path: Path, content: bytes) -> None:
    with paths.atomic_write(path) as temporary:
        temporary.write_bytes(content)
