"""The dual network: sizes and costs of Table 7, its contract, and its parts put together."""

from __future__ import annotations

import pytest
import torch
from devices import DEVICES
from dual_parts import NARROW, dual
from sizes import gigamacs, parameters
from tensors import F64
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from depthlib.models import create_model
from depthlib.models.monodepth2 import Monodepth2
from depthlib.models.pose_net import PoseNet
from depthlib.models.pose_resnet import PoseResNet
from depthlib.papers.dual.network import DualNet, HRNet, LRNet
from depthlib.papers.dual.self_assembly import SAAttention


@pytest.mark.slow
def test_the_dual_network_has_the_size_and_the_cost_of_table_7() -> None:
    with FakeTensorMode(), torch.no_grad():
        model = create_model("dual").eval()
        parts = [parameters(part) for part in (model.low, model.link, model.high)]
        assert parts == [32_522_132, 131_456, 1_501_268]
        cost = gigamacs(model.both, 384, 1248)
        assert cost == pytest.approx(25.70, abs=0.005)
        assert gigamacs(model, 384, 1248) == pytest.approx(22.863, abs=0.001)  # without LR-Net's decoder
        assert gigamacs(model.low, 128, 416) == pytest.approx(7.173, abs=0.001)
    assert sum(parts) / 34.16e6 == pytest.approx(1, abs=0.005)
    assert cost / 25.80 == pytest.approx(1, abs=0.01)


def test_other_links_and_pose_networks_have_their_sizes() -> None:
    with torch.device("meta"):
        sizes = {link: parameters(DualNet(link=link)) for link in ("sa", "features", "reduced")}
        assert sizes["features"] - parameters(LRNet()) - 1_501_268 == 3 * 3 * 128 * (2048 - 64)
        assert sizes["sa"] - sizes["reduced"] == 5 * 64
        assert parameters(PoseNet()) == 1_590_668
        assert parameters(PoseResNet()) == 11_176_512 + 9408 + 1_313_030  # ResNet-18, 3 channels more, the decoder


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("monodepth2", NARROW | {"bottleneck": True}, (64, 96)),
        ("monodepth2", {"encoder": "mobilenet_v2", "width": 0.25}, (64, 96)),
        ("lr_net", {"width": 0.0625}, (64, 96)),
        ("dual", NARROW | {"ratio": 2}, (128, 192)),
        ("dual", NARROW | {"ratio": 2, "link": "features", "frozen": False}, (128, 192)),
        ("dual", NARROW | {"ratio": 2, "sa_grid": "high", "normaliser": "softmax"}, (128, 192)),
        ("video", {"depth": "lr_net", "depth_options": NARROW}, (96, 128)),
    ],
)
def test_contract(name: str, options: dict, size: tuple[int, int], device: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, **options).to(device)
    image = torch.rand(2, 3, *size, device=device)
    depth = model(image)
    assert depth.shape == (2, 1, *size)
    assert depth.dtype == torch.float32
    assert depth.isfinite().all() and (depth >= 1 / 10.01).all() and (depth <= 100).all()
    prediction = model.predict(image)
    assert [list(d.shape) for d in prediction.disparities] == [[2, 1, size[0] >> s, size[1] >> s] for s in range(4)]
    assert prediction.features.shape[0] == 2 and prediction.features.shape[2:] == size


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        Monodepth2(**NARROW, bottleneck=True),
        dual(frozen=False),
        dual(frozen=False, link="reduced"),
        dual(frozen=False, link="features"),
    ],
    ids=["monodepth2", "sa", "reduced", "features"],
)
def test_every_parameter_learns(model: nn.Module) -> None:
    torch.manual_seed(0)
    model.double().train()
    for head in [m for m in model.modules() if isinstance(m, SAAttention)]:
        nn.init.normal_(head.embed.weight, std=0.3)
    image = torch.rand(2, 3, 128, 128, dtype=F64)
    predictions = model.both(image) if isinstance(model, DualNet) else (model.predict(image),)
    sum((d * torch.rand_like(d)).sum() for p in predictions for d in p.disparities).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_depth_starts_in_the_middle_of_its_range(seed: int) -> None:
    """Near either end the sigmoid has no slope, and after normalisation nothing leads back: whole trainings stayed flat
    there.
    """
    torch.manual_seed(seed)
    image = torch.rand(2, 3, 64, 128)
    message = torch.randn(2, 16, 2, 4)
    for prediction in (
        Monodepth2(encoder="resnet18", width=0.25).predict(image),
        HRNet(16, width=0.25)(image, message),
    ):
        for disparity in prediction.disparities:
            z = torch.logit((disparity - 0.01) / 10)
            assert z.abs().max() < 1.5 and z.std() > 0.01


