"""Images at the size of a network, truth at its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import Dataset

from depthlib.data.network_size import AtNetworkSize


class Frames(Dataset):
    """Ramps of two sizes."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict[str, Any]:
        height, width = ((37, 122), (48, 128))[index]
        ramp = torch.linspace(0, 1, width).expand(1, height, width)
        K = torch.tensor([[60.0, 0, 60.5], [0, 60, 18], [0, 0, 1]])
        return {"image": ramp.expand(3, -1, -1), "depth": 1 + ramp, "K": K, "name": str(index)}

    def fingerprint(self) -> str:
        return "ramps"


def test_the_truth_stays_as_it_is() -> None:
    before, after = Frames()[0], AtNetworkSize(Frames(), multiple=16)[0]
    assert after["image"].shape == (3, 48, 128) and torch.equal(after["depth"], before["depth"])
    bilinear = F.interpolate(before["image"][None], (48, 128), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(after["image"], bilinear)
    # a point at infinity on the right edge of the image stays there
    for item in (before, after):
        ray = torch.linalg.inv(item["K"]) @ torch.tensor([item["image"].shape[-1] - 0.5, 0, 1])
        assert float(ray[0]) == pytest.approx((121.5 - 60.5) / 60)


def test_what_fits_already_is_left_alone() -> None:
    assert torch.equal(AtNetworkSize(Frames(), multiple=16)[1]["image"], Frames()[1]["image"])
    assert AtNetworkSize(Frames(), size=(24, 64))[1]["image"].shape == (3, 24, 64)


def test_sets_that_differ_in_size_differ_in_fingerprint() -> None:
    sets = (
        AtNetworkSize(Frames(), multiple=16),
        AtNetworkSize(Frames(), multiple=32),
        AtNetworkSize(Frames(), size=(16, 16)),
    )
    assert len({data.fingerprint() for data in sets}) == 3


@pytest.mark.parametrize("options", [{}, {"size": (16, 16), "multiple": 16}, {"multiple": 0}])
def test_a_size_or_a_multiple(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="size, multiple: found"):
        AtNetworkSize(Frames(), **options)
