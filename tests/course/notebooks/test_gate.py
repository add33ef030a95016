"""The gate refuses what cannot be believed."""

from __future__ import annotations

import re

import pytest
from nbformat.v4 import new_output

from depthlib.base import paths
from depthlib.course.notebooks import check_executed
from depthlib.course.notebooks.cells import read_notebook, write_notebook


def unrun(nb):
    nb.cells[-1].execution_count = None


def twice(nb):
    nb.cells[-1].execution_count += 1


def error(nb):
    nb.cells[-1].outputs = [new_output("error", ename="ValueError", evalue="bad", traceback=[])]


def edited(nb):
    nb.cells[0].source = "# Edited by hand"


def unstamped(nb):
    del nb.metadata["depthlib"]


def older_code(nb):
    nb.metadata["depthlib"]["parts"]["code"] = "0" * 16


def renamed_parameter(nb):
    nb.metadata["depthlib"]["parameters"]["sedes"] = [1]


def local_path(nb):
    nb.cells[-1].outputs = [new_output("stream", name="stdout", text=f"{paths.REPOSITORY}/file")]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (unrun, r"cell 8 \(divide\) was never executed, expected 7 of 7"),
        (twice, "execution count 8, expected 7"),
        (error, r"raised ValueError: bad"),
        (edited, "stale: the notebook changed"),
        (unstamped, "no key"),
        (older_code, "stale: depthlib's code changed"),
        (renamed_parameter, "no longer fit.*sedes"),
        (local_path, "path of this machine"),
    ],
)
def test_the_gate_refuses(executed, tmp_path, spoil, expected):
    source, output = executed
    notebook = read_notebook(output)
    spoil(notebook)
    write_notebook(notebook, tmp_path / "lesson.ipynb")
    problems = check_executed(tmp_path / "lesson.ipynb", source)
    assert len(problems) == 1 and re.search(expected, problems[0]), problems


def test_missing_files_are_reported(executed, tmp_path):
    source, output = executed
    assert "missing" in check_executed(tmp_path / "x.ipynb", source)[0]
    assert "no source" in check_executed(output, tmp_path / "x.ipynb")[0]
