"""What a batch shows fits 80 columns, with a terminal and without, and without one there are signs of life."""

import time

import pytest
from narrow_console import console

from depthlib.course.batch import progress
from depthlib.course.batch.plan import NotebookJob, Plan, RunJob
from depthlib.course.batch.status import Status, news_file, status_file

LONG = "synergy-lateral-sharing-no-attention-streets-s13-0123456789ab"


@pytest.fixture
def plan(tmp_path):
    """A long run at work, two that are made, a notebook at work."""
    jobs = {name: RunJob({}, [], 400, str(tmp_path / f"{name}.done"), False) for name in ("a", "b", LONG)}
    notebooks = {"04_dual_networks": NotebookJob([], str(tmp_path / "notebook.done"))}
    plan = Plan("python", "quick", "cpu", str(tmp_path), str(tmp_path), 1, 0, jobs, notebooks)
    for name, status in {
        LONG: Status(done=1280, total=4000, note="loss 0.1234, 105.2 images/s"),
        "04_dual_networks": Status(done=3, total=40, note="cell 3 (a-rather-long-name-of-a-cell)"),
    }.items():
        status.write(status_file(plan, name))
    return plan


def finish(plan, name):
    (status_file(plan, name).parent).mkdir(exist_ok=True)
    (status_file(plan, name).parent / "provenance.json").write_text('{"seconds": 123.4}')
    open(plan.runs[name].stamp, "w").close()


def test_without_a_terminal_a_batch_gives_signs_of_life(plan, monkeypatch):
    monkeypatch.setattr(progress, "HEARTBEAT", 0.05)
    out = console()
    watch = progress.BatchProgress(plan, out)
    watch.look()
    quiet = out.file.getvalue()
    assert quiet == "3 runs: 3 to train, 0 to score, 0 in the store; 1 notebooks, 0 current\n"
    for name in ("a", "b"):
        finish(plan, name)
    news_file(plan).write_text("x: damaged\n")
    watch.started -= 600
    watch.look()
    time.sleep(0.1)
    watch.look()
    lines = out.file.getvalue()[len(quiet) :].splitlines()
    assert lines[:3] == ["  1/4  a  123 s", "  2/4  b  123 s", "  x: damaged"]
    assert " 2 of 4 done, about 10 min left, until " in lines[3] and lines[3].endswith("; at work:")
    assert "step 1280 of 4000, loss 0.1234" in lines[4] and lines[4].startswith("    synergy-lateral-sharin..ts-s13  ")
    assert "3 of 40, cell 3" in lines[5] and len(lines) == 6
    assert max(map(len, lines)) <= 80


def test_on_a_terminal_each_job_is_a_line_of_80_columns(plan):
    out = console(force_terminal=True)
    watch = progress.BatchProgress(plan, out)
    for name in ("a", "b"):
        finish(plan, name)
    watch.missing = [name for name in watch.missing if name not in ("a", "b")]
    plain = console()
    plain.print(watch._now())
    lines = plain.file.getvalue().splitlines()
    assert (
        len(lines) == 3
        and "1280/4000  loss 0.1234, 105.2 images/s" in lines[0]
        and lines[0].startswith("synergy-lateral-sh..ts-s13 ")
    )
