"""The batch: it goes on after anything, says what is wrong, and loses nothing."""

import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import kill_batch
import psutil
import pytest
import torch
from filelock import FileLock
from kill_batch import start_few, survivors, torture
from rich.console import Console
from typer.testing import CliRunner

from depthlib.app import cli
from depthlib.base.catalogue import part
from depthlib.course.batch import engine, fork_client, fork_server
from depthlib.course.batch.duration import expected_seconds
from depthlib.course.batch.merge import merge
from depthlib.course.batch.plan import add_run, make_plan, read_plan
from depthlib.course.batch.status import read_status
from depthlib.course.lessons import COURSE, pick_lessons
from depthlib.course.reproduce import preview, reproduce
from depthlib.runs import profiles
from depthlib.runs.execute import ensure
from depthlib.runs.files import runs_digest
from depthlib.runs.json_files import read_json, write_json
from depthlib.runs.store import RunSpec, Store
from depthlib.training.checkpoint import Checkpoint

pytestmark = pytest.mark.slow
SPECS = [RunSpec("start", variant, "rooms", "smoke") for variant in ("unet", "floor-constant")]
RUNS = len(SPECS)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs of lesson 00 at the smallest scale, made by a batch: status, what was printed, plan, store."""
    store = Store(tmp_path_factory.mktemp("batch") / "runs", reference=[], train=True)
    return *batch(store), store


@pytest.fixture
def copied(made, tmp_path):
    """A store of one's own with those runs."""
    shutil.copytree(made[-1].root, tmp_path / "runs", ignore=shutil.ignore_patterns(".batch"))
    return Store(tmp_path / "runs", reference=[], train=True)


def planned(store, lessons=()):
    """A plan of the two runs, and of lessons."""
    plan = make_plan(lessons, profile="smoke", device="cpu", jobs=2, store=store)
    for spec in SPECS:
        add_run(spec, plan.runs, store, Path(plan.folder))
    return replace(plan, threads=1)


def batch(store, **options):
    """Plan and carry out the two runs: status, text, plan."""
    plan = planned(store)
    console = Console(record=True, width=200, file=io.StringIO())
    return engine.run_batch(plan, jobs=2, console=console, **options), console.export_text(), plan


def test_a_batch_makes_what_is_missing_and_says_so(made):
    status, text, plan, store = made
    assert status == 0 and len(plan.runs) == RUNS
    assert f"{RUNS} runs: {RUNS} to train, 0 to score, 0 in the store" in text
    assert all(f"/{RUNS}  {name}" in text for name in plan.runs)
    assert not list(store.root.glob("*/status.json")), "a job that worked left its status behind"
    assert read_plan(plan.write()) == plan


def test_nothing_to_do_starts_nothing(made, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: pytest.fail("the workflow was started"))
    status, text, _ = batch(made[-1])
    assert status == 0 and f"{RUNS} runs: 0 to train, 0 to score, {RUNS} in the store" in text


def test_scores_alone_are_made_anew(copied):
    """Without a training: of a run that lost a score, or whose score belongs to another measure; and it is said."""
    unet = next(copied.root.glob("start-unet-*"))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in unet.rglob("*.*") if path.is_file()}
    (unet / "scores" / "median.json").unlink()
    status, text, plan = batch(copied)
    assert status == 0 and f"0 to train, 1 to score, {RUNS - 1} in the store" in text and f"1/1  {unet.name}  scored" in text
    assert {path: path.read_bytes() for path in before} == {path: content for path, (content, _) in before.items()}
    kept = [path for path, (_, time) in before.items() if path.stat().st_mtime_ns == time]
    assert unet / "record.json" in kept and unet / "weights.safetensors" in kept and unet / "scores" / "metric.json" in kept


def test_killed_at_random_moments_it_ends_in_the_same_bits(tmp_path):
    """SIGKILL for the whole process group; `python tests/support/kill_batch.py --kills 20` is the long form, with notebooks."""
    wrong, told = torture(tmp_path, start_few, kills=3, longest=12, seed=1)
    assert wrong == [] and told.startswith("3 kills")


