"""The exercises: the right answer, and a hint for each known mistake."""

import pytest

from depthlib.papers.dual.exercises import ASSEMBLE, FAR_ERROR, MINIMUM


@pytest.mark.parametrize("exercise", [MINIMUM, ASSEMBLE, FAR_ERROR])
def test_exercises(exercise):
    assert exercise.check(exercise.right) == "Right."
    for hint, wrong in exercise.mistakes.items():
        assert exercise.check(wrong) == f"Not yet: {hint}"
    assert exercise.check(lambda *arguments: ...) == "Not done yet."
