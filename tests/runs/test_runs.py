"""The run store: one run is made once, ends in the same bits after a kill, and is never trusted when damaged."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from depthlib.base.build import Build
from depthlib.base.fingerprint import SILENT, closure
from depthlib.losses.regression import l1_loss
from depthlib.models.weights import WeightsError, load_weights, save_weights
from depthlib.runs import store as runs
from depthlib.runs.execute import ensure, ensure_trained, needed_networks
from depthlib.runs.keys import score_key, score_modules, training_modules
from depthlib.runs.store import CorruptRecord, MissingRun, RunSpec, Store, copy_run, read_record, stale_scores
from depthlib.scenes.sets import scenes
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
        RunSpec("start", "mean", "rooms", "smoke"), RunSpec("start", "unet", "streets", "smoke"),
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
    path.write_text(path.read_text().replace(made.result["weights"], "0" * 64))
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


@pytest.mark.parametrize("damage", ["truncate", "not json", "other key", "no provenance"])
def test_damaged_record_is_an_error_that_names_the_file(made, tmp_path, damage):
    folder = tmp_path / made.folder.name
    copy_run(made.folder, folder, weights=False)
    record = folder / "record.json"
    content = json.loads(record.read_text())
    if damage == "truncate":
        record.write_text(record.read_text()[:200])
    elif damage == "not json":
        record.write_bytes(b"\x80\x04")
    elif damage == "other key":
        record.write_text(json.dumps(content | {"key": "0" * 12}))
    else:
        (folder / "provenance.json").unlink()
    with pytest.raises(CorruptRecord, match="record.json: unreadable record"):
        Store(tmp_path, reference=[], train=True).get(SPEC)


@pytest.mark.parametrize("damage", ["lost value", "truncate"])
def test_damaged_scores_are_an_error_that_names_the_file(made, tmp_path, damage):
    copy_run(made.folder, tmp_path / SPEC.name)
    path = tmp_path / SPEC.name / "scores" / "metric.json"
    content = json.loads(path.read_text())
    content["metrics"]["abs_rel"].pop()
    path.write_text(json.dumps(content) if damage == "lost value" else path.read_text()[:200])
    with pytest.raises(CorruptRecord, match="metric.json: unreadable record .*delete it to recompute it"):
        Store(tmp_path, reference=[], train=True).get(SPEC)


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
    assert 10 < first_step <= 60, "the last process did not resume from the checkpoints of the killed ones"
    (a,), (b,) = ((tmp_path / name).glob("start-*") for name in ("whole", "broken"))
    scored = sorted(path.relative_to(a) for path in (a / "scores").glob("[!.]*"))
    assert len(scored) == 3
    for name in (runs.RECORD, runs.WEIGHTS, *scored):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


@pytest.mark.slow
def test_two_processes_make_one_run_once(tmp_path):
    first, second = start(tmp_path), start(tmp_path)
    outputs = [process.communicate() for process in (first, second)]
    assert first.returncode == second.returncode == 0, outputs
    assert sorted(len(out.split()) for out, _ in outputs) == [0, 60]


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
