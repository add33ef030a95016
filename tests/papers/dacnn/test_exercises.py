"""The exercises: the right answer, a hint for each known mistake, and the package agrees."""

from __future__ import annotations

import pytest
import torch

from depthlib.papers.dacnn import exercises


@pytest.mark.parametrize("name", ["KERNEL", "CORRELATION", "DIVERGENCE"])
def test_exercises(name):
    exercise = getattr(exercises, name)
    assert exercise.check(exercise.right) == "Right."
    for hint, wrong in exercise.mistakes.items():
        assert exercise.check(wrong) == f"Not yet: {hint}"
    assert exercise.check(lambda *a: ...) == "Not done yet."


def test_exercises_agree_with_the_package():
    from depthlib.models.correlation import correlation
    from depthlib.papers.dacnn.depth_aware_conv import affinity
    from depthlib.papers.dacnn.loss import guidance_loss

    generator = torch.Generator().manual_seed(5)
    g, h = exercises.KERNEL.cases(generator)
    torch.testing.assert_close(exercises.KERNEL.right(g, h), affinity(g, h))
    torch.testing.assert_close(exercises.DIVERGENCE.right(g, h), guidance_loss([g], [h]))
    left, right, d = exercises.CORRELATION.cases(generator)
    torch.testing.assert_close(exercises.CORRELATION.right(left, right, d), correlation(left, right, d)[:, d:])
