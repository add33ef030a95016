"""The run store: one run is made once, ends in the same bits after a kill, and is never trusted when damaged."""

import errno
import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import kill_run
import pytest
import torch
from safetensors import SafetensorError

from depthlib.base import paths
from depthlib.base.build import Build
from depthlib.base.fingerprint import SILENT, closure
from depthlib.losses.regression import l1_loss
from depthlib.models.weights import WeightsError, load_weights, save_weights
from depthlib.runs import store as runs
from depthlib.runs.execute import ensure, ensure_trained, needed_networks
from depthlib.runs.files import CorruptRecord, damaged
from depthlib.runs.json_files import read_json, write_json
from depthlib.runs.keys import score_key, score_modules, training_modules
from depthlib.runs.store import MissingRun, RunSpec, Store, copy_run, read_record, stale_scores
from depthlib.scenes.sets import scenes
from depthlib.training.stopping import SIGNALS, sigterm_raises
from depthlib.training.tasks import Supervised

SPEC = RunSpec("start", "unet", "rooms", "smoke")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    return ensure(SPEC, Store(root, train=True), device="cpu")


@pytest.mark.slow
def test_record_says_everything(made):
    result = made.result
    assert result["key"] == SPEC.key and result["spec"]["variant"] == "unet" and result["parameters"] > 0
    assert len(result["curve"]["loss"]) == SPEC.recipe.plan.steps
    test = result["tests"]["metric"]
    assert len(test["images"]) == len(test["metrics"]["abs_rel"]) == 4
    assert made.means("metric")["abs_rel"] == pytest.approx(sum(test["metrics"]["abs_rel"]) / 4)
    assert {"torch", "device", "seconds", "threads", "finished"} <= set(made.provenance)
    assert made.predictions("metric").shape[0] == 4
    assert not (made.folder / "checkpoint.pt").exists()


def test_shipped_weights_give_the_recorded_numbers(made):
    """What is measured is what is kept: the half-precision file reproduces the record."""
    from depthlib.protocols.evaluate import evaluate
    from depthlib.protocols.protocol import load_protocol

    data = SPEC.recipe.tests["metric"][0].make()
    again, _ = evaluate(made.load_model(), data, load_protocol("scenes"))
    assert again.metrics["abs_rel"] == pytest.approx(made.per_image("metric", "abs_rel"), rel=1e-5)


def test_existing_run_is_not_made_again(made, monkeypatch):
    monkeypatch.setattr("depthlib.runs.train.train", lambda *a, **k: pytest.fail("trained again"))
    assert ensure(SPEC, Store(made.folder.parent, train=True)).result == made.result


def test_key_covers_spec_recipe_and_code(monkeypatch):
    assert SPEC.key == RunSpec("start", "unet", "rooms", "smoke").key
    others = [
        RunSpec("start", "lite", "rooms", "smoke"), RunSpec("start", "unet", "streets", "smoke"),
        RunSpec("start", "unet", "rooms", "quick"),
        RunSpec("start", "unet", "rooms", "smoke", seed=1), RunSpec("start", "unet", "rooms", "smoke", overrides={"steps": 5}),
    ]
    assert len({SPEC.key, *(spec.key for spec in others)}) == 6
    monkeypatch.setattr("depthlib.runs.keys.code_fingerprint", lambda modules, without: "changed")
    assert RunSpec("start", "unet", "rooms", "smoke").key != SPEC.key


def test_key_covers_only_the_code_that_the_run_uses():
    used = closure(training_modules(SPEC.recipe), without=SILENT)
    needed = ("models.unet", "losses.regression", "scenes.renderer", "training.fit")
    assert {f"depthlib.{name}" for name in needed} <= set(used)
    foreign = tuple(f"depthlib.{name}" for name in ("papers", "report", "course", "protocols", "metrics", "base.paths"))
    assert not [module for module in used if module.startswith(foreign)]
    scored = closure(score_modules(SPEC.recipe, "metric"), without=SILENT)
    assert {"depthlib.metrics.depth", "depthlib.protocols.scaling", "depthlib.scenes.renderer"} <= set(scored)
    assert not [module for module in scored if module.startswith(("depthlib.training", "depthlib.losses"))]


