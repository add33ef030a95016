"""Kill a batch at random moments and start it again until it is done: `python tests/support/kill_batch.py --kills 20`.

Each kill is a SIGKILL to the whole process group of a batch that is at work: the command, the workflow, its jobs. A
batch that was done before its kill counts for nothing; the next one begins in an empty folder. What must hold:

* nothing of a killed batch goes on working;
* what was finished once is never made again;
* every batch ends well, with the files of a batch that nobody disturbed, bit for bit, and with no other files.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil

# A chain of runs of which each needs the one before, a training that is long enough for checkpoints, and a notebook.
BATCH = """
import sys
from dataclasses import replace
from rich.console import Console
from depthlib.course.batch.engine import run_batch
from depthlib.course.batch.plan import add_run, make_plan
from depthlib.course.lessons import pick_lessons
from depthlib.runs.store import RunSpec, Store

plan = make_plan(pick_lessons(["00"]), profile="smoke", device="cpu", jobs=2)
if sys.argv[1] == "few":
    few = {name: job for name, job in plan.runs.items() if job.spec["variant"] in ("unet", "floor-constant")}
    plan = replace(plan, runs=few, notebooks={})
else:
    unet = RunSpec("start", "unet", "rooms", "smoke", 1, {"steps": 200})
    for spec in (RunSpec("dual", "dual", "streets", "smoke"), unet):
        add_run(spec, plan.runs, Store())
