"""A learner's edition of the lessons: no solution in it, a notebook that runs, and never overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from depthlib.app.cli import main
from depthlib.base import paths
from depthlib.course.lessons import COURSE
from depthlib.course.notebooks.cells import read_notebook, syntax_tree, tags
from depthlib.course.notebooks.parameters import declared_parameters


def learn(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["learn", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.mark.slow
def test_all_lessons_without_solutions(tmp_path: Path) -> None:
    """The cells of the source but those tagged `solution`, and still whole: code that parses, the same parameters."""
    status, said = learn("--folder", tmp_path / "mine")
    assert status == 0 and f"open them: jupyter lab {tmp_path / 'mine'}" in " ".join(said.split())
    left_out = 0
    for lesson in COURSE:
        source = read_notebook(paths.notebooks_dir() / f"{lesson.notebook}.ipynb")
        copy = read_notebook(tmp_path / "mine" / f"{lesson.notebook}.ipynb")
        solutions = [cell.source for cell in source.cells if "solution" in tags(cell)]
        assert [cell.source for cell in copy.cells] == [
            cell.source for cell in source.cells if "solution" not in tags(cell)
        ]
        assert not set(solutions) & {cell.source for cell in copy.cells}
        assert declared_parameters(copy) == declared_parameters(source) and syntax_tree(copy).body
        left_out += len(solutions)
    assert left_out >= 7


def test_answers_are_kept(tmp_path: Path) -> None:
    learn("00", "--folder", tmp_path)
    mine = tmp_path / "00_start_here.ipynb"
    answered = json.loads(mine.read_text())
    answered["cells"][0]["source"] = ["my answer"]
    mine.write_text(json.dumps(answered))
    status, said = learn("00", "01", "--folder", tmp_path)
    assert (
        status == 0
        and "my answer" in mine.read_text()
        and "which is yours" in said
        and (tmp_path / "01_anuw.ipynb").exists()
    )
    assert learn("00", "--folder", tmp_path, "--force")[0] == 0 and "my answer" not in mine.read_text()


def test_what_cannot_be(tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in paths.notebooks_dir().glob("*.ipynb")}
    (tmp_path / "file").touch()
    for arguments, message in (
        (["99"], "unknown lesson '99'"),
        (["--folder", paths.notebooks_dir(), "--force"], "holds the sources"),
        (["00", "--folder", tmp_path / "file"], "file"),
    ):
        status, said = learn(*arguments)
        assert status == 2 and message in " ".join(said.split()) and said.count("\n") == 1 and "Traceback" not in said
    assert before == {path.name: path.read_bytes() for path in paths.notebooks_dir().glob("*.ipynb")}


@pytest.mark.parametrize("lesson", [lesson.notebook for lesson in COURSE])
def test_no_cell_needs_a_solution(lesson: str) -> None:
    """A name that only a solution defines would end a learner's run with a NameError."""
    import ast
    import builtins

    source = read_notebook(paths.notebooks_dir() / f"{lesson}.ipynb")

    def names(kept: bool, kind: type) -> set[str]:
        found = set()
        for cell in source.cells:
            if cell.cell_type == "code" and ("solution" not in tags(cell)) == kept:
                for node in ast.walk(ast.parse(cell.source)):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, kind):
                        found.add(node.id)
                    if kind is ast.Store and isinstance(node, ast.FunctionDef | ast.ClassDef):
                        found.add(node.name)
                    if kind is ast.Store and isinstance(node, ast.alias):
                        found.add((node.asname or node.name).split(".")[0])
        return found

    only_there = names(False, ast.Store) - names(True, ast.Store) - set(dir(builtins))
    assert not only_there & names(True, ast.Load)
