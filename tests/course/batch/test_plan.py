"""The plan of a batch: what comes first."""

import json
from pathlib import Path

import pytest

from depthlib.course.batch import engine
from depthlib.course.batch.plan import make_plan
from depthlib.course.lessons import COURSE, pick_lessons
from depthlib.runs.store import Store


@pytest.mark.slow
def test_what_must_come_first_comes_first(tmp_path):
    """A plan holds the runs that others need, and the workflow knows it."""
    plan = make_plan(COURSE, profile="smoke", device="cpu", jobs=1, store=Store(tmp_path, reference=[]))
    for job in plan.runs.values():
        assert all(needed in plan.runs for needed in job.needs)
    content = json.loads(plan.write().read_text())
    assert set(content["notebooks"]) == {lesson.notebook for lesson in COURSE}


@pytest.mark.slow
def test_the_longest_chain_is_told_to_the_workflow_until_it_is_made(tmp_path):
    plan = make_plan(pick_lessons(["03"]), profile="quick", device="cpu", jobs=2, store=Store(tmp_path, reference=[]))

    last, chain = plan.last_of_longest_chain(), []
    while not chain or plan.runs[chain[-1]].needs:
        chain.append(plan.runs[chain[-1]].needs[0] if chain else last)
    variants = [plan.runs[name].spec["variant"] for name in chain]
    assert variants[:5] == ["pruned-1.0", "search-1.0", "search-1.5", "search-1.9", "hard-easy"]
    command = engine._command(plan, tmp_path / "plan.json", 2, [])
    assert command[command.index("--prioritize") + 1] == plan.runs[last].stamp
    for job in plan.runs.values():
        Path(job.stamp).parent.mkdir(exist_ok=True, parents=True)
        Path(job.stamp).touch()
    assert plan.last_of_longest_chain() is None and "--prioritize" not in engine._command(
        plan, tmp_path / "plan.json", 2, []
    )


@pytest.mark.slow
def test_the_runs_of_later_lessons_are_made_at_once_and_their_notebooks_later(tmp_path):
    first, last = pick_lessons(["00"]), [lesson for lesson in COURSE if lesson.sums_up]
    plan = make_plan(first, later=last, profile="smoke", device="cpu", jobs=2, store=Store(tmp_path, reference=[]))
    assert set(plan.notebooks) == {"00_start_here"}
    assert {spec.name for lesson in (*first, *last) for spec in lesson.runs("smoke")} <= set(plan.runs)
