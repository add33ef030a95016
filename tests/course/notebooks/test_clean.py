"""Clean sources: no traces, readable ids, short cells, and no solutions for students."""

from __future__ import annotations

import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from notebook_cells import lesson

from depthlib.base import paths
from depthlib.course.notebooks import check_source, strip, strip_file, student_copy
from depthlib.course.notebooks.cells import read_notebook, write_notebook

SOURCES = sorted(paths.notebooks_dir().glob("*.ipynb"))


def test_strip_removes_all_traces_and_only_them(executed, tmp_path):
    dirty = read_notebook(executed[1])
    dirty.cells = [item for item in dirty.cells if item.id != "injected-parameters"]
    dirty.cells[0].metadata["editable"] = True
    dirty.metadata["widgets"] = {"state": {}}
    assert strip(dirty) == read_notebook(executed[0])
    write_notebook(dirty, tmp_path / "dirty.ipynb")
    assert check_source(tmp_path / "dirty.ipynb") != []
    assert strip_file(tmp_path / "dirty.ipynb") is True and strip_file(tmp_path / "dirty.ipynb") is False
    assert (tmp_path / "dirty.ipynb").read_bytes() == executed[0].read_bytes()
    assert check_source(tmp_path / "dirty.ipynb") == []


def test_strip_makes_readable_ids(tmp_path):
    notebook = new_notebook(
        cells=[
            new_markdown_cell("## 2. What the loss $L_1$ pulls at\ntext", id="1a2b3c4d"),
            new_code_cell("1", id="deadbeef0"),
            new_code_cell("2", id="0f0f0f0f-1111-2222-3333-444455556666"),
            new_markdown_cell("more", id="Bad_Id"),
            new_code_cell("3", id="first-steps"),
            new_code_cell("4", id="decade"),
        ]
    )
    names = [item.id for item in strip(notebook).cells]
    stem = "what-the-loss-pulls-at"
    assert names == [stem, f"{stem}-code", f"{stem}-code-2", f"{stem}-text", "first-steps", "decade"]
    notebook.cells[0].source = "no heading"
    write_notebook(notebook, tmp_path / "a.ipynb")
    with pytest.raises(ValueError, match="a.ipynb: cell 1: found the id '1a2b3c4d' and no heading"):
        strip_file(tmp_path / "a.ipynb")
    doubled = lesson()
    doubled.cells[-1]["id"] = "exact"
    with pytest.raises(ValueError, match="exact: found twice"):
        strip(doubled)


def test_check_source_finds_long_cells_and_long_shown_functions(tmp_path):
    long = lesson(
        numbers="\n".join(f"a{i} = {i}" for i in range(26)),
        exact="1 +",
        settings="from depthlib.course.notebooks import execute\nshow_source(execute)",
    )
    write_notebook(long, tmp_path / "long.ipynb")
    problems = " ".join(check_source(tmp_path / "long.ipynb"))
    assert "(numbers) has 26 lines" in problems and "cell 6 (exact)" in problems
    write_notebook(
        lesson(settings="from depthlib.course.notebooks import execute\nshow_source(execute)"), tmp_path / "long.ipynb"
    )
    (problem,) = check_source(tmp_path / "long.ipynb")
    assert re.match(r"show_source\(execute\) shows \d\d lines", problem)


def test_student_copy_leaves_the_solutions_out(tmp_path):
    write_notebook(lesson(), tmp_path / "lesson.ipynb")
    assert student_copy(tmp_path / "lesson.ipynb", tmp_path / "student" / "lesson.ipynb") == 1
    student = read_notebook(tmp_path / "student" / "lesson.ipynb")
    assert [item.id for item in student.cells] == ["title", "parameters", "settings", "numbers", "bar", "exact"]


@pytest.mark.slow
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_course(path):
    assert check_source(path) == []
