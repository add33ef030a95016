"""Attention maps by their definition and by hand."""

from __future__ import annotations

import pytest
import torch
from synergy_parts import picture, small
from torch.nn import functional as F

from depthlib.papers.synergy.attention_maps import activation_attention, for_display


@pytest.mark.slow
def test_attention_maps_are_sums_of_powers_of_the_first_up_convolution() -> None:
    model = small().eval()
    trunk, levels = model.levels(picture(), ("depth", "semantics"))
    maps = model.attention_maps(picture())
    assert list(maps) == ["backbone", "depth", "semantics"]
    for name, features in (("backbone", trunk), ("depth", levels["depth"][1]), ("semantics", levels["semantics"][1])):
        assert maps[name].shape == (2, 1, 64, 64)
        assert not maps[name].requires_grad
        large = F.interpolate((features.detach() ** 2).sum(1, keepdim=True), size=(64, 64), mode="bilinear")
        for ours, theirs in zip(maps[name], large, strict=True):
            torch.testing.assert_close(ours, (theirs - theirs.min()) / (theirs.max() - theirs.min()))
    assert not torch.equal(model.attention_maps(picture(), power=4)["depth"], maps["depth"])
    with pytest.raises(ValueError, match="power: found 0, expected a positive number"):
        activation_attention(trunk, 0)


def test_attention_map_by_hand() -> None:
    features = torch.tensor([1.0, -2.0, 3.0, 4.0]).view(1, 2, 1, 2)  # channels: (1, -2) and (3, 4)
    assert activation_attention(features).flatten().tolist() == [10.0, 20.0]
    assert activation_attention(features, 1).flatten().tolist() == [4.0, 6.0]
    assert for_display(torch.full((1, 1, 2, 2), 7.0), (4, 4)).unique().tolist() == [0.0]
