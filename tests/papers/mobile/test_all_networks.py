"""What all networks of the mobile paper have in common: their contract, and the sizes and costs of Tables 7 and 8."""

from __future__ import annotations

import math

import pytest
import torch
from devices import DEVICES
from mobile_parts import LINEAR, SMALL, picture, small
from sizes import parameters
from tensors import F64, randn
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from depthlib.models import create_model
from depthlib.models.diw_hourglass import DIWHourglass
from depthlib.models.midas import Midas
from depthlib.papers.mobile.critic import Critic
from depthlib.papers.mobile.network import MobileDepth
from depthlib.papers.mobile.nnconv5 import NNConv5Net


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "count", "printed", "gigamacs"),
    [
        ("mobile", {}, 2_561_665, 2.5, 0.68),
        ("enc_dec_resnet", {}, 53_158_977, 53.1, None),
        ("diw_hourglass", {}, 5_357_153, 5.3, 40.3),
        ("midas", {}, 21_320_545, 21.3, 4.6),
        ("midas", {"variant": "large"}, 105_362_945, 105.3, None),
    ],
)
def test_table_7_truncates(name: str, options: dict, count: int, printed: float, gigamacs: float | None) -> None:
    with FakeTensorMode(), torch.no_grad():
        model = create_model(name, **options).eval()
        assert parameters(model) == count
        if gigamacs is not None:  # Table 8: at 256x256
            with FlopCounterMode(display=False) as counter:
                depth = model(torch.rand(1, 3, 256, 256))
            assert depth.shape == (1, 1, 256, 256)
            assert counter.get_total_flops() / 2e9 == pytest.approx(gigamacs, rel=0.01)
    assert math.floor(10 * count / 1e6) / 10 == printed  # 2.6 of our own row is rounded


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SMALL)
def test_contract(name: str, device: str) -> None:
    model = small(name, **LINEAR.get(name, {})).to(device)
    if name == "midas":
        nn.init.constant_(model.head[0].bias, 1.0)  # its ReLU is open
    depth = model(picture(2).to(device))
    assert (depth.shape, depth.dtype) == ((2, 1, 64, 96), torch.float32)
    assert depth.isfinite().all() and depth.std() > 0
    model.eval()
    with torch.no_grad():
        exact = model(picture(2).to(device))
        assert (exact[:1] - model(picture(2)[:1].to(device))).abs().max() < 1e-4 * exact.std()  # images do not mix
        last = model.to(memory_format=torch.channels_last)(picture(2).to(device, memory_format=torch.channels_last))
        assert (exact - last).abs().max() < 1e-3 * exact.std()
        with torch.autocast(device, torch.bfloat16):
            rough = model(picture(2).to(device))
    assert rough.dtype == torch.float32
    assert (rough.bfloat16() != rough).float().mean() > 0.5  # the last layer does not round to eight bits
    with pytest.raises(ValueError, match="multiples of"):
        model(picture(1, 50, 96).to(device))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_learns(name: str) -> None:
    model = small(name, **LINEAR.get(name, {})).double()
    if name == "midas":
        nn.init.constant_(model.head[0].bias, 1.0)  # its ReLU is open
    (model(picture(2, dtype=F64)) * randn(2, 1, 64, 96)).sum().backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.startswith("fusions.3.left"):
            assert parameter.grad is None  # never run in the published network either
        elif not (
            name in ("enc_dec_resnet", "diw_hourglass") and parameter_name.endswith("bias")
        ):  # in front of a norm
            assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.slow
def test_metric_output_is_not_negative_and_relative_output_is_unbounded() -> None:
    assert (small("nnconv5")(picture()) >= 0).all() and (small("fastdepth")(picture()) >= 0).all()
    assert (small("midas")(picture()) <= 0).all()  # minus inverse depth: larger = farther
    for name in ("mobile", "nnconv5", "enc_dec_resnet", "diw_hourglass"):
        z = small(name, **LINEAR.get(name, {}))(picture())
        assert z.min() < z.mean() < z.max()
        assert (z - z.mean()).min() < 0
    assert any((small("mobile")(picture(seed)) < 0).any() for seed in (1, 2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (MobileDepth, {"encoder": "vgg"}, "encoder: found .*, expected one of .*mobilenet_v2"),
        (MobileDepth, {"intermediate": 3}, "found 3, expected 0, 1 or 2"),
        (MobileDepth, {"skips": 3}, "found 3, expected 4 or 5"),
        (MobileDepth, {"fuse": "mul"}, "found 'mul', expected one of concat, add"),
        (MobileDepth, {"enlarge": "cubic"}, "found 'cubic', expected one of nearest, bilinear"),
        (MobileDepth, {"middle": "both"}, "found 'both', expected one of input, output"),
        (MobileDepth, {"kernel": 4}, "an odd number"),
        (NNConv5Net, {"skips": "add"}, "or skips='concat'"),
        (NNConv5Net, {"output": "exp"}, "found 'exp', expected one of relu, linear"),
        (DIWHourglass, {"width": 0.01}, "at least 1/16"),
        (Midas, {"variant": "huge"}, "variant: found 'huge', expected one of small, large"),
        (Critic, {"extra": -1}, "extra: found 64 and -1"),
    ],
)
def test_networks_refuse(model: type, options: dict, message: str) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        model(**options)
    with torch.device("meta"), pytest.raises(TypeError, match="expnsion"):
        MobileDepth(expnsion=4)
