"""Checks of arguments: the message names them."""

import numpy as np
import pytest
import torch

from depthlib import geometry as g

ONES = torch.ones(1, 1, 4, 4)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: g.backproject(torch.ones(2, 4, 4), torch.eye(3)[None]), ValueError, r"depth: found shape \[2, 4, 4\]"),
        (lambda: g.backproject(torch.ones(2, 1, 4, 4), torch.eye(3)), ValueError, r"K: found shape \[3, 3\]"),
        (
            lambda: g.backproject(torch.ones(2, 1, 4, 4), torch.ones(3, 3, 3)),
            ValueError,
            "K: found batch size 3, expected 2",
        ),
        (
            lambda: g.backproject(torch.ones(1, 1, 4, 4), torch.eye(3).bfloat16()[None]),
            TypeError,
            "K: found dtype torch.bf",
        ),
        (lambda: g.backproject(np.ones((1, 1, 4, 4)), torch.eye(3)[None]), TypeError, "depth: found ndarray"),
        (lambda: g.project(torch.ones(1, 3), torch.eye(3)[None]), ValueError, r"points: found shape \[1, 3\]"),
        (
            lambda: g.warp(ONES.expand(1, 3, 4, 4), ONES[..., :2], *(torch.eye(n)[None] for n in (3, 4))),
            ValueError,
            "K_src",
        ),
        (
            lambda: g.warp_disparity(torch.ones(1, 3, 4, 4), torch.ones(1, 1, 4, 5)),
            ValueError,
            "disparity: found shape",
        ),
        (lambda: g.pose_from_euler(torch.ones(2, 5)), ValueError, r"vector: found shape \[2, 5\]"),
        (lambda: g.invert_pose(torch.ones(3, 4)), ValueError, "T: found shape"),
        (lambda: g.compose_poses(), ValueError, "poses: found none"),
        (lambda: g.scale_intrinsics(torch.eye(3)[None], 0, 1), ValueError, "scale_x: found 0"),
        (lambda: g.pixel_grid(0, 3), ValueError, "height: found 0"),
    ],
)
def test_guards_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