plan = replace(plan, threads=1, checkpoint_seconds=0.5)
sys.exit(run_batch(plan, jobs=2, console=Console(width=160)))
"""
FINAL = ("runs/*/record.json", "runs/.batch/*/*.done")  # what says that a run or a notebook is finished
OWN = ("log.txt", ".lock", "provenance.json", "batch.txt")  # of a run and of this script: they tell times and processes
PATIENCE = 15.0  # seconds: a kernel needs a moment to see that its parent is gone
WORK = {
    "cell": "in a notebook",
    "loss": "in a training",
    "preparing": "before a first step",
    "starting": "as a job began",
}
AT_WORK = ("in a notebook", "in a training")
Start = Callable[[Path], subprocess.Popen]


def start(folder: Path, which: str = "all") -> subprocess.Popen:
    """A batch at the smallest scale, in a process group of its own, with its store and its results under `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    places = {"DEPTHLIB_STORE": str(folder / "runs"), "DEPTHLIB_OUT": str(folder / "results")}
    with open(folder / "batch.txt", "ab") as output:
        return subprocess.Popen(
            [sys.executable, "-c", BATCH, which],
            start_new_session=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | places,
        )


def start_few(folder: Path) -> subprocess.Popen:
    """Two runs of lesson 00 and no notebook."""
    return start(folder, "few")


def torture(folder: Path, start: Start, *, kills: int, longest: float, seed: int = 0) -> tuple[list[str], str]:
    """Kill batches `kills` times, at random within `longest` seconds of their start, every second one while a job is at
    work.

    Returns:
        what is wrong, nothing if all is well; and a sentence about the moments of the kills.
    """
    began = time.monotonic()
    whole, wrong, hits = folder / "whole", [], Counter()
    if start(whole).wait():
        return [f"the undisturbed batch failed: {(whole / 'batch.txt').read_text()}"], "nothing was killed"
    undisturbed = time.monotonic() - began
    moments, batches, starts = random.Random(seed), 0, 0
    while sum(hits.values()) < kills and not wrong:
        batches += 1
        broken, known, done = folder / f"broken{batches}", {}, False
        while not done:
            process, starts = start(broken), starts + 1
            if sum(hits.values()) < kills:
                done = _over(process, broken, moments.uniform(0, min(longest, undisturbed)), at_work=starts % 2 == 0)
            else:
                done = process.wait() is not None
            if not done:
                hits[_work(broken)] += 1
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            wrong += survivors(broken) + made_again(known, broken)
            known = finished(broken)
        if process.returncode or start(broken).wait():  # once more: now there is nothing to do
            wrong.append(f"a batch that was started again failed: {(broken / 'batch.txt').read_text()}")
        wrong += made_again(known, broken) + differences(whole, broken)
    told = ", ".join(f"{count} {work}" for work, count in hits.most_common())
    return wrong, (
        f"{sum(hits.values())} kills ({told}); {batches} batches in {starts} starts, {len(known)} runs and notebooks "
        f"in each; "
        f"undisturbed {undisturbed:.0f} s, in all {time.monotonic() - began:.0f} s"
    )


def finished(folder: Path) -> dict[Path, tuple[int, int]]:
    """The mark of each finished run and notebook, as (inode, time): another file by the same name is another mark."""
    marks = [path for pattern in FINAL for path in folder.glob(pattern)]
    return {path.relative_to(folder): (path.stat().st_ino, path.stat().st_mtime_ns) for path in marks}


def made_again(known: dict[Path, tuple[int, int]], folder: Path) -> list[str]:
    """What was `known` as finished and is another file now, or none, in sentences."""
    now = finished(folder)
    return [f"{path} was finished, and made again" for path, mark in known.items() if now.get(path) != mark]


def _over(process: subprocess.Popen, folder: Path, seconds: float, *, at_work: bool) -> bool:
    """Wait `seconds`, or with `at_work` a third of that after a job began to train or to execute; True if the process
    ended first.
    """
    while at_work and process.poll() is None and _work(folder) not in AT_WORK:
        time.sleep(0.05)
    try:
        process.wait(seconds / 3 if at_work else seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def survivors(folder: Path) -> list[str]:
    """Processes that still work for the batch of `folder`, in sentences."""
    end = time.monotonic() + PATIENCE
    while found := processes(folder):
        if time.monotonic() > end:
            return [f"outlived the kill: {' '.join(process.cmdline())[:200]}" for process in found]
        time.sleep(0.1)
    return []


def processes(folder: Path) -> list[psutil.Process]:
    """All that were started for this folder, known by their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.environ().get("DEPTHLIB_STORE") == str(folder / "runs")
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _work(folder: Path) -> str:
    """What the batch does right now, from the status files of its jobs."""
    notes = []
    for path in folder.glob("runs/**/status.json"):
        try:
            status = json.loads(path.read_text())
        except ValueError:
            continue
        if psutil.pid_exists(status["pid"]):
            notes.append(status["note"].split()[0])
    return next((words for note, words in WORK.items() if note in notes), "between jobs")


def differences(whole: Path, broken: Path) -> list[str]:
    """What is not as it should be in the folder of a batch that was killed and is done."""
    expected, found = _files(whole), _files(broken)
    wrong = [f"{name} is missing" for name in expected if name not in found]
    wrong += [f"{name} was left behind" for name in found if name not in expected]
    return wrong + [f"{name} has other bits" for name in expected if name in found and expected[name] != found[name]]


def _files(folder: Path) -> dict[str, bytes]:
    """All files that are to be the same each time, by name. The workflow's own folder is its own affair, but for its
    marks.
    """
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in OWN)
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    marks = {
        f"runs/.batch/{name.rsplit('/')[-1].split('.')[0]}": b"" for name in names if name.endswith(".done")
    }  # not its key: that
    return marks | {
        name: _content(path) for name, path in names.items() if not name.startswith("runs/.batch/")
    }  # covers the folder


def _content(path: Path) -> bytes:
    """A notebook counts without the outputs that tell times."""
    if path.suffix != ".ipynb":
        return path.read_bytes()
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if "nbval-ignore-output" in cell["metadata"].get("tags", ()):
            cell["outputs"] = []
    return json.dumps(notebook).encode()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=30.0, help="seconds after the start of a batch")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        problems, told = torture(
            Path(place), start, kills=arguments.kills, longest=arguments.longest, seed=arguments.seed
        )
    print("\n".join([told, *(problems or ["all is well"])]))
    sys.exit(bool(problems))
