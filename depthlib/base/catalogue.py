"""Lookup of `papers/` by name, imported on demand, so that no shelf below imports a paper.

Each folder of `papers/` declares its networks in `__init__` (`MODELS`); its other parts have fixed names (`part`,
`files`).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parents[1] / "papers"
RENAMED = {"together": "comparison"}  # former key -> current key


@cache
def papers() -> tuple[str, ...]:
    """The keys of all papers, sorted."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/__init__.py")))


def paper_key(name: str) -> str:
    """The current key of the paper `name`. Raises ValueError for an unknown paper."""
    key = RENAMED.get(name, name)
    if key not in papers():
        raise ValueError(f"paper: found {name!r}, expected one of {', '.join(papers())}")
    return key


def part(paper: str, name: str) -> ModuleType:
    """The module `name` of a paper, for example its "rows". Raises ValueError for an unknown paper."""
    return import_module(f"depthlib.papers.{paper_key(paper)}.{name}")


@cache
def models() -> dict[str, str]:
    """Name -> "module:class" of every network of the papers."""
    found: dict[str, str] = {}
    for paper in papers():
        table = import_module(f"depthlib.papers.{paper}").MODELS
        found |= {name: f"depthlib.papers.{paper}.{target}" for name, target in table.items()}
    return found


def files(pattern: str) -> list[Path]:
    """Files of all papers, for example "protocols/*.yaml", sorted by paper and name."""
    return [path for paper in papers() for path in sorted((FOLDER / paper).glob(pattern))]
