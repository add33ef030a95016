"""Trials come from their file."""

import pandas as pd

from depthlib.papers.anuw import rows
from depthlib.report.trials import trials_table
from depthlib.runs import pilot


def test_trials_are_those_of_the_first_folder_that_has_them(tmp_path):
    assert trials_table("anuw", tmp_path, tmp_path / "none") is None
    trials = [
        pilot.Trial(variant, rate, seed, "standard", 200, 128)
        for seed in (100, 101)
        for variant, rate in (("d", 0.01), ("e", 0.003), ("e", 0.01))
    ]
    told = {("d", 0.01): 0.5, ("e", 0.003): float("inf"), ("e", 0.01): 0.25}
    file = pilot.file_in(tmp_path / "kept", "anuw")
    list(pilot.make(trials, file, lambda one: told[one.variant, one.rate] + 0.1 * (one.seed - 100), "si_rmse"))
    table = trials_table("anuw", tmp_path, tmp_path / "kept")
    assert list(table.columns) == ["profile", "steps", "seeds", "at 0.003", "at 0.01", "in use"]
    assert table.loc["e", "at 0.003"] == "diverged" and table.loc["e", "at 0.01"] == "0.3000"
    assert pd.isna(table.loc["d", "at 0.003"]) and table.loc["d", "seeds"] == "100, 101"
    assert table.loc["d", "in use"] == f"{rows.SCALES['standard'].lr:g}"
