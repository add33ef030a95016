"""ANU: which nodes attend, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from small_models import nested_by_formula, small
from torch import nn

from depthlib.models import create_model
from depthlib.papers.anuw.network import AWCA_NODES


@pytest.mark.slow
def test_awca_replaces_its_nodes_wherever_they_are_used() -> None:
    model = small("anu", psnl=False).eval()
    assert tuple(model.awca) == AWCA_NODES
    for module in model.awca.values():
        nn.init.zeros_(module.expand.weight)  # sigmoid(0): every channel is halved
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        expected = model.head(nested_by_formula(model, image, dict.fromkeys(AWCA_NODES, 0.5)))
        torch.testing.assert_close(model(image), expected)
    weights = model.channel_weights(image)
    assert {name: value.shape[1] for name, value in weights.items()} == {n: 8 * 2 ** int(n[0]) for n in AWCA_NODES}
    assert all((value == 0.5).all() for value in weights.values())


def test_anu_refuses_nodes_that_do_not_exist_and_attention_that_is_off() -> None:
    with pytest.raises(ValueError, match="awca_nodes: found '50', expected some of 00, "):
        create_model("anu", width=8, awca_nodes=["00", "50"])
    with pytest.raises(ValueError, match="psnl: found a network without it"):
        small("anu", psnl=False).attention_row(torch.rand(1, 3, 16, 16), 0, 0)


def test_reductions_set_the_hidden_channels_of_narrow_networks() -> None:
    usual, wider = small("anu"), small("anu", awca_reduction=4, psnl_reduction=2)
    assert [model.awca["40"].reduce.weight.shape[0] for model in (usual, wider)] == [8, 32]  # of 128 channels
    assert [model.psnl.theta.weight.shape[0] for model in (usual, wider)] == [2, 4]  # M of 8 channels
