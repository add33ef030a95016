"""A batch that is killed or stopped loses nothing, and the test that kills finds what is wrong."""

import os
import signal
import subprocess
import sys
import time

import kill_batch
import pytest
import torch
from kill_batch import start_few, survivors, torture
from two_runs import RUNS

from depthlib.course.batch import engine
from depthlib.course.batch.status import read_status
from depthlib.training.checkpoint import Checkpoint


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_in_the_same_bits(tmp_path):
    """SIGKILL for the whole process group; `python tests/support/kill_batch.py --kills 20` is the long form, with
    notebooks.
    """
    wrong, told = torture(tmp_path, start_few, kills=3, longest=12, seed=1)
    assert wrong == [] and told.startswith("3 kills")


@pytest.mark.slow
def test_a_batch_that_is_told_to_end_takes_its_jobs_along(tmp_path):
    """SIGTERM for the command alone, as `timeout` and clusters send it."""
    process, deadline = start_few(tmp_path), time.monotonic() + 60
    while not list(tmp_path.glob("runs/*/status.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert survivors(tmp_path) == []
    assert start_few(tmp_path).wait(timeout=100) == 0


STAND_IN = """
import os, subprocess, sys, time
from pathlib import Path

fault, runs = sys.argv[1], Path(os.environ["DEPTHLIB_STORE"])
for name in ("a", "b", "c"):
    record = runs / name / "record.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    if record.exists() and fault != "makes everything again":
        continue
    if fault == "writes in place":
        record.write_text("half")
        time.sleep(0.6)
    time.sleep(0.1)
    if fault == "leaves a file":
        record.with_name(str(os.getpid())).touch()
    if fault == "leaves a process":
        subprocess.Popen(["sleep", "30"], start_new_session=True)
    temporary = record.with_suffix(".new")
    temporary.write_text(str(os.getpid()) if fault == "other bits" else name)
    temporary.rename(record)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("none", None),
        ("makes everything again", "was finished, and made again"),
        ("writes in place", "has other bits"),
        ("leaves a file", "was left behind"),
        ("leaves a process", "outlived the kill"),
        ("other bits", "has other bits"),
    ],
)
def test_the_torture_finds_what_is_wrong_with_a_batch(tmp_path, monkeypatch, fault, found):
    """A stand-in for the batch, three files that take a while, with a fault that the torture exists to find."""

    def start(folder):
        folder.mkdir(exist_ok=True)
        environment = {"DEPTHLIB_STORE": str(folder / "runs"), "PATH": "/usr/bin:/bin"}
        with open(folder / "batch.txt", "wb") as output:
            return subprocess.Popen(
                [sys.executable, "-SE", "-c", STAND_IN, fault], start_new_session=True, stderr=output, env=environment
            )

    monkeypatch.setattr("kill_batch.PATIENCE", 1.0)
    wrong, _ = torture(tmp_path, start, kills=8, longest=5)
    for process in kill_batch.processes(tmp_path / "broken1") + kill_batch.processes(tmp_path / "whole"):
        process.kill()
    assert (wrong == []) if found is None else any(found in sentence for sentence in wrong), wrong


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_batch_saves_its_trainings(copied, number):
    """For the whole group, as a terminal sends Ctrl-C: no process is left, and the state of the training is on disk."""
    command = [sys.executable, "-c", ENDLESS]
    environment = os.environ | {"DEPTHLIB_STORE": str(copied.root), "OMP_NUM_THREADS": "1"}
    batch = subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    training, deadline = False, time.monotonic() + 200
    while not training and time.monotonic() < deadline:
        time.sleep(0.1)
        status = next((status for path in copied.root.glob("*/status.json") if (status := read_status(path))), None)
        training = status is not None and status.note.startswith("loss")
    assert training and not list(copied.root.glob("*/checkpoint.pt"))
    os.killpg(batch.pid, number) if number == signal.SIGINT else batch.terminate()
    output, _ = batch.communicate(timeout=60)
    assert batch.returncode == 128 + number and output.endswith("stopped; the same command resumes\n"), output
    assert survivors(copied.root.parent) == []
    (checkpoint,) = copied.root.glob("*/checkpoint.pt")
    assert Checkpoint(checkpoint).load(torch.device("cpu"))["step"] > 0


ENDLESS = """
import sys
from dataclasses import replace
import typer
from rich.console import Console
from depthlib.app.cli import _resumable
from depthlib.course.batch import engine, plan
from depthlib.runs.store import RunSpec, Store

batch = plan.make_plan([], profile="smoke", device="cpu", jobs=2)
for seed in (0, 1):
    spec = RunSpec("start", "unet", "rooms", "smoke", seed, {"steps": 100_000})
    plan.add_run(spec, batch.runs, Store(), plan.batch_folder(Store(), "smoke"))
try:
    with _resumable():
        engine.run_batch(replace(batch, threads=1, checkpoint_seconds=1000), jobs=1, console=Console(width=80))
except typer.Exit as stop:
    sys.exit(stop.exit_code)
"""


@pytest.mark.slow
def test_two_batches_on_one_store(tmp_path):
    """Started at the same moment: one does the work, the other says so and leaves the first alone."""
    pair = [start_few(tmp_path), start_few(tmp_path)]
    statuses = sorted(process.wait() for process in pair)
    assert statuses == [engine.DONE, 1] and len(list(tmp_path.glob("runs/*/record.json"))) == RUNS
    text = (tmp_path / "batch.txt").read_text()
    assert "AnotherBatch: " in text and "found another batch of profile smoke" in text
