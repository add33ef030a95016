"""A training that is stopped, killed or out of disk goes on and ends in the same bits."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import kill_run
import pytest
from safetensors import SafetensorError
from smoke_run import FILES

from depthlib.runs import store as runs
from depthlib.runs.execute import ensure
from depthlib.runs.store import RunSpec, Store, read_record
from depthlib.training.stopping import SIGNALS, sigterm_raises

LONGER = RunSpec("start", "unet", "rooms", "smoke", 0, {"steps": 9})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return ensure(LONGER, Store(tmp_path_factory.mktemp("undisturbed"), train=True), device="cpu").folder


def same_files(a, b):
    return [
        name for name in FILES if name != "provenance.json" and (a / name).read_bytes() != (b / name).read_bytes()
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_saves_the_training_that_then_goes_on(undisturbed, tmp_path, number, raised):
    """At step 3, far from the next checkpoint. Afterwards the signals have their former effect."""
    store, steps = Store(tmp_path, reference=[], train=True), []

    def interrupt(step, loss, speed):
        steps.append(step)
        if step == 3:
            os.kill(os.getpid(), number)

    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(raised), sigterm_raises():
        ensure(LONGER, store, device="cpu", on_step=interrupt)
    assert steps == [1, 2, 3] and before == [signal.getsignal(number) for number in SIGNALS]
    assert [path.name for path in (tmp_path / LONGER.name).glob("[!.]*")] == ["checkpoint.pt"]
    record = ensure(LONGER, store, device="cpu", on_step=lambda step, loss, speed: steps.append(step))
    assert steps == list(range(1, 10)) and same_files(record.folder, undisturbed)


@pytest.mark.slow
def test_a_signal_after_the_last_step_waits_for_the_record(undisturbed, tmp_path):
    store = Store(tmp_path, reference=[], train=True)
    with pytest.raises(KeyboardInterrupt):
        ensure(
            LONGER,
            store,
            device="cpu",
            on_step=lambda step, *_: os.kill(os.getpid(), signal.SIGINT) if step == 9 else None,
        )
    assert read_record(tmp_path / LONGER.name).result["tests"] == {}
    assert same_files(
        ensure(LONGER, store, device="cpu", on_step=lambda *_: pytest.fail("trained again")).folder, undisturbed
    )


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait(tmp_path):
    def interrupt(step, loss, speed):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        ensure(LONGER, Store(tmp_path, reference=[], train=True), device="cpu", on_step=interrupt)
    assert list(tmp_path.glob("start*")) == [], "nothing was saved, so nothing is to be left"


@pytest.mark.slow
def test_a_full_disk_loses_no_training(undisturbed, tmp_path, monkeypatch):
    """Written are a checkpoint, then nothing; the error names the file, and with room the training goes on from
    there.
    """
    store, steps = Store(tmp_path, reference=[], train=True), []

    def full(*a, **k):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr("depthlib.models.weights.save_file", full)
        with pytest.raises(OSError, match="No space left on device: .*weights.safetensors") as caught:
            ensure(LONGER, store, device="cpu", checkpoint_seconds=0)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename.endswith(f"{LONGER.name}/weights.safetensors")
    assert [path.name for path in (tmp_path / LONGER.name).glob("[!.]*")] == ["checkpoint.pt"]
    record = ensure(LONGER, store, device="cpu", on_step=lambda step, loss, speed: steps.append(step))
    assert steps == [9] and same_files(record.folder, undisturbed)


MADE = RunSpec("start", "unet", "rooms", "smoke", overrides={"steps": 20})
MAKE = """
import sys, torch
torch.set_num_threads(1)
from depthlib.runs.execute import ensure
from depthlib.runs.store import RunSpec, Store
spec = RunSpec("start", "unet", "rooms", "smoke", overrides={"steps": 20})
store = Store(sys.argv[1], train=True)
ensure(spec, store, device="cpu", checkpoint_seconds=0, on_step=lambda step, loss, speed: print(step, flush=True))
"""


def start(root: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", MAKE, str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.slow
def test_killed_run_ends_in_the_same_bits(tmp_path):
    """SIGKILL at three moments, then let it finish: record, weights and predictions equal those of an unbroken run byte
    for byte.
    """
    whole = start(tmp_path / "whole")
    assert whole.wait() == 0, whole.stderr.read()
    for steps_seen in (3, 9, 4):
        process = start(tmp_path / "broken")
        for _ in range(steps_seen):
            process.stdout.readline()
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    last = start(tmp_path / "broken")
    first_step, *_ = (int(line) for line in last.stdout)
    assert last.wait() == 0, last.stderr.read()
    assert 10 < first_step <= MADE.recipe.plan.steps, (
        "the last process did not resume from the checkpoints of the killed ones"
    )
    (a,), (b,) = ((tmp_path / name).glob("start-*") for name in ("whole", "broken"))
    scored = sorted(path.relative_to(a) for path in (a / "scores").glob("[!.]*"))
    assert len(scored) == 3
    for name in (runs.RECORD, runs.WEIGHTS, *scored):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


@pytest.mark.slow
def test_a_run_that_is_stopped_at_random_moments_ends_in_the_same_bits(tmp_path):
    """By SIGKILL, SIGTERM and SIGINT; `python tests/support/kill_run.py --kills 20` is the long form."""
    wrong, told = kill_run.torture(tmp_path, kills=3, seed=3)
    assert wrong == [] and told.startswith("3 kills")


@pytest.mark.slow
def test_two_processes_make_one_run_once(tmp_path):
    first, second = start(tmp_path), start(tmp_path)
    outputs = [process.communicate() for process in (first, second)]
    assert first.returncode == second.returncode == 0, outputs
    assert sorted(len(out.split()) for out, _ in outputs) == [0, MADE.recipe.plan.steps]
