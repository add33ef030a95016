"""Heads that start at the median of the labels."""

import pytest
import torch
from torch import nn

from depthlib.models import create_model
from depthlib.training.start import MOST_ITEMS, median_depth, start_at_median


class Labels(torch.utils.data.Dataset):
    """Items of one value each; the defective last half of each map must not count."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        depth = torch.full((1, 4, 4), self.values[i])
        depth[:, 2:] = 99.0
        return {"depth": depth, "valid": depth < 99}


def test_the_median_is_that_of_the_valid_labels() -> None:
    assert median_depth(Labels([1.0, 5.0, 2.0])) == 2.0
    many = Labels([1 + i / 100 for i in range(3 * MOST_ITEMS)])
    assert median_depth(many) == pytest.approx(1 + 0.015 * MOST_ITEMS, rel=0.01)
    with pytest.raises(ValueError, match="depth: found no valid label"):
        median_depth(Labels([0.0]))


@pytest.mark.parametrize(("name", "options"), [
    ("unet", {"width": 4, "max_depth": 10.0}), ("unet", {"width": 4, "activation": "log", "min_depth": 0.3, "max_depth": 10.0}),
])
def test_a_network_starts_near_the_median(name: str, options: dict) -> None:
    torch.manual_seed(0)
    model = create_model(name, **options)
    assert start_at_median(model, Labels([3.0])) == 3.0
    with torch.no_grad():
        depth = model.eval()(torch.rand(1, 3, 32, 32))
    assert depth.median().item() == pytest.approx(3.0, rel=0.5)


def test_a_network_without_such_a_head_is_refused() -> None:
    with pytest.raises(ValueError, match="model: found Conv2d without a head"):
        start_at_median(nn.Conv2d(3, 1, 1), Labels([3.0]))
