"""What lies in `papers/`, found by name when it is asked for, so that no shelf below has to import a paper.

Each folder of `papers/` declares in its `__init__` the networks it has (`MODELS`); its other parts have fixed places (`part`, `files`).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parents[1] / "papers"
RENAMED = {"together": "comparison"}        # the key of former releases -> today's


@cache
def papers() -> tuple[str, ...]:
    """The keys of all papers, sorted."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/__init__.py")))


def paper_key(name: str) -> str:
    """Today's key of the paper `name`. Raises ValueError that lists the papers there are."""
    key = RENAMED.get(name, name)
    if key not in papers():
        raise ValueError(f"unknown paper {name!r}: expected one of {', '.join(papers())}")
    return key


def part(paper: str, name: str) -> ModuleType:
    """The module `name` of a paper, for example its "rows". Raises ValueError for an unknown paper."""
    return import_module(f"depthlib.papers.{paper_key(paper)}.{name}")


@cache
def models() -> dict[str, str]:
    """Name -> "module:class" of every network that a paper brings along."""
    found = {}
    for paper in papers():
        table = import_module(f"depthlib.papers.{paper}").MODELS
        found |= {name: f"depthlib.papers.{paper}.{target}" for name, target in table.items()}
    return found


def files(pattern: str) -> list[Path]:
    """Files of all papers, for example "protocols/*.yaml", sorted by paper and name."""
    return [path for paper in papers() for path in sorted((FOLDER / paper).glob(pattern))]
