"""The time that is left, told from other seeds."""

import pytest

from depthlib.course.batch.duration import expected_seconds
from depthlib.course.batch.plan import add_run, make_plan
from depthlib.runs.json_files import write_json
from depthlib.runs.store import RunSpec, Store


@pytest.mark.slow
def test_what_is_left_is_told_in_minutes_where_another_seed_tells_them(tmp_path, monkeypatch):
    """Two rows of three seeds; one seed of the first is there, and nothing of the second."""
    monkeypatch.setattr("depthlib.base.paths.reference_dir", lambda profile: tmp_path / "none")
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