def test_a_score_has_a_key_of_its_own():
    """It covers the measure, the data and the pictures that are kept; what is not scored any more is in no key."""
    changed = [
        {"tests": SPEC.recipe.tests | {"metric": (SPEC.recipe.tests["metric"][0], "scenes-median")}},
        {"tests": SPEC.recipe.tests | {"metric": (scenes_of(5), "scenes")}},
        {"pictures": {"metric": 1}},
    ]
    keys = {score_key(SPEC, "metric")}
    for fields in changed:
        spec = replace(SPEC)
        spec.__dict__["recipe"] = replace(SPEC.recipe, **fields)
        assert spec.key == SPEC.key, "a training hangs on its tests"
        keys.add(score_key(spec, "metric"))
    assert len(keys) == 4
    assert score_key(replace(SPEC, seed=1), "metric") != score_key(SPEC, "metric")


def scenes_of(count):
    return Build.of(scenes, family="rooms", split="test", count=count)


def test_new_tests_are_scored_without_training(made, tmp_path, monkeypatch):
    """A test that is added, one whose data changed and one that was renamed; and the scores that nobody asks for go."""
    monkeypatch.setattr("depthlib.runs.train.train", lambda *a, **k: pytest.fail("trained again"))
    copy_run(made.folder, tmp_path / SPEC.name)
    store, spec = Store(tmp_path, reference=[], train=True), replace(SPEC)
    tests = {"metric": (scenes_of(2), "scenes"), "near": (scenes_of(4), "scenes+max_depth=3.0"), "renamed": SPEC.recipe.tests["median"]}
    spec.__dict__["recipe"] = replace(SPEC.recipe, tests=tests, pictures={"metric": 1})
    assert store.get(spec) is None and store.get(SPEC) is not None
    record = ensure(spec, store, device="cpu")
    assert list(record.result["tests"]) == ["metric", "near", "renamed"]
    assert record.per_image("metric", "abs_rel") == made.per_image("metric", "abs_rel")[:2]
    assert record.means("renamed") == made.means("median")
    assert record.predictions("metric").shape[0] == 1
    assert sorted(path.name for path in (tmp_path / SPEC.name / "scores").glob("[!.]*")) == [
        "metric.json", "metric.safetensors", "near.json", "renamed.json",
    ]


def test_scores_of_other_weights_are_not_believed(made, tmp_path):
    copy_run(made.folder, tmp_path / SPEC.name)
    path = tmp_path / SPEC.name / "scores" / "median.json"
    write_json(path, read_json(path) | {"weights": "0" * 64})
    store = Store(tmp_path, reference=[], train=True)
    assert stale_scores(ensure_trained(SPEC, store), SPEC) == ["median"]
    assert ensure(SPEC, store, device="cpu").result == made.result


def test_scores_without_weights_serve_readers_and_missing_weights_are_trained_again(made, tmp_path):
    copy_run(made.folder, tmp_path / SPEC.name, weights=False)
    assert ensure(SPEC, Store(tmp_path, reference=[], train=False)).result == made.result
    (tmp_path / SPEC.name / "scores" / "median.json").unlink()
    with pytest.raises(MissingRun, match="with all its scores"):
        ensure(SPEC, Store(tmp_path, reference=[], train=False))
    assert ensure(SPEC, Store(tmp_path, reference=[], train=True), device="cpu").result == made.result


def test_override_of_an_unknown_field():
    with pytest.raises(ValueError, match="overrides: found stesp, expected some of"):
        RunSpec("start", "unet", "rooms", "smoke", overrides={"stesp": 5})