def test_a_batch_that_is_told_to_end_takes_its_jobs_along(tmp_path):
    """SIGTERM for the command alone, as `timeout` and clusters send it."""
    process, deadline = start_few(tmp_path), time.monotonic() + 60
    while not list(tmp_path.glob("runs/*/status.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert survivors(tmp_path) == []
    assert start_few(tmp_path).wait(timeout=100) == 0


def alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_runs_are_forked_from_a_process_that_has_everything_loaded(made, copied, tmp_path):
    """The same bits as a process of its own makes. A job that is killed takes its fork along, and without a server none is begun."""
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
            assert (copied.root / name / "record.json").read_bytes() == (made[-1].root / name / "record.json").read_bytes()
        assert subprocess.run([*job, "unknown"], stderr=log).returncode == 1, "what goes wrong in a fork must be told"
        server.terminate()
        server.communicate(timeout=30)
    assert "KeyError: 'unknown'" in (tmp_path / "log.txt").read_text()
    assert not Path(plan.folder, fork_client.SOCKET).exists() and fork_client.ask("run", str(path), names[0]) is None


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
        job = subprocess.Popen([sys.executable, "-m", "depthlib.course.batch.worker", "notebook", str(path), notebook], stderr=log)
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


@pytest.mark.parametrize(("fault", "found"), [
    ("none", None), ("makes everything again", "was finished, and made again"), ("writes in place", "has other bits"),
    ("leaves a file", "was left behind"), ("leaves a process", "outlived the kill"), ("other bits", "has other bits"),
])
def test_the_torture_finds_what_is_wrong_with_a_batch(tmp_path, monkeypatch, fault, found):
    """A stand-in for the batch, three files that take a while, with a fault that the torture exists to find."""
    def start(folder):
        folder.mkdir(exist_ok=True)
        environment = {"DEPTHLIB_STORE": str(folder / "runs"), "PATH": "/usr/bin:/bin"}
        with open(folder / "batch.txt", "wb") as output:
            return subprocess.Popen([sys.executable, "-SE", "-c", STAND_IN, fault], start_new_session=True, stderr=output, env=environment)

    monkeypatch.setattr("kill_batch.PATIENCE", 1.0)
    wrong, _ = torture(tmp_path, start, kills=8, longest=5)
    for process in kill_batch.processes(tmp_path / "broken1") + kill_batch.processes(tmp_path / "whole"):
        process.kill()
    assert (wrong == []) if found is None else any(found in sentence for sentence in wrong), wrong


def test_a_failing_run_is_told_with_its_log_and_the_others_go_on(copied):
    """Here its folder cannot be written; the other run is made all the same, and the exit status tells."""
    broken = next(copied.root.glob("start-unet-*"))
    shutil.rmtree(next(copied.root.glob("start-floor-constant-*")))
    (broken / "record.json").unlink()
    (broken / "weights.safetensors").unlink()
    (broken / "weights.safetensors").mkdir()
    status, text, plan = batch(copied)
    assert status == engine.FAILED
    assert f"failed {broken.name}: {broken}/weights.safetensors: Is a directory" in text and "whole log: " in text
    assert "Traceback" not in text
    assert len(list(copied.root.glob("start-floor-constant-*/record.json"))) == 1
    (broken / "weights.safetensors").rmdir()
    assert batch(copied)[0] == engine.DONE


def test_what_is_damaged_is_set_aside_and_made_again_and_the_others_go_on(made, copied, caplog):
    """A record and a file of tensors before the batch, a checkpoint found by a job: a line each, in the end the same files."""
    (unet,), (floor,) = copied.root.glob("start-unet-*"), copied.root.glob("start-floor-constant-*")
    record = (unet / "record.json").read_text()
    (unet / "record.json").write_text(record.replace("0.", "1.", 1))
    (unet / "checkpoint.pt").write_bytes(b"PK but not a checkpoint")
    (floor / "scores" / "median.json").write_text("{")
    status, text, plan = batch(copied)
    assert status == engine.DONE and len(plan.runs) == RUNS
    named = [record.getMessage().split(": ")[0] for record in caplog.records]
    assert named == [str(unet / "record.json"), str(floor / "scores/median.json")]
    assert f"{unet}/checkpoint.pt: damaged (found another content than that of its checksum); set aside as checkpoint.pt.damaged-1" in text
    assert (unet / "record.json").read_text() == record
    for folder in (unet, floor):
        for path in (made[-1].root / folder.name).rglob("*.json"):
            copy = folder / path.relative_to(made[-1].root / folder.name)
            assert path.name == "provenance.json" or path.read_bytes() == copy.read_bytes()
    assert len(list(copied.root.rglob("*.damaged-1"))) == 3 and batch(copied)[0] == engine.DONE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_batch_saves_its_trainings(copied, number):
    """For the whole group, as a terminal sends Ctrl-C: no process is left, and the state of the training is on disk."""
    command = [sys.executable, "-c", ENDLESS]
    environment = os.environ | {"DEPTHLIB_STORE": str(copied.root), "OMP_NUM_THREADS": "1"}
    batch = subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
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


def test_a_full_disk_fails_the_run_and_loses_nothing(copied):
    """Files above 20 kB cannot be written, which fails as a full disk does. With room again the same command finishes."""
    broken = next(copied.root.glob("start-unet-*"))
    shutil.rmtree(broken)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        status, text, _ = batch(copied)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert status == engine.FAILED and f"failed {broken.name}: {broken}/" in text and ": File too large" in text
    assert "Traceback" not in text
    assert not (broken / "record.json").exists() and not list(broken.glob(".*.safetensors")), "something half written was left"
    assert batch(copied)[0] == engine.DONE


def test_time_is_up_and_the_next_batch_goes_on(copied):
    shutil.rmtree(next(copied.root.glob("start-unet-*")))
    status, text, plan = batch(copied, max_minutes=0.01)
    assert status == engine.OUT_OF_TIME and "1 jobs are left" in text
    assert batch(copied)[0] == engine.DONE and plan.missing_runs() == []


def test_two_batches_on_one_store(tmp_path):
    """Started at the same moment: one does the work, the other says so and leaves the first alone."""
    pair = [start_few(tmp_path), start_few(tmp_path)]
    statuses = sorted(process.wait() for process in pair)
    assert statuses == [engine.DONE, 1] and len(list(tmp_path.glob("runs/*/record.json"))) == RUNS
    text = (tmp_path / "batch.txt").read_text()
    assert "AnotherBatch: " in text and "found another batch of profile smoke" in text


def test_another_batch_is_a_message_and_an_exit_status(copied, monkeypatch, tmp_path):
    monkeypatch.setenv("DEPTHLIB_STORE", str(copied.root))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path / "results"))
    folder = copied.root / ".batch" / "smoke"
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"):
        result = CliRunner().invoke(cli.main, ["reproduce", "00", "--profile", "smoke", "--device", "cpu"])
    assert result.exit_code == engine.REFUSED and "found another batch of profile smoke" in result.output


