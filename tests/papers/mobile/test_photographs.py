"""What of the mobile paper is made for real sets: sizes of photographs, pairs in them, depth without a unit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from depthlib.papers.mobile.own_size import OrderAtOwnSize, PairsAtSize, PairsSeen
from depthlib.papers.mobile.read_as_depth import ReadAsDepth
from depthlib.papers.mobile.transforms import Apart, ShortSide
from depthlib.protocols.inference import measure
from depthlib.protocols.scaling import NYU_MEAN, NYU_STD


class Photographs(torch.utils.data.Dataset):
    """Of two sizes; the point in the right half is farther."""

    def __init__(self, count: int = 4) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, object]:
        height, width = ((8, 12), (16, 6))[index % 2]
        pairs = torch.tensor([[1, 0, height - 1, width - 1, -1]])
        return {"image": torch.rand(3, height, width), "pairs": pairs, "name": str(index)}

    def fingerprint(self) -> str:
        return f"photographs {self.count}"


class RightIsFarther(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return torch.linspace(0, 1, image.shape[-1]).expand(len(image), 1, *image.shape[-2:])


def test_pairs_are_read_in_the_photograph() -> None:
    data = PairsAtSize(Photographs(), (4, 8))
    item = data[1]
    assert item["image"].shape == (3, 4, 8) and item["own"].tolist() == [16, 6]
    assert item["pairs"].tolist() == [[1, 0, 15, 5, -1]]
    found = measure(RightIsFarther(), data, {"x": OrderAtOwnSize()})["x"]
    assert found.metrics["whdr"] == [0, 0, 0, 0] and found.images == ["0", "1", "2", "3"]
    few = PairsAtSize(Photographs(), (4, 8), count=2)
    assert len(few) == 2 and few[-1]["name"] == "1" and few.fingerprint() != data.fingerprint()
    with pytest.raises(IndexError):
        few[2]


def test_pairs_that_are_learned_from_have_the_size_of_the_network() -> None:
    seen = PairsSeen(Photographs(), (2, 3))[1]  # of 16 x 6
    assert seen["image"].shape == (3, 2, 3) and seen["pairs"].tolist() == [[0, 0, 1, 2, -1]]
    assert "pairs_valid" not in seen and seen["name"] == "1"


def test_points_in_one_pixel_are_taken_apart() -> None:
    pairs = torch.tensor([[3, 2, 3, 2, 1], [0, 2, 0, 2, -1], [3, 2, 3, 3, 1]])
    seen = Apart()({"image": torch.zeros(3, 4, 4), "pairs": pairs, "pairs_valid": torch.tensor([False, False, True])})
    assert seen["pairs"].tolist() == [[2, 2, 3, 2, 1], [1, 2, 0, 2, -1], [3, 2, 3, 3, 1]]
    assert "pairs_valid" not in seen and pairs[0, 0] == 3, "the given sample stays"
    with pytest.raises(ValueError, match="a single row"):
        Apart()({"image": torch.zeros(3, 1, 4), "pairs": pairs[:1] * 0})


@pytest.mark.parametrize(
    ("size", "expected"), [((480, 640), (256, 341)), ((300, 200), (384, 256)), ((9, 9), (256, 256))]
)
def test_the_shorter_side(size: tuple[int, int], expected: tuple[int, int]) -> None:
    seen = ShortSide(256)({"image": torch.zeros(3, *size), "relative": torch.zeros(1, *size)})
    assert seen["image"].shape[1:] == seen["relative"].shape[1:] == expected
    with pytest.raises(ValueError, match="length: found 0"):
        ShortSide(0)


class Scene(torch.utils.data.Dataset):
    """A slope of 1 to 4 m, of which a quarter is not known."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> dict[str, object]:
        depth = torch.linspace(1, 4, 16).expand(1, 8, 16).clone()
        depth[..., :4] = 0
        return {"image": torch.zeros(3, 8, 16), "depth": depth, "valid": depth > 0, "name": "slope"}


class Says(nn.Module):
    def __init__(self, depth: Tensor) -> None:
        super().__init__()
        self.depth = depth

    def forward(self, image: Tensor) -> Tensor:
        return self.depth[None]


def test_three_readings_of_a_map() -> None:
    truth = torch.linspace(1, 4, 16).expand(1, 8, 16)
    metres = (truth - truth.mean()) / truth.std(correction=0) * NYU_STD + NYU_MEAN
    right = {"log": truth.log() + 200, "metres": 3 * truth}  # any factor is free, in either
    for output, said in right.items():
        found = measure(Says(said), Scene(), {"x": ReadAsDepth("mobile-mc", output)})["x"]
        assert found.metrics["si_rmse"] == pytest.approx([0], abs=1e-5)
    aligned = measure(Says(-7 + 0.1 * truth), Scene(), {"x": ReadAsDepth("mobile-mc", "aligned")})["x"]
    error = (metres.log() - truth.log())[..., 4:]
    assert aligned.metrics["si_rmse"] == pytest.approx([error.std(correction=0).item()], abs=1e-5)
    assert aligned.metrics["si_mse"] == pytest.approx([error.var(correction=0).item()], abs=1e-5)
    with pytest.raises(ValueError, match="output: found 'feet'"):
        ReadAsDepth("mobile-mc", "feet")
