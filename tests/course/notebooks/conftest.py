"""A notebook that was executed, once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from notebook_cells import lesson

from depthlib.course.notebooks import execute
from depthlib.course.notebooks.cells import write_notebook


@pytest.fixture(scope="session")
def executed(tmp_path_factory) -> tuple[Path, Path]:
    """Source and result of one real run, from another working directory, in a folder with braces in its name."""
    root = tmp_path_factory.mktemp("run")
    source, output = root / "lesson.ipynb", root / "out{seeds}" / "lesson.ipynb"
    write_notebook(lesson(), source)
    seen, before = [], os.getcwd()
    os.chdir(root)
    try:
        execute(
            "lesson.ipynb",
            "out{seeds}/lesson.ipynb",
            {"seeds": (np.int64(3), 4), "folder": Path("a/b")},
            threads=3,
            progress=lambda *state: seen.append(state),
        )
    finally:
        os.chdir(before)
    names = ("parameters", "settings", "numbers", "bar", "exact", "divide")
    assert seen == [*((i, 6, name) for i, name in enumerate(names)), (6, 6, "")]
    return source, output
