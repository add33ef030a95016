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


def test_the_other_view_has_the_size_of_its_frame() -> None:
    class Pairs(list):
        def fingerprint(self) -> str:
            return "pairs"

    sizes = ((4, 8), (4, 8), (3, 6))
    pairs = Pairs(
        {"image": torch.zeros(3, *size), "right": torch.full((3, *size), 0.1 * i)} for i, size in enumerate(sizes)
    )
    moved = OtherRight(pairs)
    assert [tuple(moved[i]["right"].shape[1:]) for i in range(3)] == list(sizes)
    assert [round(moved[i]["right"].mean().item(), 3) for i in range(3)] == [0.1, 0.2, 0.0]
    assert torch.equal(moved[0]["right"], pairs[1]["right"]) and moved.fingerprint() != "pairs"
