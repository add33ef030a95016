"""Atrous spatial pyramid pooling against its formula."""

from __future__ import annotations

import torch
from layers import norm_relu, randomise
from torch.nn import functional as F

from depthlib.models.aspp import ASPP


def test_aspp_is_its_formula() -> None:
    module = randomise(ASPP(4, 3, rates=(1, 2, 5))).double().eval()
    x = torch.randn(2, 4, 7, 9, dtype=torch.float64)
    parts = [norm_relu(F.conv2d(x, module.branches[0][0].weight), module.branches[0][1])]
    for branch, rate in zip(module.branches[1:], (2, 5), strict=True):
        assert branch[0].weight.shape[-2:] == (3, 3)
        parts.append(norm_relu(F.conv2d(F.pad(x, [rate] * 4), branch[0].weight, dilation=rate), branch[1]))
    mean = torch.einsum("oc,bc->bo", module.image_mean[0].weight[..., 0, 0], x.mean(dim=(2, 3)))
    parts.append(norm_relu(mean[:, :, None, None], module.image_mean[1]).expand_as(parts[0]))
    expected = norm_relu(F.conv2d(torch.cat(parts, 1), module.mix[0].weight), module.mix[1])
    torch.testing.assert_close(module(x), expected)
