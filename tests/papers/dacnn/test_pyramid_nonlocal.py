"""The pyramid non-local block against its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from layers import norm_relu, randomise
from scipy.special import softmax
from torch import nn
from torch.autograd import gradcheck
from torch.nn import functional as F

from depthlib.papers.dacnn.pyramid_nonlocal import PyramidNonLocal


def cells(length: int, grid: int) -> list[slice]:
    return [slice(i * length // grid, -(-(i + 1) * length // grid)) for i in range(grid)]


@pytest.mark.parametrize("size", [(9, 12), (7, 5)])
def test_pyramid_block_is_its_formula(size: tuple[int, int]) -> None:
    module = randomise(PyramidNonLocal(6, 4)).double().eval()
    x = 0.3 * torch.randn(2, 6, *size, dtype=torch.float64)
    query = (
        norm_relu(F.conv2d(x, module.query_key[0].weight, module.query_key[0].bias), module.query_key[1])
        .detach()
        .numpy()
    )
    value = F.conv2d(x, module.value.weight, module.value.bias).detach().numpy()

    def anchors(a: np.ndarray) -> np.ndarray:
        grids = [(rows, columns) for g in (1, 3, 6, 8) for rows in cells(size[0], g) for columns in cells(size[1], g)]
        return np.stack([a[:, :, r, c].mean(axis=(2, 3)) for r, c in grids], axis=1)  # [B,S,k]

    q = query.reshape(2, 4, -1).transpose(0, 2, 1)
    attention = softmax(q @ anchors(query).transpose(0, 2, 1) / 2, axis=-1)  # k = 4, its root is 2
    assert attention.shape[-1] == 110
    context = (attention @ anchors(value)).transpose(0, 2, 1).reshape(2, 4, *size)
    np.testing.assert_allclose(module.context(x).detach().numpy(), context, rtol=1e-9)
    mapped = F.conv2d(torch.tensor(context), module.w.weight, module.w.bias)
    merged = F.conv2d(torch.cat([mapped, x], 1), module.merge[0].weight, module.merge[0].bias)
    torch.testing.assert_close(module(x), norm_relu(merged, module.merge[1]))


@pytest.mark.slow
def test_pyramid_block_starts_without_context_and_passes_gradcheck() -> None:
    module = PyramidNonLocal(4, dropout=0.0).double().eval()
    assert module.value.out_channels == 2
    x = torch.randn(1, 4, 3, 4, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(module(x), module.merge(torch.cat([torch.zeros_like(x), x], 1)))
    nn.init.normal_(module.w.weight)
    assert gradcheck(module, (x,))
