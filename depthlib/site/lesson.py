"""What a lesson left in the results folder: its figures and tables, in the order and with the captions of its notebook.

Nothing here raises for what is missing or broken: it becomes a gap, which the page names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode
from PIL import Image

from depthlib.course.notebooks.cells import read_notebook
from depthlib.report.tables import MISSING
from depthlib.site.notebook_html import title
from depthlib.site.pictures import read_picture
from depthlib.site.prose import plain

CAPTION = re.compile(r"\*\*(Figure|Table) (\d+)\.\*\*\s*(.+)", re.DOTALL)
FIGURE = re.compile(r"<Figure (\d+): ([^>]+)>")
NUMBER = re.compile(r"[-+−]?[\d,]*\.?\d+(e[-+]?\d+)?( ± [\d.]+)?( %)?")
PICTURES = ("image/png", "image/jpeg")


@dataclass(frozen=True)
class Gap:
    """Something that the page should show and cannot."""

    where: str
    what: str


@dataclass(frozen=True)
class Shown:
    """A figure or a table.

    Attributes:
        kind: "figure" or "table"; name: of its files; number: in the notebook, None for a file that it does not show.
        caption: Markdown without the number; alt: of a figure.
        image: of a figure. header, rows, right: of a table: names of columns, cells, which columns are aligned right.
        file: relative to the results folder: the picture in full size, or the numbers with every digit.
    """

    kind: str
    name: str
    number: int | None
    caption: str
    file: str
    alt: str = ""
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
    shown: list[Shown]
    gaps: list[Gap]

    def find(self, kind: str, name: str) -> Shown | None:
        return next((item for item in self.shown if (item.kind, item.name) == (kind, name)), None)


def read_lesson(folder: Path, name: str) -> LessonResults:
    """Read a lesson out of a results folder.

    Args:
        folder: `results/<profile>`.
        name: of the notebook, without suffix.
    """
    gaps: list[Gap] = []
    notebook = _notebook(folder, name, gaps)
    order = _order(notebook) if notebook else {}
    shown = [*_figures(folder, name, order, gaps), *_tables(folder, name, order, gaps)]
    there = {(item.kind, item.number) for item in shown}
    for (kind, number), entry in order.items():
        if kind == "table" and (kind, number) not in there:
            gaps.append(Gap(name, f"table {number} of the notebook has no file: {plain(entry.caption)[:60]}"))
    place = {key: position for position, key in enumerate(order)}
    shown.sort(key=lambda item: (place.get((item.kind, item.number), len(place)), item.kind, item.number or 0, item.name))
    return LessonResults(name, title(notebook, name) if notebook else name, notebook, shown, gaps)


@dataclass
class _Entry:
    """What a notebook says of one of its figures or tables."""

    name: str = ""
    caption: str = ""
    alt: str = ""


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


def _order(notebook: NotebookNode) -> dict[tuple[str, int], _Entry]:
    """(kind, number) -> entry, in the order in which the notebook shows them; a figure's name stands with its picture."""
    found: dict[tuple[str, int], _Entry] = {}
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        data = output.get("data", {})
        if picture := FIGURE.fullmatch(str(data.get("text/plain", ""))):
            entry = found.setdefault(("figure", int(picture[1])), _Entry())
            entry.name = picture[2]
            looks = [output.get("metadata", {}).get(kind, {}) for kind in PICTURES]
            entry.alt = next((str(look["alt"]) for look in looks if look.get("alt")), "")
        if caption := CAPTION.fullmatch(str(data.get("text/markdown", "")).strip()):
            found.setdefault((caption[1].lower(), int(caption[2])), _Entry()).caption = caption[3]
    return found


def _figures(folder: Path, lesson: str, order: dict[tuple[str, int], _Entry], gaps: list[Gap]) -> list[Shown]:
    numbers = {entry.name: number for (kind, number), entry in order.items() if kind == "figure" and entry.name}
    files = {path.stem: path for path in sorted((folder / "figures" / lesson).glob("*.png"))}
    shown = []
    for name in dict.fromkeys([*numbers, *files]):
        number = numbers.get(name)
        entry = order[("figure", number)] if number else _Entry()
        if name not in files:
            gaps.append(Gap(lesson, f"figure {number}, {name}.png, is missing"))
            continue
        try:
            image = read_picture(files[name])
        except ValueError as error:
            gaps.append(Gap(lesson, f"figure {error}"))
            continue
        if not entry.caption:
            gaps.append(Gap(lesson, f"figure {name}.png has no caption in the executed notebook"))
        alt = entry.alt or plain(entry.caption) or f"Figure {name}; its notebook says nothing of it"
        shown.append(Shown("figure", name, number, entry.caption, f"figures/{lesson}/{name}.png", alt, image))
    return shown


def _tables(folder: Path, lesson: str, order: dict[tuple[str, int], _Entry], gaps: list[Gap]) -> list[Shown]:
    shown = []
    for path in sorted((folder / "tables" / lesson).glob("*.md")):
        try:
            header, rows, right, note = parse_table(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            gaps.append(Gap(lesson, f"table {path.name} cannot be read: {error}"))
            continue
        caption = CAPTION.fullmatch(note)
        if not caption:
            gaps.append(Gap(lesson, f"table {path.name} has no caption"))
        number, words = (int(caption[2]), caption[3]) if caption else (None, note)
        if order and number and order.get(("table", number), _Entry()).caption != words:
            gaps.append(Gap(lesson, f"table {path.name} is not one that the executed notebook shows: it is older, or newer"))
            number = None
        numbers = path.with_suffix(".csv")
        file = f"tables/{lesson}/{numbers.name if numbers.is_file() else path.name}"
        shown.append(Shown("table", path.stem, number, words, file, header=header, rows=rows, right=right))
    return shown


def parse_table(markdown: str) -> tuple[list[str], list[list[str]], list[bool], str]:
    """Header, rows, which columns are aligned right, and what follows, of a table that `Report.table` wrote.

    Raises ValueError for anything else.
    """
    lines, _, note = markdown.strip().partition("\n\n")
    cells = [[_unescaped(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines.split("\n")]
    if len(cells) < 2 or not cells[0] or not all(re.fullmatch(r":?-+:?", rule) for rule in cells[1]):
        raise ValueError("found no Markdown table")
    if ragged := [number for number, row in enumerate(cells, 1) if len(row) != len(cells[0])]:
        raise ValueError(f"line {ragged[0]} has {len(cells[ragged[0] - 1])} cells, expected {len(cells[0])}")
    columns = zip(*cells[2:], strict=True) if cells[2:] else [()] * len(cells[0])
    right = [rule.endswith(":") or _numeric(column) for rule, column in zip(cells[1], columns, strict=True)]
    return cells[0], cells[2:], right, note.strip()


def _numeric(column: Sequence[str]) -> bool:
    """Whether all cells are numbers, such as "0.353 ± 0.039" or "12 %", or missing."""
    there = [cell for cell in column if cell not in ("", MISSING)]
    return bool(there) and all(NUMBER.fullmatch(cell) for cell in there)


def _unescaped(cell: str) -> str:
    return cell.strip().replace("\\|", "|")
