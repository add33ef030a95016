"""Parameters of notebooks: their values, and that they are checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from notebook_cells import lesson, outputs

from depthlib.course.notebooks import declared_parameters
from depthlib.course.notebooks.cells import read_notebook, write_notebook
from depthlib.course.notebooks.parameters import checked_parameters, plain


@pytest.mark.slow
def test_the_kernel_gets_values_threads_and_the_folder_of_the_result(executed):
    """Uses what the kernel printed: papermill itself would have injected the strings "(3, 4)" and "3"."""
    assert outputs(read_notebook(executed[1]), "settings")[0].text == "3 [3, 4] a/b out{seeds}\n"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        ((1, (2, 3)), [1, [2, 3]]),
        (Path("a") / "b", "a/b"),
        ("x", "x"),
        ({"k": np.int8(1)}, {"k": 1}),
        (None, None),
    ],
)
def test_plain_values(value, expected):
    found = plain(value, "p")
    assert found == expected and json.loads(json.dumps(found)) == expected and type(found) is type(expected)


@pytest.mark.parametrize("value", [object(), {1, 2}, {1: 2}, np.zeros(2), 1j])
def test_other_values_are_refused(value):
    with pytest.raises(TypeError, match="parameter p"):
        plain({"k": value} if not isinstance(value, dict) else value, "p")


def test_parameters_are_checked_against_the_notebook():
    assert declared_parameters(lesson()) == {"profile": "smoke", "steps": 2, "lr": 0.5, "seeds": [0, 1], "folder": None}
    assert checked_parameters(lesson(), {"lr": 1, "folder": 3}) == {"lr": 1, "folder": 3}
    with pytest.raises(ValueError, match="parameters: found the unknown step, expected some of profile, steps"):
        checked_parameters(lesson(), {"step": 2})
    with pytest.raises(TypeError, match="parameter steps: found 'many'"):
        checked_parameters(lesson(), {"steps": "many"})
    with pytest.raises(ValueError, match=r"cell 2 \(parameters\).*'warm = steps // 2'"):
        declared_parameters(lesson(parameters="steps = 2\nwarm = steps // 2"))


def test_declared_parameters_agree_with_papermill(tmp_path):
    import papermill

    write_notebook(lesson(), tmp_path / "lesson.ipynb")
    assert set(declared_parameters(lesson())) == set(papermill.inspect_notebook(tmp_path / "lesson.ipynb"))
