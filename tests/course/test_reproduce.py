"""The main command, end to end at the smallest scale: from nothing, again from the store, and verified."""

import ast
import copy
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from nbval_command import nbval_command
from rich.console import Console
from typer.testing import CliRunner

from depthlib.app import cli
from depthlib.base import paths
from depthlib.course import reproduce
from depthlib.course.batch import engine, publish
from depthlib.course.lessons import COURSE
from depthlib.course.notebooks import check_executed, check_source
from depthlib.runs.compare import compare_records
from depthlib.runs.execute import ensure
from depthlib.runs.files import CorruptRecord
from depthlib.runs.json_files import read_json, write_json
from depthlib.runs.store import RunRecord, RunSpec, Store


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Everything made once: the store and the rendered results of `reproduce --profile smoke`."""
    folder = tmp_path_factory.mktemp("reproduce")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPTHLIB_OUT", str(folder / "results"))
        patch.setenv("DEPTHLIB_STORE", str(folder / "runs"))
        patch.delenv("DEPTHLIB_TRAIN", raising=False)
        for spec in {spec.name: spec for lesson in COURSE for spec in lesson.runs("smoke")}.values():
            ensure(
                spec, Store(), device="cpu"
            )  # in this process, which is quicker than one for each; see also test_batch
        console = Console(record=True, width=200)
        assert reproduce.reproduce([], profile="smoke", device="cpu", console=console) == 0, console.export_text()
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize("lesson", COURSE, ids=lambda lesson: lesson.notebook)
def test_notebook_is_complete_with_figures_tables_and_runs(place, lesson):
    folder = place / "results" / "smoke"
    source = paths.notebooks_dir() / f"{lesson.notebook}.ipynb"
    assert check_executed(folder / f"{lesson.notebook}.ipynb", source) == []
    assert len(list((folder / "figures" / lesson.notebook).glob("*.png"))) >= (2 if lesson.sums_up else 5)
    tables = list((folder / "tables" / lesson.notebook).glob("*.csv"))
    assert tables
    for table in tables:
        assert table.with_suffix(".md").exists()
    assert {spec.name for spec in lesson.runs("smoke")} <= {
        path.parent.name for path in (folder / "runs").glob("*/record.json")
    }
    assert not list(folder.glob("*.failed.ipynb"))


def nbval(notebook, runs):
    """Every cell again, numbers within the tolerance that its tags state; none of the runs is trained."""
    command = nbval_command("-q", "--notebook-runs", runs, notebook, seconds=600)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    return subprocess.run(command, capture_output=True, text=True, cwd=paths.REPOSITORY, env=environment)


@pytest.mark.slow
def test_executed_again_a_lesson_says_the_same(place):
    run = nbval(place / "results" / "smoke" / "00_start_here.ipynb", place / "runs")
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-1000:]
    assert re.search(r"\b[2-9]\d passed", run.stdout), run.stdout[-300:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "notebook", sorted(paths.reference_dir("standard").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_a_stored_lesson_says_the_same_from_its_records(notebook):
    run = nbval(notebook, notebook.parent / "runs")
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-1000:]


@pytest.mark.slow
def test_a_second_call_makes_nothing_again(place, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in (place / "results").rglob("*.ipynb")}
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: pytest.fail("the workflow was started"))
    assert reproduce.reproduce([], profile="smoke", device="cpu", console=Console(quiet=True)) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (place / "results").rglob("*.ipynb")}


@pytest.mark.slow
def test_a_notebook_is_executed_again_when_its_runs_are_others_than_those_it_shows(place, monkeypatch):
    """Runs are published as they are finished: a batch that is killed before the notebook leaves new ones beside old
    tables.
    """
    notebook = place / "results" / "smoke" / "00_start_here.ipynb"
    text = notebook.read_text()
    notebook.write_text(re.sub(r'("runs": ")[0-9a-f]{64}', r"\g<1>" + "0" * 64, text))
    assert notebook.read_text() != text
    executed = []
    monkeypatch.setattr(
        publish, "execute", lambda source, output, *_, runs, **__: executed.append(runs) or output.write_text(text)
    )
    for _ in range(2):
        publish.render("00_start_here", profile="smoke", device="cpu", store=place / "runs")
    assert len(executed) == 1 and executed[0] in text


@pytest.mark.slow
def test_a_published_run_that_differs_from_the_store_is_published_again(place):
    published = next((place / "results" / "smoke" / "runs").glob("start-unet-*")) / "record.json"
    text = published.read_text()
    published.write_text(text.replace('"parameters": ', '"parameters": 1'))
    assert reproduce.reproduce(["00"], profile="smoke", device="cpu", console=Console(quiet=True)) == 0
    assert published.read_text() == text


def train(plan):
    for job in plan.runs.values():
        ensure(RunSpec(**job.spec), Store(plan.store), device="cpu")
    return 0


@pytest.mark.slow
def test_verify_agrees_with_itself_and_finds_a_changed_number(place, monkeypatch, tmp_path):
    reference = tmp_path / "reference"
    shutil.copytree(place / "results" / "smoke", reference)
    monkeypatch.setattr(paths, "reference_dir", lambda profile: reference)
    monkeypatch.setattr(engine, "run_batch", lambda plan, **k: train(plan))  # the runs are what is compared here
    console = Console(record=True, width=200)
    assert reproduce.verify(["00"], profile="smoke", device="cpu", console=console) == 0
    assert "same" in console.export_text()
    record = next(reference.glob("runs/start-unet-*")) / "record.json"
    content = read_json(record)
    content["curve"]["loss"][2] *= 1.1
    write_json(record, content)
    console = Console(record=True, width=200)
    assert reproduce.verify(["00"], profile="smoke", device="cpu", console=console) == 1
    assert "differs" in console.export_text()
    for other in reference.glob("runs/*"):
        if other != record.parent and not other.name.startswith("start-lite"):
            shutil.rmtree(other)
    console = Console(record=True, width=200)
    assert reproduce.verify(["00"], profile="smoke", device="cpu", sample=2, console=console) in (0, 1)
    assert "2 of 3 committed runs are made again; 3 others are not committed" in console.export_text(clear=False)
    assert len(re.findall("agrees|differs", console.export_text())) == 2
    record.write_text(record.read_text().replace("0.", "1.", 1))
    with pytest.raises(CorruptRecord, match="record.json: damaged"):
        reproduce.verify(["00"], profile="smoke", device="cpu", console=console)


def record(losses, abs_rel, threads=2):
    return RunRecord(
        Path(), {"curve": {"loss": losses}, "tests": {"t": {"metrics": {"abs_rel": abs_rel}}}}, {"threads": threads}
    )


def test_comparison_of_records():
    a = record([1.0, 0.5], [0.2, 0.4])
    assert compare_records(a, copy.deepcopy(a)).same_bits
    rounding = compare_records(a, record([1.0, 0.501], [0.2, 0.45], threads=1))
    assert rounding.agrees and not rounding.same_bits and rounding.first_losses == pytest.approx(0.001 / 0.501)
    assert not compare_records(a, record([1.0, 0.501], [0.2, 0.45])).agrees, "the same machine owes the same bits"
    assert not compare_records(a, record([1.0, 0.51], [0.2, 0.4], threads=1)).agrees
    assert not compare_records(a, record([1.0, 0.5], [0.4, 0.6], threads=1)).agrees
    assert not compare_records(a, record([1.0, 0.5], [0.4, math.nan], threads=1)).agrees


def test_wrong_names_are_told_in_one_line():
    runner = CliRunner()
    for arguments, words in (
        (["reproduce", "99"], "unknown lesson '99'"),
        (["reproduce", "--profile", "huge"], "profile: found 'huge', expected one of"),
        (["bench", "x"], "name: found 'x', expected one of"),
    ):
        result = runner.invoke(cli.main, arguments)
        assert result.exit_code == 2 and words in result.output


SOURCES = pytest.mark.parametrize("notebook", sorted(paths.notebooks_dir().glob("*.ipynb")), ids=lambda path: path.stem)


@SOURCES
def test_sources_hold_no_outputs(notebook):
    assert check_source(notebook) == []


@SOURCES
def test_no_variable_takes_the_name_of_an_import(notebook):
    """Such a variable breaks each later cell that calls the import, which only the execution of the whole lesson
    shows.
    """
    imported, assigned = {}, {}
    for cell in json.loads(notebook.read_text())["cells"]:
        if cell["cell_type"] != "code":
            continue
        nodes = list(ast.walk(ast.parse("".join(cell["source"]))))
        inner = {name for node in nodes if isinstance(node, ast.comprehension) for name in ast.walk(node.target)}
        for node in nodes:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    imported[alias.asname or alias.name.split(".")[0]] = cell["id"]
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in inner:
                assigned[node.id] = cell["id"]
    clashes = {name: (imported[name], assigned[name]) for name in imported.keys() & assigned.keys()}
    assert not clashes, "cells that import and assign the same name"


@SOURCES
def test_imports_are_there(notebook):
    """Else a renamed function would show only where the whole lesson is executed."""
    for cell in json.loads(notebook.read_text())["cells"]:
        nodes = ast.walk(ast.parse("".join(cell["source"]))) if cell["cell_type"] == "code" else ()
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "depthlib":
                module = importlib.import_module(node.module)
                missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                # a module of a package has no attribute there before it is imported
                missing = [name for name in missing if importlib.util.find_spec(f"{node.module}.{name}") is None]
                assert not missing, f"cell {cell['id']}: {node.module} lacks {', '.join(missing)}"
