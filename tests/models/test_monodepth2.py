"""Monodepth2 and its like: sizes, costs and widths."""

from __future__ import annotations

import pytest
import torch
from dual_parts import NARROW
from sizes import gigamacs, parameters
from torch._subclasses.fake_tensor import FakeTensorMode

from depthlib.models import create_model
from depthlib.models.monodepth2 import Monodepth2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "count", "cost", "published"),
    [
        ({"bottleneck": True}, 16_689_044, 32.36, (16.43, 33.11)),
        ({"encoder": "mobilenet_v2"}, 5_300_820, 16.53, (5.37, 17.02)),
        ({}, 14_329_236, 31.25, None),
        ({"encoder": "resnet50"}, 32_522_132, 64.56, None),
    ],
)
def test_baselines_have_the_size_and_the_cost_of_table_7(options, count, cost, published) -> None:
    with FakeTensorMode(), torch.no_grad():
        model = create_model("monodepth2", **options).eval()
        found = gigamacs(model, 384, 1248)
    assert parameters(model) == count
    assert found == pytest.approx(cost, abs=0.005)
    if published:
        assert count / 1e6 / published[0] == pytest.approx(1, abs=0.03)
        assert found / published[1] == pytest.approx(1, abs=0.03)


def test_width_makes_networks_small_and_options_are_checked() -> None:
    assert parameters(create_model("lr_net", **NARROW)) < 0.02 * 14_329_236
    with pytest.raises(ValueError, match="encoder: found 'vgg', expected one of resnet18, resnet50, mobilenet_v2"):
        Monodepth2(encoder="vgg")
    with pytest.raises(ValueError, match="min_depth, max_depth: found 0 and 10, expected 0 < min_depth < max_depth"):
        Monodepth2(**NARROW, min_depth=0, max_depth=10)
