"""Metres from known points: what comes out is what went in, and what cannot be fitted is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from depthlib.protocols.known_points import Fit, KnownPoint, fit_known


def test_points_are_read() -> None:
    assert KnownPoint.parse("320,240=2.5") == KnownPoint.parse(" 320 , 240 = 2.5 ") == KnownPoint(320, 240, 2.5)
    assert str(KnownPoint.parse("0,7=1e1")) == "0,7=10"
    for wrong in ("320,240", "320=2", "a,b=1", "1.5,2=3", "-1,2=3", "1,2=x", "1,2=1e", "1,2=2m", ""):
        with pytest.raises(ValueError, match="expected x,y=metres with whole pixels"):
            KnownPoint.parse(wrong)
    for wrong in ("1,2=0", "1,2=-3", "1,2=1e999"):
        with pytest.raises(ValueError, match="expected metres above 0"):
            KnownPoint.parse(wrong)


def test_one_point_is_a_scale_and_more_fit_the_disparity() -> None:
    true = np.array([1.0, 2.0, 5.0, 9.0])
    assert fit_known(true[:1] / 3, true[:1], "metre")(true / 3) == pytest.approx(true)
    wrong = 1 / (2 / true + 0.3)  # disparity off by scale and shift, as of a network
    for count in (2, 4):
        for unit in ("metre", "unscaled"):
            fit = fit_known(wrong[:count], true[:count], unit)
            assert fit(wrong) == pytest.approx(true) and not fit.beyond(wrong).any()
    torch.testing.assert_close(fit(torch.from_numpy(wrong)), torch.from_numpy(true))
    relative = (true - 4) / 3  # relative depth: negative, and off by scale and shift itself
    assert fit_known(relative[:3], true[:3], "relative")(relative) == pytest.approx(true)


def test_many_points_are_fitted_as_numpy_does() -> None:
    rng = np.random.default_rng(0)
    p, t = rng.uniform(1, 3, 9), np.sort(rng.uniform(1, 8, 9))
    p.sort()
    fit = fit_known(p, t, "metre")
    scale, shift = np.polyfit(1 / p, 1 / t, 1)
    assert (fit.scale, fit.shift, fit.inverse) == (pytest.approx(scale), pytest.approx(shift), True)


def test_what_gives_no_depth() -> None:
    fit = Fit(2.0, -0.5, inverse=True)  # infinitely far at a predicted 4
    assert fit.beyond(np.array([1.0, 3.9, 4.0, 5.0, 0.0, -1.0])).tolist() == [False, False, True, True, True, True]
    assert Fit(1.0, -2.0).beyond(np.array([1.0, 2.0, 3.0])).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("predicted", "metres", "unit", "says"),
    [
        ([1.0], [2.0], "relative", "at least two"),
        ([-1.0], [2.0], "metre", "found a predicted depth of -1"),
        ([2.0, 2.0], [1.0, 3.0], "metre", "the same predicted depth, 2"),
        ([1.0, 2.0], [3.0, 1.0], "unscaled", "the same order"),
        ([1.0, 2.0], [3.0, 3.0], "metre", "the same order"),
    ],
)
def test_points_that_fit_nothing(predicted, metres, unit, says) -> None:
    with pytest.raises(ValueError, match=f"known: .*{says}"):
        fit_known(predicted, metres, unit)
