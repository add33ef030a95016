"""A finished network that is asked the same twice."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from depthlib.papers.dacnn.windows import Windowed
from depthlib.protocols.remembering import remembering


class Counted(nn.Module):
    """Depth is the sum of all views; counts how often it computes."""

    inputs = ("image", "right")

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, *views: Tensor) -> Tensor:
        self.calls += 1
        return sum(views).sum(dim=1, keepdim=True)


def test_the_same_views_are_computed_once_and_any_other_again():
    model, (a, b) = Counted().eval(), torch.rand(2, 2, 3, 8, 8)
    with remembering(model):
        first = model(a, b)
        assert torch.equal(model(a.clone(), b.contiguous(memory_format=torch.channels_last)), first) and model.calls == 1
        model(b, a)                                     # another order
        model(a)                                        # fewer views
        model(a + 1e-6, b)
        model(a[:1], b[:1])
        model(a.view(1, 6, 8, 8), b.view(1, 6, 8, 8))   # the same numbers in another shape
        assert model.calls == 6
    model(a, b)
    assert model.calls == 7 and "forward" not in vars(model)


def test_who_changes_an_answer_changes_nobody_elses():
    model, image = Counted().eval(), torch.ones(1, 3, 4, 4)
    with remembering(model):
        model(image)
        model(image).zero_()
        assert model(image).unique().tolist() == [3.0]


def test_a_network_in_training_and_one_that_failed():
    model = Counted().train()
    with pytest.raises(RuntimeError, match="stop"), remembering(model):
        model(torch.ones(1, 3, 4, 4))
        model(torch.ones(1, 3, 4, 4))
        assert model.calls == 2
        raise RuntimeError("stop")
    assert "forward" not in vars(model)


def test_windows_that_several_protocols_look_through_are_computed_once():
    model, image = Counted().eval(), torch.rand(1, 3, 8, 12)
    with remembering(model):
        first = Windowed(model, (4, 4)).eval()(image, image)
        calls = model.calls
        assert torch.equal(Windowed(model, (4, 4)).eval()(image, image), first) and model.calls == calls > 1
