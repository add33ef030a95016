"""A student is shrunk: what is kept, and what follows."""

from __future__ import annotations

import pytest
import torch
from mobile_parts import picture, small
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from depthlib.papers.mobile.network import MobileDepth
from depthlib.papers.mobile.surgery import blocks_of, conv_weights, shrink


@pytest.mark.slow
def test_student_can_be_shrunk() -> None:
    pytest.importorskip("torch_pruning")
    model, image = small("mobile").eval(), picture(1, 32, 32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    blocks = blocks_of(model, image)
    assert blocks["decoder.levels.0.0.expand.0"] == 336 and "out.0" not in blocks
    assert not any("conv_dw" in name or "shortcut" in name for name in blocks)  # they follow
    with FakeTensorMode():
        full = MobileDepth()
    assert len([m for m in full.modules() if isinstance(m, nn.Conv2d) and m.groups == 1]) == 50 and len(blocks) == 34
    name = "decoder.levels.1.0.expand.0"
    smaller = shrink(model, image, {name: 8, "encoder.steps.3.0.conv_pwl": 8})
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])  # the original is as it was
    norms = model.get_submodule(name).weight.flatten(1).norm(dim=1)
    survivors = norms.topk(8).indices.sort().values
    kept = smaller.decoder.levels[1][0]
    assert torch.equal(kept.expand[0].weight, model.decoder.levels[1][0].expand[0].weight[survivors])
    assert (kept.project[0].groups, kept.project[3].in_channels) == (8, 8)
    assert conv_weights(smaller) < conv_weights(model) == sum(p.numel() for p in model.parameters() if p.ndim == 4)
    assert smaller(image).shape == (1, 1, 32, 32)
    again = shrink(small("mobile"), image, {name: 8, "encoder.steps.3.0.conv_pwl": 8})
    again.load_state_dict(smaller.state_dict())
    assert torch.equal(again.eval()(image), smaller.eval()(image))
    assert smaller.attach_intermediate(2).predict(image).depths[2].shape == (1, 1, 32, 32)
    with pytest.raises(ValueError, match="'out.0': found width 1, expected 1 to nothing"):
        shrink(model, image, {"out.0": 1})
