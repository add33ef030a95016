"""Notebook files as lists of cells: reading, writing, tags, and the metadata to keep."""

from __future__ import annotations

import ast
import copy
import os
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from depthlib.base.paths import atomic_write

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
CELL_METADATA = ("tags", "jupyter", "slideshow")  # all other metadata of a cell comes from runs or editors
NOTEBOOK_METADATA = ("course", "depthlib")  # lesson front matter; the stamp of an executed notebook
INJECTED = "injected-parameters"


def read_notebook(path: str | os.PathLike[str]) -> NotebookNode:
    """Read a notebook in format 4. Raises ValueError that names the file if it is not one."""
    try:
        return nbformat.read(Path(path), as_version=4)
    except (ValueError, KeyError, AttributeError, nbformat.ValidationError) as error:
        raise ValueError(f"{path}: found no readable notebook ({error}), expected nbformat 4") from error


def write_notebook(notebook: NotebookNode, path: str | os.PathLike[str]) -> None:
    """Write atomically, in the layout of the repository: sorted keys, one space, a newline at the end."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    with atomic_write(path) as temporary:
        temporary.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8", newline="\n")


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that a kernel executes: code cells with something in them."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def at_profile(notebook: NotebookNode, profile: object) -> NotebookNode:
    """The notebook as it is executed at a profile, without the cells that are for others.

    Those tagged `scenes` speak of generated frames, of which more is known than of photographs; at profile "paper",
    on the paper's own data, they are left out. Those tagged `paper` are for that profile alone.
    """
    other = "scenes" if profile == "paper" else "paper"
    kept = copy.copy(notebook)
    kept.cells = [cell for cell in notebook.cells if other not in tags(cell)]
    return kept


def label(notebook: NotebookNode, cell: NotebookNode) -> str:
    """Name of a cell in messages: its position from 1, and its id."""
    return f"cell {notebook.cells.index(cell) + 1} ({cell.get('id', 'no id')})"


def syntax_tree(notebook: NotebookNode) -> ast.Module:
    """All code of the notebook as one module; IPython's `%magics` and `!commands` are translated first.

    Raises SyntaxError that names the cell.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    body: list[ast.stmt] = []
    for cell in code_cells(notebook):
        try:
            body += ast.parse(TransformerManager().transform_cell(cell.source)).body
        except SyntaxError as error:
            raise SyntaxError(f"{label(notebook, cell)}: {error}") from error
    return ast.Module(body=body, type_ignores=[])


def keep_metadata(notebook: NotebookNode) -> None:
    """Drop timings, versions, editor state and widget state, in place; the rest is equal on every machine."""
    kept = {name: notebook.metadata[name] for name in NOTEBOOK_METADATA if name in notebook.metadata}
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}, **kept})
    for cell in notebook.cells:
        kept = {name: cell.metadata[name] for name in CELL_METADATA if cell.metadata.get(name)}
        cell.metadata = nbformat.from_dict(kept)
