"""The second view of another street."""

import torch
from dacnn_parts import Frames

from depthlib.papers.dacnn.stereo_gate import OtherRight


def test_only_the_right_view_is_another() -> None:
    swapped, frames = OtherRight(Frames()), Frames()
    assert len(swapped) == 2
    for index in range(2):
        item = swapped[index]
        assert torch.equal(item["right"], frames[1 - index]["right"])
        assert all(torch.equal(item[key], frames[index][key]) for key in ("image", "depth", "instances"))
