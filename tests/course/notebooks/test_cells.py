"""Files of notebooks that cannot be read are named."""

from __future__ import annotations

import pytest

from depthlib.course.notebooks.cells import read_notebook


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(ValueError, match="broken.ipynb"):
        read_notebook(tmp_path / "broken.ipynb")
