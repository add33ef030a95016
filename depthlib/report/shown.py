"""What a notebook has shown, as data: `<notebook>.json` in the results folder lists its figures and tables in order.

The pictures and numbers themselves lie in `figures/<notebook>/<name>.png` and `tables/<notebook>/<name>.csv`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from depthlib.base import paths

SUFFIX = {"figure": ".png", "table": ".csv"}


@dataclass(frozen=True)
class Shown:
    """A figure or a table.

    Attributes:
        kind: "figure" or "table". name: of its file. number: counted for each kind from 1.
        caption: Markdown, without the number. alt: of a figure, for those who do not see it.
        formats: of a table: how the cells of each column are written, see `tables.read_table`.
    """

    kind: str
    name: str
    number: int
    caption: str
    alt: str = ""
    formats: list[str] = field(default_factory=list)

    def file(self, notebook: str) -> str:
        """Of its picture or its numbers, relative to the results folder."""
        return f"{self.kind}s/{notebook}/{self.name}{SUFFIX[self.kind]}"


def write_shown(folder: Path, notebook: str, items: Iterable[Shown]) -> None:
    with paths.atomic_write(folder / f"{notebook}.json") as temporary:
        text = json.dumps([asdict(item) for item in items], indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")


def read_shown(folder: Path, notebook: str) -> list[Shown]:
    """The list that `write_shown` wrote.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file cannot be read, or names a kind that there is not.
    """
    path = folder / f"{notebook}.json"
    try:
        items = [Shown(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
        kinds = {item.kind for item in items}
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path.name}: found no readable list of figures and tables ({error})") from error
    if unknown := kinds - set(SUFFIX):
        raise ValueError(f"{path.name}: found kind {', '.join(map(repr, sorted(unknown)))}, expected figure or table")
    return items
