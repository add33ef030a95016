"""Jumps of depth that a laser sees, and errors beside them."""

from __future__ import annotations

import pytest
import torch

from depthlib.papers.dacnn.laser_borders import LaserBorders, jumps_along_rows, step_error


def scan() -> torch.Tensor:
    """A car at 10 m before a wall at 40 m; every other column is known, and a road whose depth grows row by row."""
    depth = torch.full((1, 1, 6, 24), 40.0)
    depth[..., :12] = 10.0
    depth[..., 4:, :] = torch.tensor([9.0, 5.0]).view(2, 1)
    depth[..., 1::2] = 0
    return depth


def test_jumps_are_beside_known_pixels_of_another_depth_in_the_row() -> None:
    found = jumps_along_rows(scan(), reach=4)[0, 0]
    assert found[0].nonzero().flatten().tolist() == [8, 10, 12, 14] and torch.equal(found[0], found[3])
    assert not found[4:].any()  # the road
    assert not jumps_along_rows(scan(), reach=1).any()
    assert not jumps_along_rows(torch.zeros(1, 1, 4, 4)).any()


def test_errors_are_told_apart() -> None:
    truth = scan()
    wrong = torch.where(jumps_along_rows(truth), 1.1 * truth, truth).clamp(min=1)
    measure = LaserBorders("eigen-annotated")
    measure.protocol = type("Everything", (), {"prepare": staticmethod(lambda p, t, v: (p, t, v))})()
    scores = {name: value.item() for name, value in measure.score(wrong, truth).items()}
    assert scores["border_abs_rel"] == pytest.approx(0.1) and scores["inside_abs_rel"] == 0
    assert scores["border_minus_inside"] == pytest.approx(0.1) == -scores["inside_minus_border"]
    assert scores["gradient_error"] == pytest.approx(0, abs=1e-6)  # all of the steps are right


def test_steps_must_be_in_place_and_of_the_right_sign() -> None:
    truth = scan()
    jumps = jumps_along_rows(truth)
    for prediction, error in ((truth, 0), (3 * truth, 0), (torch.ones_like(truth), 1), (truth.clamp(1e-3) ** -1, 4)):
        assert step_error(prediction, truth, jumps).item() == pytest.approx(error, abs=1e-5)


@pytest.mark.parametrize(
    ("depth", "options", "message"),
    [
        (torch.ones(1, 4, 4), {}, r"depth: found shape \[1, 4, 4\]"),
        (torch.ones(1, 1, 4, 4), {"jump": 1.0}, "jump, reach: found 1.0 and 4"),
        (torch.ones(1, 1, 4, 4), {"reach": 0}, "jump, reach: found 1.25 and 0"),
    ],
)
def test_wrong_input_is_refused(depth: torch.Tensor, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jumps_along_rows(depth, **options)
