"""Executed notebooks: complete, the same bytes again, and failures that are named."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from notebook_cells import lesson, outputs

from depthlib.course.notebooks import NotebookFailed, check_executed, execute, is_current
from depthlib.course.notebooks.cells import read_notebook, write_notebook


@pytest.mark.slow
def test_a_result_is_complete_stamped_and_free_of_traces(executed):
    source, output = executed
    result = read_notebook(output)
    assert check_executed(output, source) == []
    assert [path.name for path in output.parent.iterdir()] == ["lesson.ipynb"]
    assert outputs(result, "bar")[0].text == "step 2"
    stamp = result.metadata.depthlib
    assert (
        stamp.profile == "smoke"
        and stamp.parameters == {"seeds": [3, 4], "folder": "a/b"}
        and "torch" in stamp.versions
    )
    text = output.read_text()
    assert not re.search(r"papermill|start_time|iopub|" + re.escape(str(output.parent)), text)
    assert set(result.metadata) == {"depthlib", "kernelspec", "language_info"}
    assert {key for item in result.cells for key in item.metadata} == {"tags"}


@pytest.mark.slow
def test_running_again_gives_the_same_bytes(executed, tmp_path):
    """And takes away what a killed process left, but not what another one is working on."""
    source, output = executed
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    left, other = (tmp_path / "out{seeds}" / f".running-lesson-{pid}-x" for pid in (killed.pid, os.getpid()))
    left.mkdir(parents=True)
    other.mkdir()
    execute(source, tmp_path / "out{seeds}" / "again.ipynb", {"seeds": [3, 4], "folder": "a/b"}, threads=3)
    assert (tmp_path / "out{seeds}" / "again.ipynb").read_bytes() == output.read_bytes()
    assert not left.exists() and other.exists()


@pytest.mark.slow
def test_a_failing_cell_is_named_and_keeps_the_old_result(tmp_path):
    source, output = tmp_path / "lesson.ipynb", tmp_path / "out" / "lesson.ipynb"
    write_notebook(lesson(), source)
    output.parent.mkdir()
    output.write_text("the old result")
    with pytest.raises(
        NotebookFailed, match=r"lesson.ipynb, cell 7 \(divide\): ZeroDivisionError: division by zero"
    ) as failure:
        execute(source, output, {"steps": 0})
    assert output.read_text() == "the old result"
    partial = read_notebook(failure.value.partial)
    assert failure.value.partial.name == "lesson.failed.ipynb" and outputs(partial, "numbers")
    assert any("error output" in problem for problem in check_executed(failure.value.partial, source))
    assert sorted(path.name for path in output.parent.iterdir()) == ["lesson.failed.ipynb", "lesson.ipynb"]


@pytest.mark.slow
def test_a_dead_kernel_and_a_slow_cell_are_failures(tmp_path):
    write_notebook(lesson(numbers="import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"), tmp_path / "dies.ipynb")
    with pytest.raises(NotebookFailed, match=r"cell 4 \(numbers\): DeadKernelError"):
        execute(tmp_path / "dies.ipynb", tmp_path / "out.ipynb")
    write_notebook(lesson(numbers="import time\ntime.sleep(60)"), tmp_path / "slow.ipynb")
    with pytest.raises(NotebookFailed, match=r"cell 4 \(numbers\): CellTimeoutError"):
        execute(tmp_path / "slow.ipynb", tmp_path / "out.ipynb", cell_timeout=1)
    assert not (tmp_path / "out.ipynb").exists()


def test_is_current(executed, tmp_path):
    source, output = executed
    given = {"seeds": [3, 4], "folder": "a/b"}
    assert is_current(source, output, given)
    assert is_current(source, output, given | {"steps": 2})  # the default, spelt out
    assert not is_current(source, output, given | {"steps": 3})
    assert not is_current(source, tmp_path / "missing.ipynb", given)
    write_notebook(lesson(title="# Another"), tmp_path / "lesson.ipynb")
    assert not is_current(tmp_path / "lesson.ipynb", output, given)