@pytest.mark.parametrize("variable", ["DEPTHLIB_STORE", "DEPTHLIB_OUT"])
def test_a_folder_that_cannot_be_written_is_named_before_anything_is_done(tmp_path, monkeypatch, variable):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path / "results"))
    monkeypatch.setenv(variable, str(tmp_path / "file" / "below"))
    result = CliRunner().invoke(cli.main, ["reproduce", "00", "--profile", "smoke", "--device", "cpu"])
    assert result.exit_code == engine.REFUSED and "found a folder without write access" in result.output


def test_a_dry_run_says_what_would_be_made_and_makes_nothing(copied, tmp_path, monkeypatch, capfd):
    """In ten lines for the whole course; every job on request. What is damaged is counted as missing, and stays."""
    monkeypatch.setenv("DEPTHLIB_STORE", str(copied.root))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path / "results"))
    unet = next(copied.root.glob("start-unet-*"))
    (unet / "record.json").write_text("{")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    result = CliRunner().invoke(cli.main, ["reproduce", "--dry-run", "--profile", "smoke", "--device", "cpu"])
    lines = result.output.splitlines()
    runs = len(pick_lessons(["00"])[0].runs("smoke"))
    assert result.exit_code == 0 and len(lines) <= 10 and max(map(len, lines)) <= 80
    assert lines[0] == f"  00_start_here      {runs - 1:3} to train,   0 to score,   1 in the store"
    result = CliRunner().invoke(cli.main, ["reproduce", "00", "--dry-run", "--verbose", "--profile", "smoke", "--device", "cpu"])
    output = "".join(capfd.readouterr())
    assert result.exit_code == 0 and output.count("rule train:") == runs - 1 and output.count("rule notebook:") == 1
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_what_must_come_first_comes_first(tmp_path):
    """A plan holds the runs that others need, and the workflow knows it."""
    plan = make_plan(COURSE, profile="smoke", device="cpu", jobs=1, store=Store(tmp_path, reference=[]))
    for job in plan.runs.values():
        assert all(needed in plan.runs for needed in job.needs)
    content = json.loads(plan.write().read_text())
    assert set(content["notebooks"]) == {lesson.notebook for lesson in COURSE}