def test_training_can_be_forbidden(tmp_path):
    with pytest.raises(MissingRun, match="training is forbidden here"):
        ensure(SPEC, Store(tmp_path, reference=[], train=False))


def test_forbidden_training_reads_the_reference(made, tmp_path):
    store = Store(tmp_path / "empty", reference=[made.folder.parent], train=False)
    assert ensure(SPEC, store).result == made.result


@pytest.fixture
def copied(made, tmp_path):
    """A run of one's own, in a store that looks nowhere else."""
    copy_run(made.folder, tmp_path / SPEC.name)
    return Store(tmp_path, reference=[], train=True), tmp_path / SPEC.name


FILES = ("record.json", "provenance.json", "weights.safetensors", "scores/metric.json", "scores/median.json", "scores/metric.safetensors")


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found_and_named_wherever_it_is(copied, name):
    """All bits of some bytes, from the first to the last: also those of the checksum itself."""
    store, folder = copied
    content = (folder / name).read_bytes()
    assert damaged(folder, SPEC.key) == []
    for place in sorted({0, 1, *range(3, len(content), len(content) // 40 + 1), *range(len(content) - 80, len(content))}):
        for bit in (0, 3, 6):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            (folder / name).write_bytes(flipped)
            files = [error.file for error in damaged(folder, SPEC.key)]
            assert files[:1] == [folder / name], f"bit {bit} of byte {place}"
            assert files[1:] == ([folder / "record.json"] if name == "provenance.json" else [])


def test_a_damaged_committed_run_is_passed_over_where_one_may_be_made(copied, tmp_path, caplog):
    store, folder = copied
    (folder / "record.json").write_text("{")
    assert Store(tmp_path / "mine", reference=[store.root], train=True).get(SPEC) is None
    assert f"{folder}/record.json: damaged (" in caplog.text and "; passed over, made in " in caplog.text
    with pytest.raises(CorruptRecord, match="record.json: damaged"):
        Store(tmp_path / "mine", reference=[store.root], train=False).get(SPEC)


def test_one_changed_digit_is_refused_by_whoever_reads_it(copied):
    """Where nothing may be made, the error names the file; what the record says of the weights holds for those that are loaded."""
    store, folder = copied
    readers = {
        "record.json": lambda: Store(store.root, reference=[], train=False).get(SPEC),
        "scores/metric.json": lambda: read_record(folder),
        "weights.safetensors": lambda: read_record(folder).load_model(),
        "scores/metric.safetensors": lambda: read_record(folder).predictions("metric"),
    }
    for name, read in readers.items():
        content = (folder / name).read_bytes()
        digit = next(i for i in range(len(content)) if content[i : i + 1].isdigit())
        (folder / name).write_bytes(content[:digit] + (b"1" if content[digit : digit + 1] != b"1" else b"2") + content[digit + 1 :])
        with pytest.raises(CorruptRecord, match=f"{SPEC.name}/{name}: damaged"):
            read()
        (folder / name).write_bytes(content)
        read()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "trains"), [(name, not name.startswith("scores")) for name in FILES])
def test_what_is_damaged_is_set_aside_and_made_again(copied, monkeypatch, caplog, name, trains):
    """Said in a line a file; the same bits come again, and the damaged ones are kept."""
    store, folder = copied
    before = {path: (folder / path).read_bytes() for path in FILES}
    (folder / name).write_bytes(before[name][:-9])
    if not trains:
        monkeypatch.setattr("depthlib.runs.train.train", lambda *a, **k: pytest.fail("trained again"))
    with caplog.at_level(logging.WARNING, "depthlib"):
        ensure(SPEC, store, device="cpu")
    told = [record.getMessage() for record in caplog.records]
    assert told[0].startswith(f"{folder / name}: damaged (") and told[0].endswith(f"; set aside as {Path(name).name}.damaged-1, made again")
    assert len(told) == (2 if name == "provenance.json" else 1)
    assert (folder / f"{name}.damaged-1").read_bytes() == before[name][:-9]
    assert all((folder / path).read_bytes() == content for path, content in before.items() if path != "provenance.json")
    assert damaged(folder, SPEC.key) == []


@pytest.mark.parametrize("damage", ["not json", "a list", "other key", "lost value", "no checksum"])
def test_damage_of_other_kinds(copied, damage):
    store, folder = copied
    record, scores = folder / "record.json", folder / "scores" / "metric.json"
    if damage == "not json":
        record.write_bytes(b"\x80\x04")
    elif damage == "a list":
        record.write_text("[1]")
    elif damage == "other key":
        write_json(record, read_json(record) | {"key": "0" * 12})
    elif damage == "lost value":
        content = read_json(scores)
        content["metrics"]["abs_rel"].pop()
        write_json(scores, content)
    else:
        scores.write_text(json.dumps(read_json(scores)))
    wrong = scores if damage in ("lost value", "no checksum") else record
    assert [error.file for error in damaged(folder, SPEC.key)] == [wrong]
    with pytest.raises(CorruptRecord, match=f"{wrong.name}: damaged"):
        store.get(SPEC)


def test_runs_from_before_the_checksums_are_read(copied):
    """Without a format, or of format 2, and without checksums; and the committed ones."""
    store, folder = copied
    for name in ("record.json", "provenance.json", "scores/metric.json", "scores/median.json"):
        content = read_json(folder / name)
        content.pop("tensors", None)
        (folder / name).write_text(json.dumps(content | ({"format": 2} if "format" in content else {})))
    assert damaged(folder, SPEC.key) == []
    record = store.get(SPEC)
    assert len(record.per_image("metric", "abs_rel")) == len(record.predictions("metric")) == 4
    old = paths.REPOSITORY / "results" / "quick" / "runs"
    assert all(read_record(path.parent).result["key"] in path.parent.name for path in old.glob("*/record.json"))


def test_a_damaged_run_in_a_place_without_write_access_is_one_error(copied, monkeypatch):
    store, folder = copied
    (folder / "record.json").write_text("{")

    def refuse(*a, **k):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "x")

    for target in ("pathlib.Path.rename", "filelock.FileLock.acquire"):
        with monkeypatch.context() as patch:
            patch.setattr(target, refuse)
            with pytest.raises(OSError, match=f"damaged .* and cannot be set aside: Read-only.*{SPEC.name}/record.json"):
                ensure(SPEC, store, device="cpu")
    assert [path.name for path in folder.glob("*.damaged*")] == []


