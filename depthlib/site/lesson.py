"""What a lesson left in the results folder: its figures and tables, in the order and with the captions of its notebook.

Nothing here raises for what is missing or broken: it becomes a gap, which the page names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode
from PIL import Image

from depthlib.course.notebooks.cells import read_notebook
from depthlib.report.shown import SUFFIX, Shown, read_shown
from depthlib.report.tables import aligned_right, read_table
from depthlib.site.notebook_html import title
from depthlib.site.pictures import read_picture


@dataclass(frozen=True)
class Gap:
    """Something that the page should show and cannot."""

    where: str
    what: str


@dataclass(frozen=True)
class Item:
    """A figure or a table with its content.

    Attributes:
        shown: its name, number and caption. file: relative to the results folder: picture in full size, or exact
            numbers.
        image: of a figure. header, rows, right: of a table: names of columns, cells, which columns are aligned right.
    """

    shown: Shown
    file: str
    image: Image.Image | None = None
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)


@dataclass(frozen=True)
class LessonResults:
    """All that is there of a lesson; `notebook` is None where it was not executed."""

    name: str
    title: str
    notebook: NotebookNode | None
    items: list[Item]
    gaps: list[Gap]

    def find(self, kind: str, name: str) -> Item | None:
        return next((item for item in self.items if (item.shown.kind, item.shown.name) == (kind, name)), None)


def read_lesson(folder: Path, name: str) -> LessonResults:
    """Read a lesson out of a results folder.

    Args:
        folder: `results/<profile>`.
        name: of the notebook, without suffix.
    """
    gaps: list[Gap] = []
    notebook = _notebook(folder, name, gaps)
    shown = _shown(folder, name, gaps)
    items = [item for entry in shown if (item := _item(folder, name, entry, gaps))]
    listed = {entry.file(name) for entry in shown}
    for kind, suffix in SUFFIX.items():
        for path in sorted((folder / f"{kind}s" / name).glob(f"*{suffix}")):
            if path.relative_to(folder).as_posix() not in listed:
                gaps.append(
                    Gap(name, f"{kind} {path.name} is left over: the notebook did not show it when it ran last")
                )
    return LessonResults(name, title(notebook, name) if notebook else name, notebook, items, gaps)


def _notebook(folder: Path, name: str, gaps: list[Gap]) -> NotebookNode | None:
    path = folder / f"{name}.ipynb"
    if not path.is_file():
        gaps.append(Gap(name, "the notebook was not executed"))
        return None
    try:
        notebook = read_notebook(path)
    except (ValueError, OSError):
        gaps.append(Gap(name, f"{path.name} cannot be read"))
        return None
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        if output.output_type == "error":
            gaps.append(Gap(name, f"a cell of the notebook stopped: {output.get('ename')}: {output.get('evalue')}"))
    return notebook


def _shown(folder: Path, name: str, gaps: list[Gap]) -> list[Shown]:
    try:
        return read_shown(folder, name)
    except FileNotFoundError:
        gaps.append(Gap(name, f"there is no list of its figures and tables, {name}.json"))
    except (ValueError, OSError) as error:
        gaps.append(Gap(name, str(error)))
    return []


def _item(folder: Path, lesson: str, shown: Shown, gaps: list[Gap]) -> Item | None:
    file = shown.file(lesson)
    if not (folder / file).is_file():
        gaps.append(Gap(lesson, f"{shown.kind} {shown.number}, {Path(file).name}, is missing"))
        return None
    try:
        if shown.kind == "figure":
            return Item(shown, file, image=read_picture(folder / file))
        header, rows = read_table(folder / file, shown.formats)
        return Item(shown, file, header=header, rows=rows, right=aligned_right(rows, len(header)))
    # a format may name what a number does not have
    except (ValueError, OSError, LookupError, AttributeError) as error:
        gaps.append(Gap(lesson, f"{shown.kind} {shown.number} cannot be read: {error}"))
        return None