def test_the_longest_chain_is_told_to_the_workflow_until_it_is_made(tmp_path):
    plan = make_plan(pick_lessons(["03"]), profile="quick", device="cpu", jobs=2, store=Store(tmp_path, reference=[]))

    last, chain = plan.last_of_longest_chain(), []
    while not chain or plan.runs[chain[-1]].needs:
        chain.append(plan.runs[chain[-1]].needs[0] if chain else last)
    variants = [plan.runs[name].spec["variant"] for name in chain]
    assert variants[:5] == ["pruned-1.0", "search-1.0", "search-1.5", "search-1.9", "hard-easy"]
    command = engine._command(plan, tmp_path / "plan.json", 2, [])
    assert command[command.index("--prioritize") + 1] == plan.runs[last].stamp
    for job in plan.runs.values():
        Path(job.stamp).parent.mkdir(exist_ok=True, parents=True)
        Path(job.stamp).touch()
    assert plan.last_of_longest_chain() is None and "--prioritize" not in engine._command(plan, tmp_path / "plan.json", 2, [])


def test_the_runs_of_later_lessons_are_made_at_once_and_their_notebooks_later(tmp_path):
    first, last = pick_lessons(["00"]), [lesson for lesson in COURSE if lesson.sums_up]
    plan = make_plan(first, later=last, profile="smoke", device="cpu", jobs=2, store=Store(tmp_path, reference=[]))
    assert set(plan.notebooks) == {"00_start_here"}
    assert {spec.name for lesson in (*first, *last) for spec in lesson.runs("smoke")} <= set(plan.runs)


def test_all_runs_of_a_seed_are_made_before_those_of_the_next(tmp_path, monkeypatch):
    """One batch a seed, without notebooks, then the notebooks; the time that is left counts for all of them."""
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path / "results"))
    monkeypatch.setitem(profiles.PROFILES, "smoke", replace(profiles.SMOKE, seeds=(0, 1, 2)))
    begun = []

    def stand_in(plan, *, max_minutes=None, **_):
        begun.append(({job.spec["seed"] for job in plan.runs.values()}, set(plan.notebooks), max_minutes))
        return engine.DONE if len(begun) < 3 else engine.OUT_OF_TIME

    monkeypatch.setattr(engine, "run_batch", stand_in)
    assert reproduce(["00"], profile="smoke", device="cpu", max_minutes=5, console=Console(quiet=True)) == engine.OUT_OF_TIME
    assert [seeds for seeds, *_ in begun] == [{0}, {1}, {2}] and not any(notebooks for _, notebooks, _ in begun)
    assert 5 > begun[0][2] > begun[1][2] > begun[2][2] > 4
    monkeypatch.setattr(engine, "run_batch", lambda plan, **_: begun.append((set(plan.notebooks),)) or engine.DONE)
    assert reproduce(["00"], profile="smoke", device="cpu", console=Console(quiet=True)) == engine.DONE
    assert begun[-1] == ({"00_start_here"},) and len(begun) == 3 + 4
    reproduce(["00"], profile="smoke", device="cpu", options=["--executor=slurm"], console=Console(quiet=True))
    assert len(begun) == 3 + 4 + 1, "a cluster takes all seeds at once"


def test_a_finished_run_is_published_at_once(made, monkeypatch, tmp_path):
    """Its record and scores, without weights unless the recipe ships them; the notebook may be hours away."""
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path / "results"))
    store = Store(tmp_path / "runs", reference=[], train=True)
    assert batch(store)[0] == 0
    for spec in SPECS:
        published = tmp_path / "results/smoke/runs" / spec.name
        assert runs_digest([published]) == runs_digest([store.root / spec.name])
        assert not (published / "weights.safetensors").exists() and (store.root / spec.name / "weights.safetensors").exists()
    again = Store(tmp_path / "elsewhere", reference=[tmp_path / "results/smoke/runs"], train=True)
    assert all(again.get(spec) is not None for spec in SPECS), "the next evening it is not made again"