def test_a_refused_training_leaves_no_folder(tmp_path):
    """Not the one of the run, nor the store that was made for it."""
    spec = RunSpec("start", "unet", "rooms", "smoke", 0, {"batch_size": 1000})
    store = Store(tmp_path / "new" / "store", reference=[], train=True)
    with pytest.raises(ValueError, match="expected at least one batch of 1000"):
        ensure(spec, store, device="cpu")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="device: found 'cube'"):
        ensure(SPEC, store, device="cube")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", [-1, 2**32, 99999999999999999999, True, "1", 1.0])
def test_absurd_seeds(seed):
    with pytest.raises(ValueError, match="seed: found .*, expected an integer from 0 to 4294967295"):
        RunSpec("start", "unet", "rooms", "smoke", seed)


LONGER = RunSpec("start", "unet", "rooms", "smoke", 0, {"steps": 9})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return ensure(LONGER, Store(tmp_path_factory.mktemp("undisturbed"), train=True), device="cpu").folder


def same_files(a, b):
    return [name for name in FILES if name != "provenance.json" and (a / name).read_bytes() != (b / name).read_bytes()] == []


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
        ensure(LONGER, store, device="cpu", on_step=lambda step, *_: os.kill(os.getpid(), signal.SIGINT) if step == 9 else None)
    assert read_record(tmp_path / LONGER.name).result["tests"] == {}
    assert same_files(ensure(LONGER, store, device="cpu", on_step=lambda *_: pytest.fail("trained again")).folder, undisturbed)


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
    """Written are a checkpoint, then nothing; the error names the file, and with room the training goes on from there."""
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


