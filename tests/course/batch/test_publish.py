"""What a lesson removes from the published runs when it is rendered."""

from pathlib import Path

import pytest

from depthlib.course.batch.publish import remove_unknown_runs
from depthlib.course.lessons import pick_lessons
from depthlib.runs.spec import RunSpec


def test_only_runs_of_its_paper_go_that_no_lesson_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of `comparison` may be a row of lesson 01, which lesson 06 must leave alone."""
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    kept = [RunSpec("comparison", row, "streets", "standard").name for row in ("lite", "monodepth2")]
    old, others = "comparison-lite-streets-s0-000000000000", "start-lite-rooms-s0-000000000000"
    for name in (*kept, old, others):
        (tmp_path / "standard" / "runs" / name).mkdir(parents=True)
    (lesson,) = pick_lessons(["06_verdicts"])
    remove_unknown_runs(lesson, "standard")
    assert {path.name for path in (tmp_path / "standard" / "runs").iterdir()} == {*kept, others}