def test_a_paper_without_settings_for_a_profile_says_so_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    monkeypatch.delitem(part("anuw", "rows").SCALES, "standard", raising=False)
    console = Console(record=True, width=100, file=io.StringIO())
    assert preview(["00", "01"], profile="standard", device="cpu", console=console) == 0
    text = console.export_text()
    assert "01_anuw            nothing at profile standard yet" in text and "00_start_here      " in text
    assert "11 of 11 runs and 1 of 1 notebooks to make" in text


def test_what_is_left_is_told_in_minutes_where_another_seed_tells_them(tmp_path):
    """Two rows of three seeds; one seed of the first is there, and nothing of the second."""
    plan = make_plan([], profile="standard", device="cpu", jobs=2, store=Store(tmp_path, reference=[]))
    specs = [RunSpec("start", variant, "rooms", "standard", seed) for variant in ("lite", "unet") for seed in range(3)]
    for spec in specs:
        add_run(spec, plan.runs, Store(tmp_path, reference=[]), tmp_path / "batch")
    there = tmp_path / specs[0].name
    there.mkdir()
    write_json(there / "provenance.json", {"seconds": 90.0})
    left = [spec.name for spec in specs[1:]]
    assert expected_seconds(plan, left) == (180.0, 3)
    assert expected_seconds(plan, []) == (0, 0)


# ------------------------------------------------------------------------------------------------ merging


def test_merging_copies_what_is_new_and_finds_contradictions(made, copied, tmp_path):
    empty = Store(tmp_path / "empty", reference=[])
    first = merge(copied.root, empty)
    assert sorted(first.copied) == sorted(path.parent.name for path in copied.root.glob("*/record.json"))
    assert all(empty.get(spec) for spec in SPECS)
    assert len(merge(copied.root, empty).same) == RUNS

    unet = next(empty.root.glob("start-unet-*"))
    content, provenance = (read_json(unet / name) for name in ("record.json", "provenance.json"))
    content["curve"]["loss"] = [value * 1.001 for value in content["curve"]["loss"]]
    write_json(unet / "record.json", content)
    assert merge(copied.root, empty).conflicts == [unet.name], "the same machine owes the same bits"
    write_json(unet / "provenance.json", provenance | {"device": "another"})
    assert merge(copied.root, empty).agree == [unet.name]
    content["curve"]["loss"][0] *= 2
    write_json(unet / "record.json", content)
    own = (unet / "record.json").read_bytes()
    merged = merge(copied.root, empty)
    assert merged.conflicts == [unet.name] and f"conflict: {unet.name}" in merged.summary()
    assert (unet / "record.json").read_bytes() == own, "the store must keep its own"
    with pytest.raises(FileNotFoundError, match="found no folder"):
        merge(tmp_path / "nowhere", empty)


def test_merging_takes_whole_runs_only(made, copied, tmp_path):
    """Of a run with a damaged file nothing is copied; a damaged one is replaced by a whole one."""
    empty = Store(tmp_path / "empty", reference=[])
    (unet,), (floor,) = copied.root.glob("start-unet-*"), copied.root.glob("start-floor-constant-*")
    with (unet / "weights.safetensors").open("ab") as file:
        file.write(b"x")
    (floor / "weights.safetensors").unlink()
    merged = merge(copied.root, empty)
    assert merged.without_weights == [floor.name] and merged.copied == [] and not (empty.root / unet.name).exists()
    assert merged.summary().splitlines() == [
        "1 without weights, 1 damaged",
        f"not copied: {unet}/weights.safetensors: found another content than that of its checksum",
    ]
    for path in (floor / "scores").iterdir():
        path.unlink()
    (unet / "record.json").write_text("{")
    assert len(merge(copied.root, Store(tmp_path / "other", reference=[])).damaged) == 2 and not (tmp_path / "other").exists()
    assert merge(made[-1].root, copied).copied == [unet.name] and (unet / "record.json.damaged-1").exists()
    assert copied.get(SPECS[0]) is not None
