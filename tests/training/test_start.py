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
    with pytest.raises(ValueError, match="depth: found items with image, pairs, expected labels in metres"):
        median_depth([{"image": torch.zeros(3, 4, 4), "pairs": torch.zeros(1, 5)}])


LITE = {"encoder": "efficientnet_lite0", "pretrained": True}
LOG = {"activation": "log", "min_depth": 0.5}
CASES = {
    "unet": ("unet", {"width": 4, "max_depth": 10.0}),
    "anuw": ("anu", {"width": 4, "max_depth": 40.0}),
    "anuw log": ("anu", {"width": 4, "max_depth": 40.0, **LOG}),
    "dacnn": ("dacnn", {"backbone": "efficientnet_lite0", "pretrained": True, "width": 0.125, "guidance_channels": 4}),
    "dacnn log": ("dacnn", {"backbone": "resnest14d", "width": 0.125, "guidance_channels": 4, **LOG}),
    "mobile": ("mobile", LITE),  # Table 2, in metres
    "nnconv5": ("nnconv5", LITE | {"width": 0.125}),  # Table 1, norm and ReLU
    "lr": ("lr_net", LITE | {"width": 0.125}),
    "dual": ("dual", {"encoder": "resnet18", "width": 0.125, "ratio": 2}),
    "synergy": ("synergy", {"trunk": "efficientnet_lite0", "pretrained": True, "width": 1 / 16, "head_bias": True}),
    "synergy exp": ("synergy", {"width": 1 / 16, "head_bias": True, "activation": "exp", "min_depth": 0.1}),
    "fcrn": ("fcrn", {"width": 1 / 16, "head_bias": True}),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), CASES.values(), ids=CASES)
def test_a_network_starts_at_the_median_and_learns_from_there(name: str, options: dict) -> None:
    """Before training it says the median everywhere, in training mode too; two steps later the image matters."""
    torch.manual_seed(0)
    model, image = create_model(name, **options), torch.rand(2, 3, 128, 128)
    assert start_at_median(model, Labels([3.0])) == 3.0
    with torch.no_grad():
        for depth in (model.eval()(image), model.train()(image)):
            assert depth.mean().item() == pytest.approx(3.0, rel=1e-4) and depth.std() < 1e-4
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    first = next(p for p in model.parameters() if p.requires_grad)
    for _ in range(2):
        optimizer.zero_grad()
        (model(image) - 4 * image.mean(1, keepdim=True)).square().mean().backward()
        optimizer.step()
    assert first.grad.abs().max() > 0 and model(image).std() > 1e-3


def test_networks_for_which_there_is_no_start_are_refused() -> None:
    with pytest.raises(ValueError, match="model: found Conv2d without a head"):
        start_at_median(nn.Conv2d(3, 1, 1), Labels([3.0]))
    with pytest.raises(ValueError, match="start_at: found a head without bias, expected one with bias=True"):
        start_at_median(create_model("synergy", width=1 / 16), Labels([3.0]))  # the head of the paper
    with pytest.raises(ValueError, match="model: found EncDecResNet without a head"):
        start_at_median(create_model("enc_dec_resnet", width=1 / 16), Labels([3.0]))  # relative depth alone
