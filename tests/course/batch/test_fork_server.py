"""Jobs are forked from a process that has everything loaded, and none outlives the server."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from two_runs import planned

from depthlib.course.batch import fork_client, fork_server
from depthlib.course.batch.plan import add_run
from depthlib.course.lessons import pick_lessons
from depthlib.runs.execute import ensure
from depthlib.runs.store import RunSpec


def alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_runs_are_forked_from_a_process_that_has_everything_loaded(made, copied, tmp_path):
    """The same bits as a process of its own makes. A job that is killed takes its fork along, and without a server none
    is begun.
    """
    names = sorted(made[2].runs)
    for name in names:
        shutil.rmtree(copied.root / name)
    plan = planned(copied)
    endless = RunSpec("start", "unet", "rooms", "smoke", 0, {"steps": 100_000})
    add_run(endless, plan.runs, copied, Path(plan.folder))
    path = plan.write()
    job = [sys.executable, "-m", "depthlib.course.batch.worker", "run", str(path)]
    with open(tmp_path / "log.txt", "wb") as log:
        assert fork_server.start(replace(plan, gpus=1), path, log, os.environ) is None, "a GPU does not survive a fork"
        server = fork_server.start(plan, path, log, os.environ)
        deadline = time.monotonic() + 60
        while not Path(plan.folder, fork_client.SOCKET).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        killed = subprocess.Popen([*job, endless.name], stderr=log)
        status = copied.root / endless.name / "status.json"
        while not status.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        fork = psutil.Process(json.loads(status.read_text())["pid"])
        assert fork.ppid() == server.pid
        killed.kill()
        while alive(fork) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(fork), "the fork outlived its job"
        for name in names:
            assert subprocess.run([*job, name]).returncode == 0
            assert (copied.root / name / "record.json").read_bytes() == (
                made[-1].root / name / "record.json"
            ).read_bytes()
        assert subprocess.run([*job, "unknown"], stderr=log).returncode == 1, "what goes wrong in a fork must be told"
        server.terminate()
        server.communicate(timeout=30)
    assert "KeyError: 'unknown'" in (tmp_path / "log.txt").read_text()
    assert not Path(plan.folder, fork_client.SOCKET).exists() and fork_client.ask("run", str(path), names[0]) is None


@pytest.mark.slow
@pytest.mark.parametrize("ended", ["job", "server"])
def test_notebooks_are_forked_too_and_no_kernel_outlives_them(copied, tmp_path, monkeypatch, ended):
    """Its kernel leads a session of its own, so nothing but the fork's end can end it."""
    monkeypatch.setenv("DEPTHLIB_STORE", str(copied.root))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path / "results"))
    lessons = pick_lessons(["00"])
    for spec in lessons[0].runs("smoke"):
        ensure(spec, copied, device="cpu")
    plan = planned(copied, lessons)
    (notebook,), deadline = plan.notebooks, time.monotonic() + 90
    with open(tmp_path / "log.txt", "wb") as log:
        path = plan.write()
        assert fork_server.start(plan, path, log, os.environ) is None, "a single job gains nothing"
        shutil.rmtree(next(copied.root.glob("start-floor-constant-*")))
        plan = planned(copied, lessons)
        path = plan.write()
        server = fork_server.start(plan, path, log, os.environ)
        while not Path(plan.folder, fork_client.SOCKET).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        for name in plan.missing_runs():
            command = [sys.executable, "-m", "depthlib.course.batch.worker", "run", str(path), name]
            assert subprocess.run(command, stderr=log).returncode == 0
        job = subprocess.Popen(
            [sys.executable, "-m", "depthlib.course.batch.worker", "notebook", str(path), notebook], stderr=log
        )
        family = []
        while len(family) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
            family = psutil.Process(server.pid).children(recursive=True)
        assert len(family) == 2, "expected the fork and its kernel"
        {"job": job, "server": server}[ended].terminate()
        while any(map(alive, family)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not any(map(alive, family))
        assert job.wait(timeout=30) == {"job": -signal.SIGTERM, "server": 1}[ended]
        server.terminate()
        server.communicate(timeout=30)
