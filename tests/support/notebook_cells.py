"""A small notebook, its cells, and their outputs."""

from __future__ import annotations

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from depthlib.course.notebooks import strip


def cell(source: str, name: str, *tags: str):
    return new_code_cell(source, id=name, metadata={"tags": list(tags)} if tags else {})


def lesson(**changed: str) -> nbformat.NotebookNode:
    """A small notebook; `changed` replaces the source of cells by id."""
    cells = [
        new_markdown_cell("# A lesson", id="title"),
        cell(
            'profile = "smoke"  # how large\nsteps = 2\nlr = 0.5\nseeds = [0, 1]\nfolder = None',
            "parameters",
            "parameters",
        ),
        cell(
            "import os\nfrom pathlib import Path\nprint(os.environ.get('OMP_NUM_THREADS'), seeds, folder, "
            "Path.cwd().name)",
            "settings",
            "nbval-ignore-output",
        ),
        cell("print(f'loss {0.1234 * lr * 2:.4f}, delta1 {98.76:.1f} %')", "numbers", "nbval-rtol=1e-2"),
        cell("for i in range(3):\n    print(f'\\rstep {i}', end='')", "bar"),
        cell("print('3 seeds', flush=True)", "exact"),
        cell("1 / steps", "divide", "solution"),
    ]
    for item in cells:
        item.source = changed.get(item.id, item.source)
    return strip(new_notebook(cells=cells))


def outputs(notebook, name: str):
    return next(item for item in notebook.cells if item.id == name).outputs
