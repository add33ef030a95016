"""Cleaning source notebooks: text and code without traces of runs or editors.

nbstripout and nbconvert clear outputs and counts. What is left for this file is more than what they save: readable
ids of cells, the metadata that stays, and the rules that a lesson has to keep.
"""

from __future__ import annotations

import ast
import copy
import os
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from depthlib.course.notebooks.cells import (
    code_cells,
    keep_metadata,
    label,
    read_notebook,
    syntax_tree,
    tags,
    write_notebook,
)
from depthlib.course.notebooks.parameters import declared_parameters

MAX_LINES = 25
READABLE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# random ids of editors
RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[a-f]*[0-9])[0-9a-f]{6,}")
MAX_ID = 64  # nbformat's limit


def strip(notebook: NotebookNode) -> NotebookNode:
    """A copy without outputs, counts and volatile metadata, with readable cell ids. Stripping twice changes nothing
    more.

    A readable id is kept for good. A random one is replaced by one made from the last heading above: `gradient-text`,
    `gradient-code`, `gradient-code-2`.

    Raises:
        ValueError: a cell with a random id has no heading above it, or an id is used twice.
    """
    clean = copy.deepcopy(notebook)
    keep_metadata(clean)
    clean.metadata.pop("depthlib", None)  # the stamp of a run
    taken = [cell.id for cell in clean.cells if is_readable(cell.get("id", ""))]
    if twice := sorted({name for name in taken if taken.count(name) > 1}):
        raise ValueError(f"cell id {', '.join(twice)}: found twice, expected once; rename one of the cells")
    used, section = set(taken), ""
    for number, cell in enumerate(clean.cells, start=1):
        heading = re.match(r"#+\s+(.+)", cell.source) if cell.cell_type == "markdown" else None
        section = _slug(heading[1]) if heading else section
        if not is_readable(cell.get("id", "")):
            if not section:
                raise ValueError(
                    f"cell {number}: found the id {cell.get('id')!r} and no heading above to make a readable one "
                    "from; expected words with hyphens, for example 'first-steps'"
                )
            kind = "" if heading else "-code" if cell.cell_type == "code" else "-text"
            cell["id"] = _unused(section + kind, used)
        used.add(cell.id)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return clean


def strip_file(path: str | os.PathLike[str]) -> bool:
    """Strip a notebook in place; True if that changed the file. Raises ValueError that names it on failure."""
    before = Path(path).read_bytes()
    try:
        write_notebook(strip(read_notebook(path)), path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return Path(path).read_bytes() != before


def student_copy(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> int:
    """Write the learner's copy: the source without cells tagged `solution`. Returns how many were left out."""
    notebook = strip(read_notebook(source))
    kept = [cell for cell in notebook.cells if "solution" not in tags(cell)]
    left_out = len(notebook.cells) - len(kept)
    notebook.cells = kept
    write_notebook(notebook, target)
    return left_out


def check_source(path: str | os.PathLike[str]) -> list[str]:
    """What is wrong with a notebook of `notebooks/`, one sentence each.

    Checks that it is stripped, that its parameters are literals, that no code cell and no source shown by
    `show_source` is longer than 25 lines, and that all of its code can be parsed.
    """
    notebook = read_notebook(path)
    problems = []
    try:
        if nbformat.writes(strip(notebook)).strip() != Path(path).read_text(encoding="utf-8").strip():
            problems.append(
                "has outputs, counts, volatile metadata or random cell ids: `depthlib notebooks strip` mends it"
            )
        declared_parameters(notebook)
        problems += _long_sources(syntax_tree(notebook))
    except (ValueError, SyntaxError) as error:
        problems.append(str(error))
    for cell in code_cells(notebook):
        if (lines := len(cell.source.strip().splitlines())) > MAX_LINES:
            problems.append(
                f"{label(notebook, cell)} has {lines} lines, expected at most {MAX_LINES}: move code into depthlib"
            )
    return problems


def is_readable(name: str) -> bool:
    """Whether an id consists of hyphenated words, unlike the random ids of editors."""
    return bool(READABLE.fullmatch(name)) and not RANDOM.fullmatch(name) and len(name) <= MAX_ID


def _slug(heading: str) -> str:
    words = re.findall(r"[a-z0-9]+", re.sub(r"\$[^$]*\$", " ", heading.lower()))
    while words and not words[0][0].isalpha():  # "3. The loss" -> "the-loss"
        words.pop(0)
    return "-".join(words[:5])[: MAX_ID - 10].rstrip("-")


def _unused(name: str, used: set[str]) -> str:
    number, candidate = 1, name
    while candidate in used:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _long_sources(tree: ast.Module) -> list[str]:
    """Objects handed to `show_source` that are too long to be read in a lesson. Imports what the notebook imports."""
    from importlib import import_module

    from depthlib.report.source import source_text

    origin = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("depthlib")
        for alias in node.names
    }
    shown = [
        node.args[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "show_source"
        and node.args
        and isinstance(node.args[0], ast.Name)
        and node.args[0].id in origin
    ]
    counts = {
        name: len(source_text(getattr(import_module(origin[name][0]), origin[name][1])).splitlines()) for name in shown
    }
    return [
        f"show_source({name}) shows {lines} lines, expected at most {MAX_LINES}: split the function"
        for name, lines in counts.items()
        if lines > MAX_LINES
    ]
