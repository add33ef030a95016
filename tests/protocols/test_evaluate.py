"""Evaluation of a data set: means, skipped images, and pooled pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from depthlib.protocols.evaluate import ProtocolErrors, evaluate
from depthlib.protocols.inference import measure
from depthlib.protocols.protocol import load_protocol
from depthlib.protocols.reduction import REDUCTIONS


def test_evaluation_pools_where_the_protocol_says_so():
    class Items(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            depth = torch.full((1, 4, 4), 2.0)
            depth[:, : 3 * index] = 0
            return {
                "image": torch.full((3, 4, 4), 0.3 - 0.1 * index),
                "depth": depth,
                "valid": depth > 0,
                "name": str(index),
            }

    class Red(nn.Module):
        def forward(self, image):
            return 10 * image[:, :1]

    pooled = load_protocol("fcrn-nyu")
    found, _ = evaluate(Red(), Items(), pooled)
    assert found.pixels == [16, 4] and found.metrics["abs_rel"] == pytest.approx([0.5, 0.0], abs=1e-6)
    assert found.means()["abs_rel"] == pytest.approx(0.4) and found.means()["rmse"] == pytest.approx(np.sqrt(0.8))
    assert evaluate(Red(), Items(), pooled.replace(reduction="mean over images"))[0].means()[
        "abs_rel"
    ] == pytest.approx(0.25)


class Doubling(nn.Module):
    """Depth is twice ten times the red channel."""

    def forward(self, image):
        return 20 * image[:, :1] + 0.0


class Items(torch.utils.data.Dataset):
    def __init__(self, empty=()):
        self.empty = empty

    def __len__(self):
        return 5

    def __getitem__(self, index):
        red = 0.1 + torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(index))
        depth = 10 * red * (0 if index in self.empty else 1)
        return {"image": red.repeat(3, 1, 1), "depth": depth, "valid": depth > 0, "name": f"n{index}"}


def test_mean_over_images_with_uneven_batches_and_a_counted_skip():
    result, kept = evaluate(Doubling(), Items(empty={1}), load_protocol("scenes"), batch_size=2, keep=3)
    assert result.images == ["n0", "n2", "n3", "n4"] and result.skipped == ["n1"]
    assert result.means()["abs_rel"] == pytest.approx(1.0, rel=1e-6)
    assert result.pixels == [16] * 4 and result.protocol == "scenes"
    assert torch.equal(
        kept, torch.stack([Doubling()(Items()[i]["image"][None])[0] for i in range(3)])
    )  # skipped or not


def test_true_depth_is_preferred_to_defective_labels():
    class Defective(Items):
        def __getitem__(self, index):
            item = super().__getitem__(index)
            return item | {"depth_true": item["depth"], "depth": torch.zeros_like(item["depth"])}

    assert len(evaluate(Doubling(), Defective(), load_protocol("scenes"))[0].images) == 5


def test_nothing_to_measure_is_an_error():
    with pytest.raises(ValueError, match="protocol scenes: found no valid pixel in 5 images"):
        evaluate(Doubling(), Items(empty=set(range(5))), "scenes")


def test_means_are_those_of_the_protocol():
    """Images with 16, 8, 16, ... valid pixels, whose errors differ: pooled over pixels, or the mean over images."""

    class Half(Items):
        def __getitem__(self, index):
            item = super().__getitem__(index)
            item["depth"][:, : 2 * (index % 2)] = 0
            return item | {"image": item["image"] * (1 + index)}

    protocol = load_protocol("scenes").replace(metrics=("rmse",))
    errors = {how: ProtocolErrors(protocol.replace(reduction=how)) for how in REDUCTIONS}
    found = measure(Doubling(), Half(), errors)
    pixels, rmse = np.array([16, 8, 16, 8, 16]), np.array(found["pooled pixels"].metrics["rmse"])
    assert found["pooled pixels"].pixels == pixels.tolist()
    assert found["pooled pixels"].means()["rmse"] == pytest.approx(np.sqrt((pixels * rmse**2).sum() / pixels.sum()))
    assert found["mean over images"].means()["rmse"] == pytest.approx(rmse.mean())
    assert found["mean over images, roots last"].means()["rmse"] == pytest.approx(np.sqrt((rmse**2).mean()))
