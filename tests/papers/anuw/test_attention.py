"""AWCA and PSNL by hand and by their formulas; and the n x n matrix of a quadrant is never made."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from devices import DEVICES
from scipy.special import softmax
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from depthlib.papers.anuw.attention import AWCA, PSNL, second_order_attention, second_order_attention_literal


def randomise(module: nn.Module) -> None:
    """Random weights of order 1 where the initialisation is 0, which would hide everything behind it."""
    for parameter in module.parameters():
        nn.init.normal_(parameter)


def test_awca_by_hand() -> None:
    module = AWCA(2).double()
    with torch.no_grad():
        module.score.weight.copy_(torch.tensor([1.0, 0.0]).view(1, 2, 1, 1))
        module.reduce.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))  # the second is negative: ReLU stops it
        module.expand.weight.copy_(torch.tensor([[1.0, 5.0], [-1.0, 5.0]]))
    # Scores are the first channel, 0 and ln 3: the pixels weigh 1/4 and 3/4.
    features = torch.tensor([[0.0, np.log(3)], [4.0, 8.0]], dtype=torch.float64).view(1, 2, 1, 2)
    z = 0.75 * np.log(3) + (0.25 * 4 + 0.75 * 8)
    v = 1 / (1 + np.exp([-z, z]))
    expected = features * torch.tensor(v).view(1, 2, 1, 1)
    torch.testing.assert_close(module(features), expected)
    torch.testing.assert_close(
        module.spatial_weights(features).flatten(), torch.tensor([0.25, 0.75], dtype=torch.float64)
    )


def test_awca_activation_is_relu_or_one_prelu_slope() -> None:
    features = torch.full((1, 16, 2, 2), -1.0)
    for prelu, hidden in ((False, 0.0), (True, 2 * -0.25 * 16)):
        module = AWCA(16, reduction=8, prelu=prelu)
        nn.init.ones_(module.reduce.weight)
        nn.init.ones_(module.expand.weight)
        expected = torch.full((1, 16), hidden).sigmoid()
        torch.testing.assert_close(module.channel_weights(features), expected)
    assert AWCA(64).reduce.out_features == 4
    assert AWCA(8).reduce.out_features == AWCA(32).reduce.out_features == 2


def test_awca_averages_a_full_size_map_in_full_precision_under_autocast() -> None:
    module = AWCA(16)
    nn.init.zeros_(module.score.weight)  # weights of 1/307200: float16 would round all of them up by 0.7 %
    nn.init.constant_(module.reduce.weight, 1 / 16)
    nn.init.constant_(module.expand.weight, 2)
    features = torch.rand(1, 16, 480, 640)
    with torch.no_grad(), torch.autocast("cpu", torch.float16):
        weights = module.channel_weights(features)
    expected = (4 * features.mean()).sigmoid().expand(1, 16)
    torch.testing.assert_close(weights.float(), expected, rtol=6e-4, atol=0)


@pytest.mark.parametrize("m", [2, 3, 4, 8, 9])
def test_attention_is_the_softmax_of_the_covariance_between_positions(m: int) -> None:
    generator = np.random.default_rng(m)
    b, d = generator.normal(size=(2, 7, m))
    expected = softmax(np.cov(b, bias=True), axis=-1) @ d
    for function in (second_order_attention, second_order_attention_literal):
        result = function(torch.tensor(b)[None], torch.tensor(d)[None])[0]
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("size", [(8, 10), (7, 9), (2, 2)])
def test_both_forms_of_psnl_agree_in_values_and_gradients(size: tuple[int, int], device: str) -> None:
    torch.manual_seed(0)
    quick, literal = PSNL(24).double().to(device), PSNL(24, literal=True).double().to(device)
    randomise(quick)
    literal.load_state_dict(quick.state_dict())
    results = []
    for block in (quick, literal):
        torch.manual_seed(1)
        features = torch.randn(2, 24, *size, dtype=torch.float64).to(device).requires_grad_()
        output = block(features)
        (output * torch.randn(output.shape, dtype=output.dtype).to(device)).sum().backward()
        results.append([output, features.grad, *(parameter.grad for parameter in block.parameters())])
    assert results[0][0].shape == (2, 24, *size)
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("stride", [1, 2])
def test_quadrants_do_not_interact_and_each_sees_all_of_itself(stride: int) -> None:
    torch.manual_seed(0)
    block = PSNL(16, stride=stride).double()
    randomise(block)
    features = torch.randn(1, 16, 9, 13, dtype=torch.float64)
    changed = features.clone()
    changed[..., 6, 2] += 1.0  # bottom left: rows 4 to 8, columns 0 to 5
    touched = (block(changed) != block(features)).any(dim=1)[0]
    expected = torch.zeros(9, 13, dtype=torch.bool)
    expected[4:, :6] = True
    assert torch.equal(touched, expected)


def test_psnl_starts_as_the_identity_but_can_leave_it() -> None:
    features = torch.randn(1, 16, 6, 6)
    block = PSNL(16)
    output = block(features)
    assert torch.equal(output, features)
    output.square().sum().backward()
    assert block.phi.weight.grad.abs().max() > 0


@pytest.mark.parametrize("stride", [2, 3])
def test_stride_changes_nothing_where_there_is_nothing_to_average(stride: int) -> None:
    torch.manual_seed(0)
    exact, coarse = PSNL(16).double(), PSNL(16, stride=stride).double()
    randomise(exact)
    coarse.load_state_dict(exact.state_dict())
    features = torch.randn(1, 16, 1, 1, dtype=torch.float64).expand(1, 16, 11, 14)
    torch.testing.assert_close(coarse(features), exact(features))


def test_attention_row_is_the_row_that_the_block_uses() -> None:
    torch.manual_seed(0)
    block = PSNL(16).double()
    randomise(block)
    features = 0.3 * torch.randn(2, 16, 5, 8, dtype=torch.float64)
    for row, column in ((0, 0), (1, 7), (4, 3), (2, 4)):
        attention = block.attention_row(features, row, column)
        assert attention.shape == (2, 1, 5, 8)
        u = (attention * block.g(features)).sum(dim=(2, 3))
        expected = features[..., row, column] + u @ block.phi.weight[:, :, 0, 0].T
        torch.testing.assert_close(block(features)[..., row, column], expected)


def test_attention_row_with_stride_is_constant_in_a_cell() -> None:
    block = PSNL(16, stride=2)
    attention = block.attention_row(torch.randn(1, 16, 10, 12), 8, 1)[0, 0]
    torch.testing.assert_close(attention.sum(), torch.tensor(1.0))
    assert attention[:5].eq(0).all()
    assert attention[:, 6:].eq(0).all()
    assert torch.equal(attention[5, 0], attention[6, 1])
    assert attention[5, 0] != attention[7, 0]


def test_narrow_psnl_keeps_two_channels() -> None:
    assert PSNL(8).theta.out_channels == 2
    assert PSNL(32).theta.out_channels == 4
    with pytest.raises(ValueError, match="found 1x8, expected at least 2x2"):
        PSNL(8)(torch.rand(1, 8, 1, 8))
    with pytest.raises(ValueError, match="stride: found 0, expected at least 1"):
        PSNL(8, stride=0)
    with pytest.raises(ValueError, match=r"pixel: found \(4, 0\), expected one inside the map of 4x4"):
        PSNL(8).attention_row(torch.rand(1, 8, 4, 4), 4, 0)


HEIGHT, WIDTH, CHANNELS = 64, 96, 16
POSITIONS = HEIGHT // 2 * WIDTH // 2  # of a quadrant


class LargestTensor(TorchDispatchMode):
    """Numbers in the largest tensor that was made."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        result = operation(*arguments, **(options or {}))
        sizes = [
            leaf.untyped_storage().nbytes() // leaf.itemsize
            for leaf in tree_leaves(result)
            if isinstance(leaf, torch.Tensor)
        ]
        self.largest = max([self.largest, *sizes])
        return result


def largest(literal: bool, backward: bool) -> int:
    torch.manual_seed(0)
    block = PSNL(CHANNELS, literal=literal)
    features = torch.randn(1, CHANNELS, HEIGHT, WIDTH, requires_grad=backward)
    with LargestTensor() as seen, torch.set_grad_enabled(backward):
        output = block(features)
        if backward:
            output.sum().backward()
    return seen.largest


@pytest.mark.parametrize("backward", [False, True])
def test_no_matrix_over_positions_is_made(backward):
    assert CHANNELS * HEIGHT * WIDTH <= largest(False, backward) < POSITIONS**2 / 4


@pytest.mark.slow
def test_the_measurement_sees_the_matrix_of_the_literal_form():
    """Without this the test above would also pass if nothing were measured at all."""
    assert largest(True, False) >= POSITIONS**2
