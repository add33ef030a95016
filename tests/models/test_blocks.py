"""Blocks of networks: the check of images, heads for depth, and joined maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from depthlib.models import create_model
from depthlib.models.blocks import DepthHead, check_image, join


def test_check_image_says_how_to_fix_the_size() -> None:
    with pytest.raises(ValueError, match="image: found 100x130, expected .* multiples of 16: .* 112x144"):
        create_model("unet", width=1)(torch.rand(1, 3, 100, 130))
    with pytest.raises(TypeError, match="uint8"):
        check_image(torch.zeros(1, 3, 16, 16, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"image: found shape \[3, 16, 16\], expected \[B,3,H,W\]"):
        check_image(torch.zeros(3, 16, 16))
    with pytest.raises(ValueError, match="image: found 0x4, expected .* multiples of 1:"):
        check_image(torch.zeros(1, 3, 0, 4))


@pytest.mark.parametrize(
    ("activation", "depths"),
    [
        ("sigmoid", [0.5, 0.5 + 8 * 0.25, 4.5, 8.5]),
        ("log", [0.5, 0.5 * 17**0.25, (0.5 * 8.5) ** 0.5, 8.5]),
        ("exp", [0.5, 0.5, 1.0, 8.5]),
        ("relu", [0.5, 0.5, 0.5, 100.5]),
    ],
)
def test_heads_by_hand(activation: str, depths: list[float]) -> None:
    head = DepthHead(1, max_depth=8.5, min_depth=0.5, activation=activation, bias=False).double()
    nn.init.ones_(head.conv.weight)
    z = torch.tensor([-100.0, -np.log(3), 0.0, 100.0], dtype=torch.float64)  # sigmoid: 0, 1/4, 1/2, 1
    torch.testing.assert_close(head(z.view(1, 1, 2, 2)).flatten(), torch.tensor(depths, dtype=torch.float64))


@pytest.mark.parametrize("activation", ["sigmoid", "log", "exp", "relu"])
def test_heads_start_where_they_are_told(activation: str) -> None:
    head = DepthHead(4, max_depth=8.5, min_depth=0.5, activation=activation)
    head.start_at(3.2)
    depth = head(5 + torch.rand(1, 4, 2, 2))  # whatever the features are, and no part of the range is flat there
    torch.testing.assert_close(depth, torch.full((1, 1, 2, 2), 3.2))
    depth.sum().backward()
    assert head.conv.weight.grad.abs().min() > 0 and head.conv.bias.grad > 0
    for depth, bare in ((0.4, head), (3.2, DepthHead(4, max_depth=8.5, bias=False))):
        with pytest.raises(ValueError, match="(depth|start_at): found .*, expected"):
            bare.start_at(depth)


def test_head_ignores_autocast() -> None:
    head = DepthHead(32, max_depth=40.0)
    features = torch.rand(1, 32, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        depth = head(features)
    assert torch.equal(depth, head(features))


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "tanh"},
        {"min_depth": 50},
        {"min_depth": -1},
        {"min_depth": 0, "activation": "log"},
        {"min_depth": 0, "activation": "exp"},
    ],
)
def test_head_refuses(options: dict) -> None:
    with pytest.raises(ValueError, match="(activation|min_depth, max_depth): found .*, expected"):
        DepthHead(4, max_depth=40, **options)


def test_join_is_a_concatenation_whose_gradients_are_whole_tensors() -> None:
    parts = [
        torch.randn(2, channels, 4, 6).to(memory_format=torch.channels_last).requires_grad_() for channels in (3, 1, 4)
    ]
    weights, strides = torch.randn(2, 8, 4, 6).to(memory_format=torch.channels_last), []
    for part in parts:
        part.register_hook(lambda gradient: strides.append(gradient.is_contiguous(memory_format=torch.channels_last)))
    whole = join(parts)
    assert torch.equal(whole, torch.cat(parts, dim=1))
    found = torch.autograd.grad((whole * weights).sum(), parts)
    assert all(map(torch.equal, found, weights.split((3, 1, 4), dim=1))) and strides == [True] * 3
    with torch.no_grad():
        assert join(parts).grad_fn is None
