"""The gradient loss: what it does not see."""

from __future__ import annotations

import pytest
import torch
from loss_maps import random_maps

from depthlib.losses import gradient_loss


def test_gradient_loss_ignores_a_common_shift_and_isolated_pixels() -> None:
    pred, target, valid = random_maps()
    assert gradient_loss(pred + 3, target, valid).item() == pytest.approx(gradient_loss(pred, target, valid).item())
    chess = (torch.arange(13)[:, None] + torch.arange(14)) % 2 == 0
    assert gradient_loss(pred, target, chess.expand_as(valid)) == 0
