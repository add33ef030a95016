"""The relative effect beside the printed one."""

import numpy as np
import pytest

from depthlib.report.comparison import compare, slopes


@pytest.mark.parametrize(
    ("printed", "word"),
    [(0.1, "larger than in print"), (0.2, "compatible with print"), (0.5, "smaller than in print"), (None, "")],
)
def test_the_relative_effect_stands_against_the_printed_one(printed, word):
    rng = np.random.default_rng(0)
    found = compare(
        0.8 + rng.normal(0, 0.05, (6, 50)), 1.0 + rng.normal(0, 0.05, (6, 50)), level=0.05, margin=0.02, printed=printed
    )
    assert found.against_print == word


def test_slopes_are_those_of_numpy_frame_by_frame():
    doses, tables = (0.0, 0.2, 0.3, 0.6), np.random.default_rng(1).normal(size=(4, 2, 5))
    expected = np.polyfit(doses, tables.reshape(4, -1), 1)[0].reshape(2, 5)
    np.testing.assert_allclose(slopes(list(tables), doses), expected, rtol=1e-10)
