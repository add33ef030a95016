"""Layers with weights that hide nothing, and norm and ReLU written out."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def randomise(module: nn.Module) -> nn.Module:
    """Random weights and statistics of order 1, where zeros and ones would hide a mistake."""
    torch.manual_seed(0)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5) if name.endswith("running_var") else tensor.normal_()
    return module


def norm_relu(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Batch norm in evaluation and ReLU, written out."""
    mean, var, weight, bias = (t.view(-1, 1, 1) for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias))
    return ((x - mean) / (var + 1e-5).sqrt() * weight + bias).clamp_min(0)
