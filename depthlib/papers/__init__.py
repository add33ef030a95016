"""What each paper trains. A module here turns a `RunSpec` into a `Recipe`; nothing in it trains anything itself.

Each module offers `recipe(spec) -> Recipe` and `runs(profile, ...) -> list of run specs`, the runs behind its notebook.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depthlib.papers.spec import RunSpec
    from depthlib.training.recipe import Recipe

PAPERS = ("start", "anuw", "dacnn", "mobile", "dual", "synergy", "together")


def paper_module(paper: str) -> ModuleType:
    """The module of that paper; raises ValueError that lists the papers there are."""
    if paper not in PAPERS:
        raise ValueError(f"unknown paper {paper!r}: expected one of {', '.join(PAPERS)}")
    return importlib.import_module(f"depthlib.papers.{paper}")


def recipe_of(spec: RunSpec) -> Recipe:
    """The recipe that `spec` stands for; raises ValueError for a variant or data set that the paper does not have."""
    return paper_module(spec.paper).recipe(spec)
