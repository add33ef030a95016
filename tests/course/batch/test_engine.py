"""The batch: it makes what is missing, says what is wrong, and goes on with the rest."""

import io
import resource
import shutil
from dataclasses import replace

import pytest
from filelock import FileLock
from rich.console import Console
from two_runs import RUNS, SPECS, batch
from typer.testing import CliRunner

from depthlib.app import cli
from depthlib.base.catalogue import part
from depthlib.course.batch import engine
from depthlib.course.batch.plan import read_plan
from depthlib.course.lessons import pick_lessons
from depthlib.course.reproduce import preview, reproduce
from depthlib.runs import profiles
from depthlib.runs.files import runs_digest
from depthlib.runs.store import Store


@pytest.mark.slow
def test_a_batch_makes_what_is_missing_and_says_so(made):
    status, text, plan, store = made
    assert status == 0 and len(plan.runs) == RUNS
    assert f"{RUNS} runs: {RUNS} to train, 0 to score, 0 in the store" in text
    assert all(f"/{RUNS}  {name}" in text for name in plan.runs)
    assert not list(store.root.glob("*/status.json")), "a job that worked left its status behind"
    assert read_plan(plan.write()) == plan


@pytest.mark.slow
def test_nothing_to_do_starts_nothing(made, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: pytest.fail("the workflow was started"))
    status, text, _ = batch(made[-1])
    assert status == 0 and f"{RUNS} runs: 0 to train, 0 to score, {RUNS} in the store" in text


@pytest.mark.slow
def test_scores_alone_are_made_anew(copied):
    """Without a training: of a run that lost a score, or whose score belongs to another measure; and it is said."""
    unet = next(copied.root.glob("start-unet-*"))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in unet.rglob("*.*") if path.is_file()}
    (unet / "scores" / "median.json.xz").unlink()
    status, text, plan = batch(copied)
    assert (
        status == 0
        and f"0 to train, 1 to score, {RUNS - 1} in the store" in text
        and f"1/1  {unet.name}  scored" in text
    )
    assert {path: path.read_bytes() for path in before} == {path: content for path, (content, _) in before.items()}
    kept = [path for path, (_, time) in before.items() if path.stat().st_mtime_ns == time]
    assert (
        unet / "record.json" in kept
        and unet / "weights.safetensors" in kept
        and unet / "scores" / "metric.json.xz" in kept
    )


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_is_damaged_is_set_aside_and_made_again_and_the_others_go_on(made, copied, caplog):
    """A record and a file of tensors before the batch, a checkpoint found by a job: a line each, in the end the same
    files.
    """
    (unet,), (floor,) = copied.root.glob("start-unet-*"), copied.root.glob("start-floor-constant-*")
    record = (unet / "record.json").read_text()
    (unet / "record.json").write_text(record.replace("0.", "1.", 1))
    (unet / "checkpoint.pt").write_bytes(b"PK but not a checkpoint")
    (floor / "scores" / "median.json.xz").write_text("{")
    status, text, plan = batch(copied)
    assert status == engine.DONE and len(plan.runs) == RUNS
    named = [record.getMessage().split(": ")[0] for record in caplog.records]
    assert named == [str(unet / "record.json"), str(floor / "scores/median.json.xz")]
    assert (
        f"{unet}/checkpoint.pt: damaged (found another content than that of its checksum); set aside as "
        f"checkpoint.pt.damaged-1" in text
    )
    assert (unet / "record.json").read_text() == record
    for folder in (unet, floor):
        for path in (made[-1].root / folder.name).rglob("*.json"):
            copy = folder / path.relative_to(made[-1].root / folder.name)
            assert path.name == "provenance.json" or path.read_bytes() == copy.read_bytes()
    assert len(list(copied.root.rglob("*.damaged-1"))) == 3 and batch(copied)[0] == engine.DONE


@pytest.mark.slow
def test_a_full_disk_fails_the_run_and_loses_nothing(copied):
    """Files above 20 kB cannot be written, which fails as a full disk does. With room again the same command
    finishes.
    """
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
    assert not (broken / "record.json").exists() and not list(broken.glob(".*.safetensors")), (
        "something half written was left"
    )
    assert batch(copied)[0] == engine.DONE


@pytest.mark.slow
def test_time_is_up_and_the_next_batch_goes_on(copied):
    shutil.rmtree(next(copied.root.glob("start-unet-*")))
    status, text, plan = batch(copied, max_minutes=0.01)
    assert status == engine.OUT_OF_TIME and "1 jobs are left" in text
    assert batch(copied)[0] == engine.DONE and plan.missing_runs() == []


