"""The block of FBNet against its formula, written a second time."""

from __future__ import annotations

import pytest
import torch
from tensors import randn
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.papers.mobile.fbnet import FBNetBlock


@pytest.mark.parametrize(("middle", "mid"), [("input", 24), ("output", 16)])
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("shortcut", [True, False])
def test_fbnet_block_is_its_formula(up: bool, shortcut: bool, middle: str, mid: int) -> None:
    torch.manual_seed(0)
    block = FBNetBlock(8, 5, up=up, shortcut=shortcut, middle=middle, kernel=5).double().eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    x = randn(2, 8, 4, 6)

    def norm(x: Tensor, bn: nn.BatchNorm2d) -> Tensor:
        return (x - bn.running_mean.view(-1, 1, 1)) / (bn.running_var.view(-1, 1, 1) + bn.eps).sqrt()

    def larger(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3) if up else x

    assert block.expand[0].out_channels == mid
    y = norm(torch.einsum("oi,bihw->bohw", block.expand[0].weight[..., 0, 0], x), block.expand[1]).relu()
    windows = F.unfold(larger(y), 5, padding=2).view(2, mid, 25, -1)
    y = torch.einsum("ck,bckn->bcn", block.project[0].weight.flatten(1), windows).view_as(larger(y))
    y = norm(y, block.project[1]).relu()
    y = norm(torch.einsum("oi,bihw->bohw", block.project[3].weight[..., 0, 0], y), block.project[4])
    if shortcut:
        y = y + larger(torch.einsum("oi,bihw->bohw", block.shortcut.weight[..., 0, 0], x))
    torch.testing.assert_close(block(x), y)
