"""Trials of learning rates: as many for each method, on frames and seeds that no table has, made once."""

from __future__ import annotations

from collections import Counter

import pytest

from depthlib.base.build import Build
from depthlib.papers.comparison.rows import METHODS
from depthlib.papers.dacnn.lidar_labels import LidarLabels
from depthlib.runs import pilot
from depthlib.runs.profiles import get_profile
from depthlib.scenes.sets import scenes


def test_equal_trials_for_a_third_of_the_steps_with_seeds_that_no_verdict_sees():
    asked = pilot.trials("comparison", "standard", [100, 101])
    assert {trial.steps for trial in asked} == {round(get_profile("standard").steps / 3)}
    assert set(Counter(trial.variant for trial in asked).values()) == {8}
    assert {trial.variant for trial in asked} == set(METHODS)
    with pytest.raises(ValueError, match="seeds: found 5, expected 100 or above"):
        pilot.trials("comparison", "standard", [100, 5])
    with pytest.raises(ValueError, match="paper: found 'start', whose rows have no PILOT"):
        pilot.trials("start", "standard", [100])


def test_frames_of_val_also_inside_another_set():
    inner = Build.of(scenes, family="streets", split="test", count=512, height=64, width=128)
    found = pilot.on_val(Build.of(LidarLabels, dataset=inner, beams=8), 6)
    assert found.options["beams"] == 8
    assert found.options["dataset"].options == inner.options | {"split": "val", "count": 6}


def test_what_the_file_has_is_not_trained_again(tmp_path):
    """Stopped in the middle, as by Ctrl-C, and begun again."""
    asked = pilot.trials("comparison", "smoke", [100], steps=1)
    file, trained = tmp_path / "a" / "pilot.csv", []

    def train(trial, stop=None):
        if len(trained) == stop:
            raise KeyboardInterrupt
        trained.append(trial)
        return 0.1 + len(trained) / 3

    with pytest.raises(KeyboardInterrupt):
        list(pilot.make(asked, file, lambda trial: train(trial, stop=5)))
    assert list(pilot.read(file)) == asked[:5]
    found = dict(pilot.make(asked, file, train))
    assert trained == asked and list(found) == asked and pilot.read(file) == found
    others = pilot.trials("comparison", "smoke", [101], steps=1)[:1]
    more = list(pilot.make(others, file, train))
    assert more == [(others[0], pilot.read(file)[others[0]])], "another seed is another trial"
    assert len(file.read_text().splitlines()) == 1 + len(asked) + 1


def test_means_over_seeds():
    one, two = (pilot.Trial("lite", 1e-3, seed, "smoke", 1, 4) for seed in (100, 101))
    assert pilot.mean_errors({one: 0.25, two: 0.75}) == {"lite": {1e-3: 0.5}}


@pytest.mark.slow
def test_a_trial_is_scored_on_val_and_trained_at_its_rate(monkeypatch):
    """No test frame is looked at; the rate reaches the optimiser; the same trial has the same error."""
    from depthlib.scenes import SceneDataset
    from depthlib.training import fit as training

    splits, rates = [], []
    made, fit = SceneDataset.__init__, training.fit

    def watched(self, distribution, split, count, **kwargs):
        splits.append((split, count))
        made(self, distribution, split, count, **kwargs)

    def recorded(model, task, dataset, plan, **kwargs):
        rates.append((plan.lr, plan.steps))
        return fit(model, task, dataset, plan, **kwargs)

    monkeypatch.setattr(SceneDataset, "__init__", watched)
    monkeypatch.setattr(training, "fit", recorded)
    trial = pilot.Trial("unet", 1e-2, 100, "smoke", 2, 3)
    error = pilot.run("comparison", trial, "cpu")
    assert {split for split, _ in splits} == {"train", "val"} and ("val", 3) in splits
    assert rates == [(1e-2, 2)] and 0 < error < 2 and pilot.run("comparison", trial, "cpu") == error
    assert pilot.run("comparison", trial._replace(rate=1e-3), "cpu") != error


@pytest.mark.slow
def test_the_command_prints_a_table(tmp_path, capsys):
    for _ in range(2):
        few = ["--steps", "1", "--frames", "2", "--variants", "lite", "--device", "cpu"]
        pilot.main(["comparison", "--profile", "smoke", "--csv", str(tmp_path / "t.csv"), *few])
    first, second = capsys.readouterr().out.split("in use", 1)[0], pilot.read(tmp_path / "t.csv")
    assert first.count("abs_rel on val") == 4 and len(second) == 4