@pytest.mark.slow
def test_another_batch_is_a_message_and_an_exit_status(copied, monkeypatch, tmp_path):
    monkeypatch.setenv("DEPTHLIB_STORE", str(copied.root))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path / "results"))
    folder = copied.root / ".batch" / "smoke"
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"):
        result = CliRunner().invoke(cli.main, ["reproduce", "00", "--profile", "smoke", "--device", "cpu"])
    assert result.exit_code == engine.REFUSED and "found another batch of profile smoke" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["DEPTHLIB_STORE", "DEPTHLIB_OUT"])
def test_a_folder_that_cannot_be_written_is_named_before_anything_is_done(tmp_path, monkeypatch, variable):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path / "results"))
    monkeypatch.setenv(variable, str(tmp_path / "file" / "below"))
    result = CliRunner().invoke(cli.main, ["reproduce", "00", "--profile", "smoke", "--device", "cpu"])
    assert result.exit_code == engine.REFUSED and "found a folder without write access" in result.output


@pytest.mark.slow
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
    result = CliRunner().invoke(
        cli.main, ["reproduce", "00", "--dry-run", "--verbose", "--profile", "smoke", "--device", "cpu"]
    )
    output = "".join(capfd.readouterr())
    assert result.exit_code == 0 and output.count("rule train:") == runs - 1 and output.count("rule notebook:") == 1
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


@pytest.mark.slow
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
    assert (
        reproduce(["00"], profile="smoke", device="cpu", max_minutes=5, console=Console(quiet=True))
        == engine.OUT_OF_TIME
    )
    assert [seeds for seeds, *_ in begun] == [{0}, {1}, {2}] and not any(notebooks for _, notebooks, _ in begun)
    assert 5 > begun[0][2] > begun[1][2] > begun[2][2] > 4
    monkeypatch.setattr(engine, "run_batch", lambda plan, **_: begun.append((set(plan.notebooks),)) or engine.DONE)
    assert reproduce(["00"], profile="smoke", device="cpu", console=Console(quiet=True)) == engine.DONE
    assert begun[-1] == ({"00_start_here"},) and len(begun) == 3 + 4
    reproduce(["00"], profile="smoke", device="cpu", options=["--executor=slurm"], console=Console(quiet=True))
    assert len(begun) == 3 + 4 + 1, "a cluster takes all seeds at once"


@pytest.mark.slow
def test_a_paper_without_settings_for_a_profile_says_so_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr("depthlib.base.paths.reference_dir", lambda profile: tmp_path / "none")
    monkeypatch.delitem(part("anuw", "rows").SCALES, "standard", raising=False)
    console = Console(record=True, width=100, file=io.StringIO())
    assert preview(["00", "01"], profile="standard", device="cpu", console=console) == 0
    text = console.export_text()
    assert "01_anuw            nothing at profile standard yet" in text and "00_start_here      " in text
    assert "11 of 11 runs and 1 of 1 notebooks to make" in text


@pytest.mark.slow
def test_a_finished_run_is_published_at_once(made, monkeypatch, tmp_path):
    """Its record and scores, without weights unless the recipe ships them; the notebook may be hours away."""
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path / "results"))
    store = Store(tmp_path / "runs", reference=[], train=True)
    assert batch(store)[0] == 0
    for spec in SPECS:
        published = tmp_path / "results/smoke/runs" / spec.name
        assert runs_digest([published]) == runs_digest([store.root / spec.name])
        assert (
            not (published / "weights.safetensors").exists()
            and (store.root / spec.name / "weights.safetensors").exists()
        )
    again = Store(tmp_path / "elsewhere", reference=[tmp_path / "results/smoke/runs"], train=True)
    assert all(again.get(spec) is not None for spec in SPECS), "the next evening it is not made again"


def test_folders_named_from_here_are_the_same_ones_elsewhere(monkeypatch, tmp_path):
    """The workers have a folder of their own: `DEPTHLIB_OUT=results` is not a folder in it."""
    monkeypatch.chdir(tmp_path)
    found = engine.absolute({"DEPTHLIB_OUT": "results", "DEPTHLIB_STORE": "/x/runs", "DEPTHLIB_DATA": "", "HOME": "h"})
    assert found == {"DEPTHLIB_OUT": str(tmp_path / "results"), "DEPTHLIB_STORE": "/x/runs"}
