"""A run is made once, scored anew without a training, and goes on from another."""

from dataclasses import replace

import pytest
import torch
from smoke_run import SPEC, scenes_of

from depthlib.base.build import Build
from depthlib.losses.regression import l1_loss
from depthlib.runs import store as runs
from depthlib.runs.execute import ensure, ensure_trained, needed_networks
from depthlib.runs.json_files import read_json, write_json
from depthlib.runs.store import MissingRun, RunSpec, Store, copy_run, stale_scores
from depthlib.training.tasks import Supervised


def test_existing_run_is_not_made_again(made, monkeypatch):
    monkeypatch.setattr("depthlib.runs.train.train", lambda *a, **k: pytest.fail("trained again"))
    assert ensure(SPEC, Store(made.folder.parent, train=True)).result == made.result


def test_new_tests_are_scored_without_training(made, tmp_path, monkeypatch):
    """A test that is added, one whose data changed and one that was renamed; and the scores that nobody asks for go."""
    monkeypatch.setattr("depthlib.runs.train.train", lambda *a, **k: pytest.fail("trained again"))
    copy_run(made.folder, tmp_path / SPEC.name)
    store, spec = Store(tmp_path, reference=[], train=True), replace(SPEC)
    tests = {
        "metric": (scenes_of(2), "scenes"),
        "near": (scenes_of(4), "scenes+max_depth=3.0"),
        "renamed": SPEC.recipe.tests["median"],
    }
    spec.__dict__["recipe"] = replace(SPEC.recipe, tests=tests, pictures={"metric": 1})
    assert store.get(spec) is None and store.get(SPEC) is not None
    record = ensure(spec, store, device="cpu")
    assert list(record.result["tests"]) == ["metric", "near", "renamed"]
    assert record.per_image("metric", "abs_rel") == made.per_image("metric", "abs_rel")[:2]
    assert record.means("renamed") == made.means("median")
    assert record.predictions("metric").shape[0] == 1
    assert sorted(path.name for path in (tmp_path / SPEC.name / "scores").glob("[!.]*")) == [
        "metric.json.xz",
        "metric.safetensors",
        "near.json.xz",
        "renamed.json.xz",
    ]


def test_scores_of_other_weights_are_not_believed(made, tmp_path):
    copy_run(made.folder, tmp_path / SPEC.name)
    path = tmp_path / SPEC.name / "scores" / "median.json.xz"
    write_json(path, read_json(path) | {"weights": "0" * 64})
    store = Store(tmp_path, reference=[], train=True)
    assert stale_scores(ensure_trained(SPEC, store), SPEC) == ["median"]
    assert ensure(SPEC, store, device="cpu").result == made.result


def test_scores_without_weights_serve_readers_and_missing_weights_are_trained_again(made, tmp_path):
    copy_run(made.folder, tmp_path / SPEC.name, weights=False)
    assert ensure(SPEC, Store(tmp_path, reference=[], train=False)).result == made.result
    (tmp_path / SPEC.name / "scores" / "median.json.xz").unlink()
    with pytest.raises(MissingRun, match="with all its scores"):
        ensure(SPEC, Store(tmp_path, reference=[], train=False))
    assert ensure(SPEC, Store(tmp_path, reference=[], train=True), device="cpu").result == made.result


def test_training_can_be_forbidden(tmp_path):
    with pytest.raises(MissingRun, match="training is forbidden here"):
        ensure(SPEC, Store(tmp_path, reference=[], train=False))


def test_forbidden_training_reads_the_reference(made, tmp_path):
    store = Store(tmp_path / "empty", reference=[made.folder.parent], train=False)
    assert ensure(SPEC, store).result == made.result


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


def going_on_from(earlier, **changes):
    """SPEC, but 0 steps from the network of another run, which its task also gets as `teacher`."""
    spec = replace(SPEC)
    task = Build.of(Supervised, loss=l1_loss)
    plan = replace(SPEC.recipe.plan, steps=0)
    spec.__dict__["recipe"] = replace(SPEC.recipe, plan=plan, task=task, start=earlier, **changes)
    return spec


@pytest.mark.slow
def test_a_run_goes_on_from_another(tmp_path):
    """The earlier run is made first, its weights are where the later one starts, and its key is part of the later
    key.
    """
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
