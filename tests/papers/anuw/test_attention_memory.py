"""PSNL at a usual size must fit a laptop: the n x n matrix of a quadrant is never made.

What is counted is the largest tensor that any operation returns, which depends neither on the machine nor on its load.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from depthlib.papers.anuw.attention import PSNL

HEIGHT, WIDTH, CHANNELS = 64, 96, 16
POSITIONS = HEIGHT // 2 * WIDTH // 2        # of a quadrant


class LargestTensor(TorchDispatchMode):
    """Numbers in the largest tensor that was made."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        result = operation(*arguments, **(options or {}))
        sizes = [leaf.untyped_storage().nbytes() // leaf.itemsize for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
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