def test_published_run_is_complete_and_small(made, tmp_path):
    copy_run(made.folder, tmp_path / made.folder.name)
    copy = read_record(tmp_path / made.folder.name, key=SPEC.key)
    assert copy.result == made.result
    assert torch.equal(next(copy.load_model().parameters()), next(made.load_model().parameters()))


def going_on_from(earlier, **changes):
    """SPEC, but 0 steps from the network of another run, which its task also gets as `teacher`."""
    spec = replace(SPEC)
    task = Build.of(Supervised, loss=l1_loss)
    plan = replace(SPEC.recipe.plan, steps=0)
    spec.__dict__["recipe"] = replace(SPEC.recipe, plan=plan, task=task, start=earlier, **changes)
    return spec


@pytest.mark.slow
def test_a_run_goes_on_from_another(tmp_path):
    """The earlier run is made first, its weights are where the later one starts, and its key is part of the later key."""
    store = Store(tmp_path, reference=[], train=True)
    later = ensure(going_on_from(SPEC), store, device="cpu")
    assert (tmp_path / SPEC.name / runs.RECORD).exists(), "the run that is needed was not made"
    assert later.result["recipe"]["needs"] == {"start": SPEC.name}
    assert stale_scores(ensure_trained(SPEC, store), SPEC), "nobody asked for the scores of the run that is needed"
    of_both = zip(ensure_trained(SPEC, store).load_model().parameters(), later.load_model().parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in of_both)
    assert later.means("metric") == ensure(SPEC, store, device="cpu").means("metric")
    assert going_on_from(SPEC).key != going_on_from(replace(SPEC, seed=1)).key != SPEC.key


def test_a_task_gets_the_networks_it_asks_for(made, monkeypatch):
    from depthlib.runs import train
    from depthlib.training import tasks

    class Pupil(tasks.Supervised):
        def __init__(self, teacher, **options):
            super().__init__(**options)
            self.teacher = teacher

    monkeypatch.setattr(tasks, "Supervised", Pupil)
    store = Store(made.folder.parent, reference=[], train=False)
    recipe = going_on_from(None, networks={"teacher": SPEC}).recipe
    task = train.build_task(recipe, needed_networks(recipe, store))
    assert torch.equal(next(task.teacher.parameters()), next(made.load_model().parameters()))


MADE = RunSpec("start", "unet", "rooms", "smoke", overrides={"steps": 20})
MAKE = """
import sys, torch
torch.set_num_threads(1)
from depthlib.runs.execute import ensure
from depthlib.runs.store import RunSpec, Store
spec = RunSpec("start", "unet", "rooms", "smoke", overrides={"steps": 20})
ensure(spec, Store(sys.argv[1], train=True), device="cpu", checkpoint_seconds=0, on_step=lambda step, loss, speed: print(step, flush=True))
"""


def start(root: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", MAKE, str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.slow
def test_killed_run_ends_in_the_same_bits(tmp_path):
    """SIGKILL at three moments, then let it finish: record, weights and predictions equal those of an unbroken run byte for byte."""
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
    assert 10 < first_step <= MADE.recipe.plan.steps, "the last process did not resume from the checkpoints of the killed ones"
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


def test_weights_never_execute_code_and_say_what_is_wrong(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match="no such weights file"):
        load_weights(path)
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load_weights(path)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="no 'depthlib' metadata"):
        load_weights(path)
    from depthlib.models import create_model

    save_weights(create_model("unet", width=4), path, model_name="unet", options={"width": 8})
    with pytest.raises(WeightsError, match="do not fit the network"):
        load_weights(path)
