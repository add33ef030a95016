"""Readings at their times, by a clock that tests turn by hand, and a floor beside them that has not looked."""

import csv

import pytest
import torch
from smoke_run import SPEC

from depthlib.bench import learning
from depthlib.bench.learning import Row, Stopwatch, error_of, learn
from depthlib.models.floors import FixedMap
from depthlib.runs.spec import RunSpec


class Clock:
    """Time goes on by `step` whenever a loss is computed, and by a thousand while a network is evaluated."""

    def __init__(self, monkeypatch, step=1.0):
        self.now = 0.0
        loss = learning.build_task(SPEC.recipe, {}).loss

        def slow(task, model, batch):
            self.now += step
            return loss(model, batch)

        monkeypatch.setattr("depthlib.training.tasks.Supervised.loss", slow)

    def __call__(self):
        return self.now

    def error(self, model):
        assert not model.training
        self.now += 1000
        return self.now


def test_stopwatch_stands_still_inside_with():
    now = 5.0
    watch = Stopwatch(lambda: now, already=2.0)
    now = 9.0
    with watch:
        now = 50.0
    now = 51.0
    assert watch.seconds() == 2 + 4 + 1


@pytest.mark.slow
def test_readings_are_taken_at_their_times_and_evaluation_costs_nothing(monkeypatch):
    clock = Clock(monkeypatch, step=2.0)
    found = learn(SPEC.recipe, [3, 6, 14], clock.error, seed=0, clock=clock)
    assert [reading.asked for reading in found] == [3, 6, 14]
    assert [reading.steps for reading in found] == [2, 3, 7] and [reading.seconds for reading in found] == [4, 6, 14]
    assert [b.abs_rel - a.abs_rel for a, b in zip(found, found[1:], strict=False)] == [1002, 1008]


@pytest.mark.slow
def test_a_plan_that_ends_early_is_read_at_its_end(monkeypatch):
    clock = Clock(monkeypatch, step=4.0)
    monkeypatch.setattr(learning, "ceil", lambda steps: 2)
    found = learn(SPEC.recipe, [3, 100], clock.error, seed=0, clock=clock)
    assert [(reading.steps, reading.seconds) for reading in found] == [(1, 4), (2, 8)]


@pytest.mark.slow
def test_the_network_is_that_of_the_recipe_and_the_evaluation_does_not_change_it(monkeypatch):
    """Read once at the end or after every step, training ends in the same weights."""
    ends = []
    for times in ([6], [1, 2, 3, 4, 5, 6]):
        clock, states = Clock(monkeypatch), []
        with monkeypatch.context() as patch:
            patch.setattr(
                clock,
                "error",
                lambda model, states=states: (
                    states.append({name: value.clone() for name, value in model.state_dict().items()}) or 0.0
                ),
            )
            learn(SPEC.recipe, times, clock.error, seed=0, clock=clock)
        ends.append(states[-1])
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


@pytest.mark.slow
def test_the_table_has_every_reading_and_the_floor(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(learning, "ROWS", (Row("start", "unet", "rooms", "metric", "a U-Net"),))
    monkeypatch.setattr(learning, "RunSpec", lambda *a: RunSpec(*a[:3], "smoke", a[4]))
    file = tmp_path / "learning.csv"
    learning.main(["--seconds", "0.2 0.1", "--seeds", "2", "--threads", "1", "--csv", str(file)])
    text = capsys.readouterr().out
    assert "1 threads, cpu clock, 2 seeds" in text and "after 0.1 s" in text and "a U-Net" in text
    rows = list(csv.DictReader(file.open()))
    assert [(row["seed"], row["asked"]) for row in rows] == [("0", "0.1"), ("0", "0.2"), ("1", "0.1"), ("1", "0.2")]
    recipe = SPEC.recipe
    expected = error_of(recipe, "metric")(FixedMap.of(recipe.train.make()))
    assert all(float(row["fixed_map"]) == expected for row in rows)
    assert all(int(row["steps"]) >= 1 and 0 < float(row["abs_rel"]) < 5 for row in rows)


def test_another_clock_is_refused():
    with pytest.raises(SystemExit, match="--clock: found 'sun', expected cpu or wall"):
        learning.main(["--clock", "sun"])


@pytest.mark.parametrize("row", learning.ROWS, ids=lambda row: f"{row.paper}-{row.data}")
def test_every_row_names_a_recipe_and_one_of_its_tests(row):
    recipe = RunSpec(row.paper, row.variant, row.data, "quick").recipe
    assert row.test in recipe.tests and recipe.plan.steps > 0
    assert len(row.name) <= 34, "the column of the table"
