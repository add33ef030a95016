"""The critic: its scores, its Lipschitz bound and its self-attention, written a second time."""

from __future__ import annotations

import pytest
import torch
from mobile_parts import picture
from tensors import randn
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from depthlib.papers.mobile.critic import Critic, SelfAttention


@pytest.mark.slow
def test_critic_scores_maps_of_the_papers_size_and_is_lipschitz() -> None:
    with FakeTensorMode(), torch.no_grad():
        assert Critic().eval()(torch.rand(2, 1, 224, 448)).shape == (2,)
    torch.manual_seed(0)
    critic = Critic(width=4, extra=0, image=True)
    depth = torch.rand(3, 1, 32, 48)
    for _ in range(30):
        scores = critic(depth, picture(3, 32, 48))
    assert scores.shape == (3,)
    convs = [layer for layer in critic.layers if isinstance(layer, nn.Conv2d)]
    assert [conv.stride for conv in convs] == [(2, 2)] * 4 + [(1, 1)]
    for conv in convs[:-1]:
        assert torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)
    with pytest.raises(ValueError, match="image: found none, expected one"):
        critic(depth)
    with pytest.raises(ValueError, match="sides of at least 64"):
        Critic(width=1)(torch.rand(1, 1, 32, 64))


def test_self_attention_starts_as_nothing_and_then_is_an_average() -> None:
    torch.manual_seed(0)
    attention, x = SelfAttention(8).double(), randn(2, 8, 3, 4)
    assert torch.equal(attention(x), x)
    attention.gamma.data.fill_(0.5)
    q, k, v = (conv(x).flatten(2) for conv in (attention.query, attention.key, attention.value))
    expected = x.flatten(2).clone()
    for b in range(2):
        for n in range(12):
            weight = torch.stack([(q[b, :, n] * k[b, :, m]).sum() for m in range(12)]).softmax(0)
            expected[b, :, n] += 0.5 * sum(weight[m] * v[b, :, m] for m in range(12))
    torch.testing.assert_close(attention(x), expected.view_as(x))