def test_reflection_keeps_a_plain_image_plain_and_zeros_do_not() -> None:
    """Padding by zeros anywhere would show at the border of a constant image."""
    torch.manual_seed(0)
    plain = torch.full((1, 3, 64, 96), 0.7, dtype=F64)
    high = HRNet(4, width=0.125).double()
    disparity = high(plain, torch.full((1, 4, 2, 3), 0.3, dtype=F64)).disparities
    assert all(torch.allclose(d, d[..., :1, :1].expand_as(d), atol=1e-12) for d in disparity)
    d = Monodepth2(**NARROW).double().eval().predict(plain).disparities[0]  # zeros in the encoder
    assert not torch.allclose(d, d[..., :1, :1].expand_as(d), atol=1e-12)


def test_dual_is_its_parts_put_together() -> None:
    model = dual(ratio=3).double().eval()
    image = torch.rand(1, 3, 192, 192, dtype=F64)
    small = image.view(1, 3, 64, 3, 64, 3).mean(dim=(3, 5))
    normalise = model.low.encoder.normalise
    with torch.no_grad():
        deepest = model.low.encoder(small)[-1]
        message = model.link(deepest, normalise(small)).repeat_interleave(3, 2).repeat_interleave(3, 3)
        expected = model.high(normalise(image), message)
        low, high = model.both(image)
        for ours, theirs_ in ((high, expected), (model.predict(image), expected), (low, model.low.predict(small))):
            for a, b in zip(ours.disparities, theirs_.disparities, strict=True):
                torch.testing.assert_close(a, b)
        torch.testing.assert_close(model(image), 1 / expected.disparities[0])
        # In the other order: enlarge, then attend; places and colours are then finer.
        model.sa_grid = "high"
        finer = model.message(small, deepest)
        enlarged = deepest.repeat_interleave(3, 2).repeat_interleave(3, 3)
        torch.testing.assert_close(finer, model.link(enlarged, normalise(small)))
        assert finer.shape == message.shape and not torch.allclose(finer, message)
        assert model.attention_map(image, 100, 33).shape == (1, 1, 6, 6)


@pytest.mark.slow
def test_frozen_lr_net_does_not_move_in_training() -> None:
    for frozen in (True, False):
        model = dual(frozen=frozen).train()
        assert model.low.training != frozen and model.high.training
        before = {name: value.clone() for name, value in model.low.state_dict().items()}
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        model(torch.rand(2, 3, 128, 128)).sum().backward()
        optimizer.step()
        moved = any(not torch.equal(before[name], value) for name, value in model.low.state_dict().items())
        assert moved != frozen
        assert all(p.grad is not None for p in [*model.link.parameters(), *model.high.encoder.parameters()])
    stage_one = LRNet(**NARROW)
    model.low.load_state_dict(stage_one.state_dict())  # strict: stage one is exactly this part


def test_attention_map_of_the_dual_network_finds_the_cell_of_a_pixel() -> None:
    model = dual().eval()
    image = torch.rand(1, 3, 128, 192)  # cells of 64 pixels: 2 x 3
    with torch.no_grad():
        small = model.small(image)
        features = model.low.encoder(small)[-1]
        expected = model.link.attention_map(features, model.low.encoder.normalise(small), 1, 2)
    torch.testing.assert_close(model.attention_map(image, 64, 191), expected)
    with pytest.raises(ValueError, match=r"pixel: found \(128, 0\), expected one inside the image of 128x192"):
        model.attention_map(image, 128, 0)
    with pytest.raises(ValueError, match="without SA-Attention"):
        dual(link="reduced").attention_map(image, 0, 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ratio": 1.5}, "ratio: found 1.5, expected a whole number of at least 1"),
        ({"link": "add"}, "link: found 'add', expected one of sa, features, reduced, none"),
        ({"sa_grid": "mid"}, "sa_grid: found 'mid', expected one of low, high"),
        ({"normaliser": "max"}, "normaliser: found .*, expected one of"),
        ({"width": 0.001}, "width: found 0.001, expected at least 1/64"),
    ],
)
def test_dual_refuses(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dual(**options)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="image: found 128x160, expected .* multiples of 64"):
        dual()(torch.rand(1, 3, 128, 160))
    with pytest.raises(ValueError, match="image: found 64x192, expected .* at least 128"):
        dual()(torch.rand(1, 3, 64, 192))
    with pytest.raises(ValueError, match="image: found 32x64, expected .* at least 64"):
        Monodepth2(**NARROW)(torch.rand(1, 3, 32, 64))


@pytest.mark.slow
def test_hr_net_alone_hears_nothing():
    model = create_model("dual", encoder="resnet18", width=0.125, ratio=2, link="none").eval()
    image = torch.rand(1, 3, 128, 128)
    before = model(image)
    with torch.no_grad():
        for parameter in model.low.parameters():
            parameter.add_(1.0)
    torch.testing.assert_close(model(image), before, rtol=0, atol=0)
