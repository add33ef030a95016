"""Notebooks: parameters, execution, the gate that refuses what cannot be believed, and the comparison with tolerance."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from depthlib.base import paths
from depthlib.course.notebooks import (
    NotebookFailed,
    check_executed,
    check_source,
    declared_parameters,
    execute,
    is_current,
    notebook_key,
    strip,
    strip_file,
    student_copy,
)
from depthlib.course.notebooks.cells import read_notebook, write_notebook
from depthlib.course.notebooks.parameters import checked_parameters, plain

SOURCES = sorted(paths.notebooks_dir().glob("*.ipynb"))


def cell(source: str, name: str, *tags: str):
    return new_code_cell(source, id=name, metadata={"tags": list(tags)} if tags else {})


def lesson(**changed: str) -> nbformat.NotebookNode:
    """A small notebook; `changed` replaces the source of cells by id."""
    cells = [
        new_markdown_cell("# A lesson", id="title"),
        cell('profile = "smoke"  # how large\nsteps = 2\nlr = 0.5\nseeds = [0, 1]\nfolder = None', "parameters", "parameters"),
        cell("import os\nfrom pathlib import Path\nprint(os.environ.get('OMP_NUM_THREADS'), seeds, folder, Path.cwd().name)",
             "settings", "nbval-ignore-output"),
        cell("print(f'loss {0.1234 * lr * 2:.4f}, delta1 {98.76:.1f} %')", "numbers", "nbval-rtol=1e-2"),
        cell("for i in range(3):\n    print(f'\\rstep {i}', end='')", "bar"),
        cell("print('3 seeds', flush=True)", "exact"),
        cell("1 / steps", "divide", "solution"),
    ]
    for item in cells:
        item.source = changed.get(item.id, item.source)
    return strip(new_notebook(cells=cells))


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> tuple[Path, Path]:
    """Source and result of one real run, from another working directory, in a folder with braces in its name."""
    root = tmp_path_factory.mktemp("run")
    source, output = root / "lesson.ipynb", root / "out{seeds}" / "lesson.ipynb"
    write_notebook(lesson(), source)
    seen, before = [], os.getcwd()
    os.chdir(root)
    try:
        execute("lesson.ipynb", "out{seeds}/lesson.ipynb", {"seeds": (np.int64(3), 4), "folder": Path("a/b")}, threads=3,
                progress=lambda *state: seen.append(state))
    finally:
        os.chdir(before)
    names = ("parameters", "settings", "numbers", "bar", "exact", "divide")
    assert seen == [*((i, 6, name) for i, name in enumerate(names)), (6, 6, "")]
    return source, output


def outputs(notebook, name: str):
    return next(item for item in notebook.cells if item.id == name).outputs


# ------------------------------------------------------------------------------------------------ parameters


@pytest.mark.slow
def test_the_kernel_gets_values_threads_and_the_folder_of_the_result(executed):
    """Uses what the kernel printed: papermill itself would have injected the strings "(3, 4)" and "3"."""
    assert outputs(read_notebook(executed[1]), "settings")[0].text == "3 [3, 4] a/b out{seeds}\n"


@pytest.mark.parametrize(("value", "expected"), [
    (np.float32(0.5), 0.5), (np.bool_(True), True), ((1, (2, 3)), [1, [2, 3]]), (Path("a") / "b", "a/b"), ("x", "x"),
    ({"k": np.int8(1)}, {"k": 1}), (None, None),
])
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


# ------------------------------------------------------------------------------------------------ execution


@pytest.mark.slow
def test_a_result_is_complete_stamped_and_free_of_traces(executed):
    source, output = executed
    result = read_notebook(output)
    assert check_executed(output, source) == []
    assert [path.name for path in output.parent.iterdir()] == ["lesson.ipynb"]
    assert outputs(result, "bar")[0].text == "step 2"
    stamp = result.metadata.depthlib
    assert stamp.profile == "smoke" and stamp.parameters == {"seeds": [3, 4], "folder": "a/b"} and "torch" in stamp.versions
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
    with pytest.raises(NotebookFailed, match=r"lesson.ipynb, cell 7 \(divide\): ZeroDivisionError: division by zero") as failure:
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
    assert is_current(source, output, given | {"steps": 2})          # the default, spelt out
    assert not is_current(source, output, given | {"steps": 3})
    assert not is_current(source, tmp_path / "missing.ipynb", given)
    write_notebook(lesson(title="# Another"), tmp_path / "lesson.ipynb")
    assert not is_current(tmp_path / "lesson.ipynb", output, given)


# ------------------------------------------------------------------------------------------------ key and gate


def test_the_key_says_what_changed(tmp_path, monkeypatch):
    old = notebook_key(lesson(), {})
    assert notebook_key(lesson(), {"steps": 2}) == old
    assert notebook_key(lesson(), {"steps": 3}).differences(vars(old)) == ["parameters"]
    assert notebook_key(lesson(title="# New"), {}).differences(vars(old)) == ["source"]
    tagged = lesson()
    tagged.cells[3].metadata = {}
    assert notebook_key(tagged, {}).differences(vars(old)) == ["source"]     # a tag says how a cell is compared
    other = notebook_key(lesson(settings="from depthlib.course.notebooks import gate"), {})
    assert set(other.differences(vars(old))) == {"source", "code"}
    (tmp_path / "rooms.json").write_text("{}")
    monkeypatch.setattr(paths, "manifests_dir", lambda: tmp_path)
    assert notebook_key(lesson(), {}).differences(vars(old)) == ["manifests"]


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


@pytest.mark.parametrize(("spoil", "expected"), [
    (unrun, r"cell 8 \(divide\) was never executed, expected 7 of 7"), (twice, "execution count 8, expected 7"),
    (error, r"raised ValueError: bad"), (edited, "stale: the notebook changed"), (unstamped, "no key"),
    (older_code, "stale: depthlib's code changed"), (renamed_parameter, "no longer fit.*sedes"),
    (local_path, "path of this machine"),
])
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


# ------------------------------------------------------------------------------------------------ sources


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
    notebook = new_notebook(cells=[
        new_markdown_cell("## 2. What the loss $L_1$ pulls at\ntext", id="1a2b3c4d"), new_code_cell("1", id="deadbeef0"),
        new_code_cell("2", id="0f0f0f0f-1111-2222-3333-444455556666"), new_markdown_cell("more", id="Bad_Id"),
        new_code_cell("3", id="first-steps"), new_code_cell("4", id="decade"),
    ])
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
    long = lesson(numbers="\n".join(f"a{i} = {i}" for i in range(26)), exact="1 +",
                  settings="from depthlib.course.notebooks import execute\nshow_source(execute)")
    write_notebook(long, tmp_path / "long.ipynb")
    problems = " ".join(check_source(tmp_path / "long.ipynb"))
    assert "(numbers) has 26 lines" in problems and "cell 6 (exact)" in problems
    write_notebook(lesson(settings="from depthlib.course.notebooks import execute\nshow_source(execute)"), tmp_path / "long.ipynb")
    (problem,) = check_source(tmp_path / "long.ipynb")
    assert re.match(r"show_source\(execute\) shows \d\d lines", problem)


def test_student_copy_leaves_the_solutions_out(tmp_path):
    write_notebook(lesson(), tmp_path / "lesson.ipynb")
    assert student_copy(tmp_path / "lesson.ipynb", tmp_path / "student" / "lesson.ipynb") == 1
    student = read_notebook(tmp_path / "student" / "lesson.ipynb")
    assert [item.id for item in student.cells] == ["title", "parameters", "settings", "numbers", "bar", "exact"]


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(ValueError, match="broken.ipynb"):
        read_notebook(tmp_path / "broken.ipynb")


@pytest.mark.slow
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_course(path):
    assert check_source(path) == []


# ------------------------------------------------------------------------------------------------ comparison


def snapped(new: str, stored: str, rtol: float = 1e-2, atol: float = 0.0, html: bool = False) -> bool:
    from nbval_tolerance import IN_HTML, IN_TEXT, Tolerance, snap

    a, b, wrong = snap(new, stored, Tolerance(rtol, atol), IN_HTML if html else IN_TEXT)
    assert not (wrong and a == b)
    return a == b


@pytest.mark.parametrize(("new", "stored", "equal"), [
    ("loss 0.501", "loss 0.5", True), ("loss 0.55", "loss 0.5", False), ("gain 0.5", "loss 0.5", False),
    ("-0.5", "0.5", False), ("\u22120.5", "-0.5", True), ("1.005e-3", "1e-3", True), ("1e-4", "1e-3", False),
    ("12.35 %", "12.3%", False), ("12.35%", "12.3%", True), ("nan", "nan", True), ("nan", "0.5", False), ("0.5", "nan", False),
    ("inf", "inf", True), ("-inf", "inf", False), ("1e9", "inf", False), ("1 2 3", "1 2", False), ("0.001", "0", False),
    ("conv3", "conv2", False), ("48x65", "48x64", False), ("1.2.4", "1.2.3", False), ("#440155", "#440154", False),
    ("0.12m", "0.1201m", False),
    ("| a |   0.5 |\n|---|------:|", "| a | 0.501 |\n|---|-------:|", True), ("shape (2, 3)", "shape (3, 2)", False),
    ("name   1.00", "name 1.001  ", True), ("[0.5, 0.25]", "[0.501, 0.2501]", True), ("0.5.", "0.501.", True),
    ("10-20", "10-21", False),
])
def test_numbers_within_the_tolerance_are_equal(new, stored, equal):
    assert snapped(new, stored) is equal


def test_absolute_margin_and_html():
    assert snapped("1e-9", "0", atol=1e-8) and not snapped("1e-7", "0", atol=1e-8)
    assert snapped('<td width="5">0.5</td>', '<td width="5">0.501</td>', html=True)
    assert not snapped('<td width="500">0.5</td>', '<td width="501">0.5</td>', html=True)


@pytest.mark.parametrize("tag", ["nbval-rtol=", "nbval-rtol=ten", "nbval-rtol=-1", "nbval-rtol=20", "nbval-atol=nan"])
def test_senseless_tags_are_refused(tag):
    from nbval_tolerance import Tolerance

    with pytest.raises(ValueError, match=re.escape(tag)):
        Tolerance.of([tag])
    assert Tolerance.of(["exercise"]) is None
