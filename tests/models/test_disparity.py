"""Decoders and heads for disparity against their table."""

from __future__ import annotations

import pytest
import torch
from tensors import F64
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.disparity import DisparityDecoder, DisparityHead


def decoder_by_formula(decoder: DisparityDecoder, maps: list[Tensor]) -> tuple[list[Tensor], Tensor]:
    """The table of spec 1.3 with padding, activation and up-sampling spelled out."""

    def conv(layer: nn.Conv2d, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)

    def elu(layer: nn.Sequential, x: Tensor) -> Tensor:
        y = conv(layer[0], x)
        return torch.where(y > 0, y, torch.expm1(y.clamp(max=0)))

    x, disparities = maps[4], []
    for stage, skip in enumerate([maps[3], maps[2], maps[1], maps[0], None]):
        x = elu(decoder.reduce[stage], x).repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = elu(decoder.fuse[stage], x if skip is None else torch.cat([x, skip], 1))
        if stage > 0:
            disparities.insert(0, 10 / (1 + torch.exp(-conv(decoder.heads[stage - 1].conv, x))) + 0.01)
    return disparities, x


def test_decoder_is_its_table() -> None:
    torch.manual_seed(0)
    channels, widths = [3, 4, 5, 6, 7], [8, 7, 6, 5, 4]
    decoder = DisparityDecoder(channels, widths).double()
    for parameter in decoder.parameters():
        nn.init.normal_(parameter, std=0.2)
    maps = [torch.randn(2, c, 64 >> i, 96 >> i, dtype=F64) for i, c in enumerate(channels)]
    disparities, features = decoder_by_formula(decoder, maps)
    prediction = decoder(maps)
    torch.testing.assert_close(prediction.features, features)
    for ours, expected in zip(prediction.disparities, disparities, strict=True):
        torch.testing.assert_close(ours, expected)


def test_disparity_stays_between_its_bounds_and_ignores_autocast() -> None:
    decoder = DisparityDecoder([2] * 5, [2] * 5, min_depth=0.5, max_depth=20.0)
    head = decoder.heads[0]
    nn.init.zeros_(head.conv.weight)
    for bias, depth in ((-100.0, 20.0), (100.0, 0.5), (0.0, 2 / (1 / 20 + 1 / 0.5))):
        nn.init.constant_(head.conv.bias, bias)
        torch.testing.assert_close(1 / head(torch.rand(1, 2, 4, 4)), torch.full((1, 1, 4, 4), depth))
    nn.init.normal_(head.conv.weight)
    features = torch.rand(1, 2, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(head(features), head(features.float())) and head(features).dtype == torch.float32
    outside = head(features)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(head(features), outside)


def test_disparity_heads_start_where_they_are_told() -> None:
    head = DisparityHead(4, 0.5, 80.0)
    head.start_at(12.0)
    torch.testing.assert_close(1 / head(5 + torch.rand(1, 4, 3, 3)), torch.full((1, 1, 3, 3), 12.0))
    with pytest.raises(ValueError, match="depth: found 90 m, expected one inside 0.5 to 80 m"):
        head.start_at(90.0)
