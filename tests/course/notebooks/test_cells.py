"""Files of notebooks that cannot be read are named, and cells for one kind of profile."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_markdown_cell, new_notebook
from notebook_cells import cell

from depthlib.course.notebooks.cells import at_profile, read_notebook


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(ValueError, match="broken.ipynb"):
        read_notebook(tmp_path / "broken.ipynb")


def test_a_lesson_has_other_cells_at_the_papers_own_scale():
    cells = [
        cell("profile = 'quick'", "parameters", "parameters"),
        new_markdown_cell("On streets.", id="streets", metadata={"tags": ["scenes"]}),
        cell("print('own')", "own", "paper", "nbval-ignore-output"),
        cell("print('both')", "both"),
    ]
    notebook = new_notebook(cells=cells)
    for profile in ("smoke", "standard", "full", None):  # None: a notebook without profiles
        assert [one.id for one in at_profile(notebook, profile).cells] == ["parameters", "streets", "both"]
    assert [one.id for one in at_profile(notebook, "paper").cells] == ["parameters", "own", "both"]
    assert len(notebook.cells) == 4
