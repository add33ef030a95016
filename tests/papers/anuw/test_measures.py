"""The truth inside the gaps alone, and PSNL without its affinities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from small_models import small
from torch import nn
from torch.utils.data import Dataset

from depthlib.papers.anuw.attention import second_order_attention_literal
from depthlib.papers.anuw.measures import BordersOnly, GapsOnly, PSNLWithoutAffinities, near_steps, uniform_attention
from depthlib.protocols.inference import measure


class Frames(Dataset):
    """Depth is 10 m times the red channel; where blue is high the label is missing."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> dict:
        image = torch.rand(3, 32, 48, generator=torch.Generator().manual_seed(index))
        true, gap = 10 * image[:1] + 0.5, image[2:] > 0.7
        depth = torch.where(gap, 0, true)
        return {"image": image, "depth": depth, "depth_true": true, "defect": gap, "name": f"s{index}"}


def test_gaps_only_keeps_the_truth_of_the_gaps() -> None:
    gaps, item = GapsOnly(Frames()), Frames()[2]
    found = gaps[2]["depth_true"]
    assert len(gaps) == 3 and torch.equal(found > 0, item["defect"])
    assert torch.equal(found[item["defect"]], item["depth_true"][item["defect"]])

    class Whole(Frames):
        def __getitem__(self, index: int) -> dict:
            return {key: value for key, value in super().__getitem__(index).items() if key != "defect"}

    with pytest.raises(ValueError, match="image 's1': found no 'defect'"):
        GapsOnly(Whole())[1]


def test_borders_are_what_lies_beside_a_step() -> None:
    """A wall at 5 m before a background at 10 m, a strip without depth, and a slope without a step."""
    depth = torch.full((1, 12, 20), 10.0)
    depth[..., :8] = 5.0
    depth[..., 16:] = 0.0
    beside = near_steps(depth, 2)
    assert beside.flatten(0, 1).any(0).nonzero().flatten().tolist() == [6, 7, 8, 9]
    assert not near_steps(torch.linspace(5, 6, 20).expand(1, 12, 20), 2).any()
    footprint = ndimage.maximum_filter(depth[0], 5) > 1.25 * ndimage.minimum_filter(
        np.where(depth[0] > 0, depth[0], np.inf), 5
    )
    np.testing.assert_array_equal(beside[0].numpy(), footprint & (depth[0] > 0).numpy())
    item = BordersOnly(Frames())[1]
    assert torch.equal(item["depth_true"] > 0, near_steps(Frames()[1]["depth_true"], 2))


def test_uniform_attention_is_that_of_descriptors_that_say_nothing() -> None:
    """Equal rows of B give equal affinities, whatever D is."""
    d = torch.randn(2, 6, 3, dtype=torch.float64)
    torch.testing.assert_close(uniform_attention(d, d), second_order_attention_literal(torch.ones_like(d), d))


@pytest.mark.slow
def test_affinities_are_taken_away_from_the_trained_network_and_from_nothing_else() -> None:
    """Silent descriptors: uniform changes nothing. A silent output: nothing changes anything."""
    protocol = "anuw-streets+max_depth=12.0"
    changes = {}
    for silent in ("theta", "phi", "neither"):
        model = small("anu", activation="log", min_depth=0.3, max_depth=12.0)
        nn.init.normal_(model.psnl.phi.weight, std=30.0)
        nn.init.normal_(model.psnl.theta.weight, std=500.0)
        if silent != "neither":
            nn.init.zeros_(getattr(model.psnl, silent).weight)
        found = measure(model, Frames(), {"a": PSNLWithoutAffinities(protocol)})["a"]
        assert found.images == ["s0", "s1", "s2"]
        as_trained, uniform, off = (found.metrics[f"abs_rel{ending}"] for ending in ("", "_uniform", "_off"))
        changes[silent] = [max(abs(x - y) for x, y in zip(as_trained, other, strict=True)) for other in (uniform, off)]
    assert max(changes["phi"]) == 0 and changes["theta"][0] < 1e-5
    assert changes["theta"][1] > 1e-4 and min(changes["neither"]) > 1e-4
    with pytest.raises(ValueError, match="model: found a ANU without PSNL"):
        measure(small("anu", psnl=False), Frames(), {"a": PSNLWithoutAffinities(protocol)})
