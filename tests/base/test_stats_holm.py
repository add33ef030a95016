"""Holm's procedure with nested questions, by its definition."""

import numpy as np
import pytest

from depthlib.base.stats_holm import holm


def test_holm_by_its_definition():
    p = [0.01, 0.04, 0.03, 0.005]
    found = holm(p)
    assert [one.p for one in found] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [one.p for one in holm([0.9, 0.8])] == [1.0, 1.0] and holm([]) == []
    # 0.005 at a quarter, then 0.01 at a third, then 0.03 at a half is too large: both that are left stay at a half
    assert [one.share for one in found] == pytest.approx([1 / 3, 1 / 2, 1 / 2, 1 / 4])


def test_a_nested_question_costs_nothing_and_comes_after_the_other():
    alone, nested = holm([0.02, 0.03]), holm([0.02, 0.03, 0.001], [None, None, 0])
    assert [one.p for one in nested[:2]] == pytest.approx([one.p for one in alone])
    assert nested[2].p == pytest.approx(0.04)  # never below that of the question it hangs on
    assert holm([0.2, 0.03, 0.001], [None, None, 0])[2].p == pytest.approx(0.2)
    chain = holm([0.01, 0.02, 0.03, 0.5], [None, 0, 1, None])  # each takes over the half of the one before
    assert [one.p for one in chain] == pytest.approx([0.02, 0.04, 0.06, 0.5])
    assert [one.share for one in chain] == pytest.approx([0.5, 0.5, 0.5, 0.5])
    two = holm([0.001, 0.04, 0.04, 0.9], [None, 0, 0, None])
    assert [one.share for one in two] == pytest.approx([0.5, 0.25, 0.25, 0.5])


def test_a_question_whose_turn_does_not_come_has_no_share():
    assert holm([0.5, 0.0001], [None, 0])[1].share == 0


@pytest.mark.parametrize("after", [[1, 0], [0]])
def test_questions_in_a_circle(after):
    with pytest.raises(ValueError, match="in a circle"):
        holm([0.1] * len(after), after)


def test_the_family_holds_its_level_also_where_a_parent_is_true_and_its_children_are_not():
    """One parent of two has an effect, all else is equal: its children may not have a share besides Holm's."""
    rng = np.random.default_rng(5)
    false = 0
    for _ in range(4000):
        p = [0.0, rng.random(), rng.random(), rng.random()]
        false += any(one.p <= 0.05 for one in holm(p, [None, None, 0, 0])[1:])
    assert false / 4000 < 0.058
