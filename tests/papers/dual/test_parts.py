"""Dual networks: Table 7, torchvision, scikit-image, kornia, scipy, formulas written a second time, properties that must hold."""

from __future__ import annotations

import math

import kornia
import numpy as np
import pytest
import torch
from scipy.ndimage import sobel
from skimage.metrics import structural_similarity
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import gradcheck
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models as theirs
from torchvision.models.feature_extraction import create_feature_extractor

from depthlib import geometry as g
from depthlib.geometry.sources import project_into_sources, sample_sources
from depthlib.losses import edge_aware_smoothness, photometric_error, photometric_loss
from depthlib.losses.photometric import ssim_3x3
from depthlib.metrics import ssim_map, tenengrad
from depthlib.models import create_model
from depthlib.models.disparity import DisparityDecoder
from depthlib.models.encoders import ImageNetEncoder
from depthlib.models.monodepth2 import Monodepth2
from depthlib.models.pose_net import PoseNet
from depthlib.models.pose_resnet import PoseResNet
from depthlib.papers.dual.disparity_normalisation import normalise_disparity
from depthlib.papers.dual.feature_reconstruction import feature_reconstruction_loss
from depthlib.papers.dual.loss import video_loss
from depthlib.papers.dual.network import DualNet, HRNet, LRNet
from depthlib.papers.dual.self_assembly import SAAttention, self_assemble, self_assemble_literal
from depthlib.scenes import SceneDataset, SceneDistribution

F64 = torch.float64
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]
NARROW = {"encoder": "resnet18", "width": 0.125}


def dual(**options) -> DualNet:
    torch.manual_seed(0)
    return create_model("dual", **NARROW | {"ratio": 2} | options)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def gigamacs(function, *size: int) -> float:
    """Of convolutions and matrix products; the counter counts a multiplication and an addition as two."""
    image = torch.rand(1, 3, *size)
    with FlopCounterMode(display=False) as counter:
        function(image)
    return counter.get_total_flops() / 2e9


# Table 7: sizes and costs at 384x1248


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


@pytest.mark.slow
@pytest.mark.parametrize(("options", "count", "cost", "published"), [
    ({"bottleneck": True}, 16_689_044, 32.36, (16.43, 33.11)),
    ({"encoder": "mobilenet_v2"}, 5_300_820, 16.53, (5.37, 17.02)),
    ({}, 14_329_236, 31.25, None),
    ({"encoder": "resnet50"}, 32_522_132, 64.56, None),
])
def test_baselines_have_the_size_and_the_cost_of_table_7(options, count, cost, published) -> None:
    with FakeTensorMode(), torch.no_grad():
        model = create_model("monodepth2", **options).eval()
        found = gigamacs(model, 384, 1248)
    assert parameters(model) == count
    assert found == pytest.approx(cost, abs=0.005)
    if published:
        assert count / 1e6 / published[0] == pytest.approx(1, abs=0.03)
        assert found / published[1] == pytest.approx(1, abs=0.03)


def test_other_links_and_pose_networks_have_their_sizes() -> None:
    with torch.device("meta"):
        sizes = {link: parameters(DualNet(link=link)) for link in ("sa", "features", "reduced")}
        assert sizes["features"] - parameters(LRNet()) - 1_501_268 == 3 * 3 * 128 * (2048 - 64)
        assert sizes["sa"] - sizes["reduced"] == 5 * 64
        assert parameters(PoseNet()) == 1_590_668
        assert parameters(PoseResNet()) == 11_176_512 + 9408 + 1_313_030  # ResNet-18, 3 channels more, the decoder


# Networks


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("name", "options", "size"), [
    ("monodepth2", NARROW | {"bottleneck": True}, (64, 96)),
    ("monodepth2", {"encoder": "mobilenet_v2", "width": 0.25}, (64, 96)),
    ("lr_net", {"width": 0.0625}, (64, 96)),
    ("dual", NARROW | {"ratio": 2}, (128, 192)),
    ("dual", NARROW | {"ratio": 2, "link": "features", "frozen": False}, (128, 192)),
    ("dual", NARROW | {"ratio": 2, "sa_grid": "high", "normaliser": "softmax"}, (128, 192)),
    ("video", {"depth": "lr_net", "depth_options": NARROW}, (96, 128)),
])
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


def test_width_makes_networks_small_and_options_are_checked() -> None:
    assert parameters(create_model("lr_net", **NARROW)) < 0.02 * 14_329_236
    with pytest.raises(ValueError, match="encoder: found 'vgg', expected one of resnet18, resnet50, mobilenet_v2"):
        Monodepth2(encoder="vgg")
    with pytest.raises(ValueError, match="min_depth, max_depth: found 0 and 10, expected 0 < min_depth < max_depth"):
        Monodepth2(**NARROW, min_depth=0, max_depth=10)


@pytest.mark.slow
@pytest.mark.parametrize("model", [
    Monodepth2(**NARROW, bottleneck=True), dual(frozen=False), dual(frozen=False, link="reduced"), dual(frozen=False, link="features"),
], ids=["monodepth2", "sa", "reduced", "features"])
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


TORCHVISION = {
    "resnet18": ("resnet18", "ResNet18_Weights", ["relu", "layer1", "layer2", "layer3", "layer4"]),
    "resnet50": ("resnet50", "ResNet50_Weights", ["relu", "layer1", "layer2", "layer3", "layer4"]),
    "mobilenet_v2": ("mobilenet_v2", "MobileNet_V2_Weights", [
        "features.0", "features.3", "features.7.conv.0", "features.14.conv.0", "features.17",
    ]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_pretrained_encoders_give_the_maps_of_torchvision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, weights, nodes = TORCHVISION[name]
    torch.manual_seed(0)
    reference = getattr(theirs, function)().eval()
    monkeypatch.setattr(getattr(theirs, weights), "get_state_dict", lambda self, **options: reference.state_dict())
    encoder = ImageNetEncoder(name, pretrained=True).eval()
    image = torch.rand(1, 3, 64, 96)
    normalised = (image - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        maps, expected = encoder(image), create_feature_extractor(reference, nodes)(normalised)
    for node, ours in zip(nodes, maps, strict=True):
        torch.testing.assert_close(ours, expected[node], msg=node)
    assert [m.shape[1] for m in maps] == encoder.channels
    with pytest.raises(ValueError, match="width: found 0.5, expected 1 for pretrained weights"):
        ImageNetEncoder(name, pretrained=True, width=0.5)


@pytest.mark.slow
def test_two_images_start_as_the_mean_of_what_each_would_give(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = theirs.resnet18().eval()
    monkeypatch.setattr(theirs.ResNet18_Weights, "get_state_dict", lambda self, **options: reference.state_dict())
    one, two = (ImageNetEncoder("resnet18", pretrained=True, images=n).eval() for n in (1, 2))
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        for a, b in zip(one(image), two(torch.cat([image, image], dim=1)), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="images: found 2, expected 1 for the encoder resnet50"):
        ImageNetEncoder("resnet50", images=2, width=0.1)
    assert ImageNetEncoder("resnet18", width=0.25).trunk.layer4[1].conv2.out_channels == 128


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


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_depth_starts_in_the_middle_of_its_range(seed: int) -> None:
    """Near either end the sigmoid has no slope, and after normalisation nothing leads back: whole trainings stayed flat there."""
    torch.manual_seed(seed)
    image = torch.rand(2, 3, 64, 128)
    message = torch.randn(2, 16, 2, 4)
    for prediction in (Monodepth2(encoder="resnet18", width=0.25).predict(image), HRNet(16, width=0.25)(image, message)):
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
    d = Monodepth2(**NARROW).double().eval().predict(plain).disparities[0]      # zeros in the encoder
    assert not torch.allclose(d, d[..., :1, :1].expand_as(d), atol=1e-12)


# SA-Attention


@pytest.mark.parametrize("normaliser", ["mean", "none", "softmax"])
def test_self_assembly_is_equations_3_and_4(normaliser: str) -> None:
    f = np.random.default_rng(0).normal(size=(5, 9))  # C x N
    expected = np.zeros_like(f)
    for j in range(9):
        w = np.array([f[:, i] @ f[:, j] for i in range(9)])
        w = {"mean": w / 9, "none": w, "softmax": np.exp(w) / np.exp(w).sum()}[normaliser]
        expected[:, j] = sum(w[i] * f[:, i] for i in range(9))
    for function in (self_assemble, self_assemble_literal):
        np.testing.assert_allclose(function(torch.tensor(f)[None], normaliser)[0].numpy(), expected, rtol=1e-10)


def test_the_c_by_c_identity_holds_for_many_positions_and_needs_no_n_by_n_matrix() -> None:
    f = torch.randn(2, 64, 468, dtype=F64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(self_assemble(f, "none"), self_assemble_literal(f, "none"), rtol=1e-12, atol=1e-9)
    with FakeTensorMode():
        wide = torch.rand(1, 64, 30_000)
        assert gigamacs(lambda image: self_assemble(wide), 1, 1) == pytest.approx(2 * 64 * 64 * 30_000 / 1e9)
    # What the missing normaliser costs (spec 1.4): the literal output is some hundred times the input.
    for positions, literal in ((52, 129), (468, 568)):
        f = torch.randn(8, 64, positions, generator=torch.Generator().manual_seed(1))
        gain = {n: (self_assemble(f, n).norm(dim=1) / f.norm(dim=1)).mean().item() for n in ("none", "mean")}
        assert gain["none"] == pytest.approx(literal, rel=0.03)
        assert gain["mean"] < 3


def test_self_assembly_commutes_with_permutations_and_is_cubic() -> None:
    f = torch.randn(2, 6, 12, dtype=F64, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    for normaliser in ("mean", "none", "softmax"):
        torch.testing.assert_close(self_assemble(f, normaliser)[..., order], self_assemble(f[..., order], normaliser))
    torch.testing.assert_close(self_assemble(1.7 * f, "none"), 1.7**3 * self_assemble(f, "none"))
    tripled = f.repeat(1, 1, 3)  # a finer grid of the same image: only a normalised form gives the same
    for normaliser, same in (("mean", True), ("softmax", True), ("none", False)):
        assert torch.allclose(self_assemble(tripled, normaliser)[..., :12], self_assemble(f, normaliser)) == same


def test_embedding_sees_features_colour_and_place() -> None:
    module = SAAttention(2, 7).double()
    with torch.no_grad():
        module.embed.weight.copy_(torch.eye(7, dtype=F64).view(7, 7, 1, 1))
        module.embed.bias.zero_()
    features, image = torch.rand(2, 2, 3, 5, dtype=F64), torch.rand(2, 3, 12, 20, dtype=F64)
    f = module.embedding(features, image)
    torch.testing.assert_close(f[:, :2], features)
    torch.testing.assert_close(f[:, 2:5], image.view(2, 3, 3, 4, 5, 4).mean(dim=(3, 5)))
    assert f[0, 5, 1].tolist() == [-1, -0.5, 0, 0.5, 1]  # x grows to the right
    assert f[1, 6, :, 2].tolist() == [-1, 0, 1]  # y grows downwards


@pytest.mark.parametrize("normaliser", ["mean", "none", "softmax"])
def test_attention_map_holds_the_weights_that_forward_uses(normaliser: str) -> None:
    torch.manual_seed(0)
    module = SAAttention(6, 4, normaliser=normaliser).double()
    features, image = torch.randn(2, 6, 3, 5, dtype=F64), torch.rand(2, 3, 12, 20, dtype=F64)
    weights = module.attention_map(features, image, 1, 3)
    assert weights.shape == (2, 1, 3, 5)
    gathered = (weights * module.embedding(features, image)).sum(dim=(2, 3))
    torch.testing.assert_close(gathered, module(features, image)[:, :, 1, 3])
    with pytest.raises(ValueError, match=r"position: found \(3, 0\), expected one inside the map of 3x5"):
        module.attention_map(features, image, 3, 0)
    with pytest.raises(ValueError, match="normaliser: found 'l2', expected one of mean, none, softmax"):
        SAAttention(6, normaliser="l2")
    with pytest.raises(ValueError, match="normaliser: found 'l2'"):
        self_assemble(features.flatten(2), "l2")


def test_self_assembly_ignores_autocast() -> None:
    module = SAAttention(6, 4)
    f = torch.randn(1, 4, 3, 5)
    module.embedding = lambda features, image: f
    expected = module(f, f)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module(f, f), expected)


# The dual network


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


@pytest.mark.parametrize(("options", "words"), [
    ({"ratio": 1.5}, "ratio: found 1.5, expected a whole number of at least 1"),
    ({"link": "add"}, "link: found 'add', expected one of sa, features, reduced, none"),
    ({"sa_grid": "mid"}, "sa_grid: found 'mid', expected one of low, high"),
    ({"normaliser": "max"}, "normaliser: found .*, expected one of"),
    ({"width": 0.001}, "width: found 0.001, expected at least 1/64"),
])
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


# Pose networks


def test_pose_net_by_formula() -> None:
    torch.manual_seed(0)
    model = PoseNet(width=4).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    target, sources = torch.rand(2, 3, 72, 96, dtype=F64), torch.rand(2, 2, 3, 72, 96, dtype=F64)
    x = torch.cat([target, sources[:, 0], sources[:, 1]], dim=1) * 2 - 1
    convs = [m for m in model.convs if isinstance(m, nn.Conv2d)]
    assert [c.kernel_size[0] for c in convs] == [7, 5, 3, 3, 3, 3, 3]
    assert [c.out_channels for c in convs] == [4, 8, 16, 32, 64, 64, 64]
    for conv in convs:
        pad = conv.kernel_size[0] // 2
        x = F.conv2d(F.pad(x, (pad,) * 4, mode="reflect"), conv.weight, conv.bias, stride=2).clamp(min=0)
    vectors = 0.01 * F.conv2d(x, model.head.weight, model.head.bias).mean(dim=(2, 3)).view(2, 2, 6)
    torch.testing.assert_close(model.vectors(target, sources), vectors)
    torch.testing.assert_close(model(target, sources), g.pose_from_euler(vectors))


def test_pose_net_starts_near_no_motion_and_refuses_other_shapes() -> None:
    torch.manual_seed(0)
    target, sources = torch.rand(2, 3, 96, 128), torch.rand(2, 2, 3, 96, 128)
    poses = PoseNet()(target, sources)
    assert poses.shape == (2, 2, 4, 4) and (poses - torch.eye(4)).abs().max() < 0.05
    with pytest.raises(ValueError, match=r"sources: found \[2, 1, 3, 96, 128\], expected \[2, 2, 3, 96, 128\]"):
        PoseNet()(target, sources[:, :1])
    assert PoseNet(sources=1)(target, sources[:, :1]).shape == (2, 1, 4, 4)
    with pytest.raises(ValueError, match=r"target: found \[64, 128\], expected .* at least 65"):
        PoseNet()(target[..., :64, :], sources[..., :64, :])
    assert PoseNet(reflect=False)(target[..., :32, :], sources[..., :32, :]).isfinite().all()


@pytest.mark.slow
def test_pose_resnet_shows_pairs_in_the_order_of_time() -> None:
    torch.manual_seed(0)
    model = PoseResNet(width=0.125).double().eval()
    nn.init.normal_(model.decoder[-1].weight)
    first, second, third = torch.rand(3, 1, 3, 64, 64, dtype=F64)
    poses = model(second, torch.stack([first, third], dim=1))
    motion = g.pose_from_axis_angle(torch.cat([model.vectors(first, second), model.vectors(second, third)]))
    assert (motion - torch.eye(4)).abs().max() > 1e-4
    torch.testing.assert_close(poses[:, 1], motion[1:])  # T_third_second
    torch.testing.assert_close(poses[:, 0] @ motion[:1], torch.eye(4, dtype=F64)[None])  # T_first_second undoes T_second_first
    features = model.decoder(model.encoder(torch.cat([first, second], 1))[-1])
    torch.testing.assert_close(model.vectors(first, second), 0.01 * features.mean(dim=(2, 3)))


@pytest.mark.slow
def test_video_depth_is_a_depth_and_a_pose_network() -> None:
    torch.manual_seed(0)
    model = create_model("video", depth="dual", depth_options=NARROW | {"ratio": 2}, pose_options={"width": 4}, pose_ratio=2).eval()
    target, sources = torch.rand(1, 3, 192, 192), torch.rand(1, 2, 3, 192, 192)
    with torch.no_grad():
        torch.testing.assert_close(model(target), model.depth_net(target))
        small = sources.view(1, 2, 3, 96, 2, 96, 2).mean(dim=(4, 6))
        torch.testing.assert_close(model.poses(target, sources), model.pose_net(model.depth_net.small(target), small))
    with pytest.raises(ValueError, match="depth: found 'unet', expected one of lr_net, dual, monodepth2"):
        create_model("video", depth="unet")
    with pytest.raises(ValueError, match="pose: found 'orb', expected one of pose_net, pose_resnet"):
        create_model("video", depth="lr_net", depth_options=NARROW, pose="orb")
    with pytest.raises(ValueError, match="pose_ratio: found 0, expected at least 1"):
        create_model("video", depth="lr_net", depth_options=NARROW, pose_ratio=0)


# Losses


def pair(seed: int = 0, size: tuple[int, int] = (20, 30), batch: int = 2) -> tuple[Tensor, Tensor]:
    return tuple(torch.rand(2, batch, 3, *size, generator=torch.Generator().manual_seed(seed), dtype=F64))


def test_ssim_is_that_of_scikit_image_and_of_our_general_form() -> None:
    a, b = pair()
    ours = ssim_3x3(a, b)
    for c in range(3):
        _, full = structural_similarity(
            a[0, c].numpy(), b[0, c].numpy(), win_size=3, use_sample_covariance=False, data_range=1.0, full=True
        )
        np.testing.assert_allclose(ours[0, c, 1:-1, 1:-1].numpy(), full[1:-1, 1:-1], rtol=1e-9)
    padded = [F.pad(x, (1, 1, 1, 1), mode="reflect") for x in (a, b)]
    torch.testing.assert_close(ours, ssim_map(*padded, data_range=1.0, window=3, sigma=math.inf))
    with torch.autocast("cpu", torch.bfloat16):
        assert ssim_3x3(a.bfloat16(), b.bfloat16()).dtype == torch.float32


@pytest.mark.slow
def test_ssim_passes_gradcheck_also_where_images_broadcast() -> None:
    for one, other in (((2, 1, 3, 4, 5), (2, 2, 3, 4, 5)), ((1, 2, 2), (1, 2, 2)), ((3, 3, 2), (3, 3, 2))):
        generator = torch.Generator().manual_seed(1)
        a, b = (torch.rand(*size, generator=generator, dtype=F64, requires_grad=True) for size in (one, other))
        assert gradcheck(ssim_3x3, (a, b))
        assert gradcheck(ssim_3x3, (a.detach(), b))


def test_photometric_error_weighs_ssim_and_l1() -> None:
    a, b = pair()
    l1 = (a - b).abs().mean(dim=1, keepdim=True)
    structure = ((1 - ssim_3x3(a, b)) / 2).mean(dim=1, keepdim=True)
    torch.testing.assert_close(photometric_error(a, b), 0.85 * structure + 0.15 * l1)
    torch.testing.assert_close(photometric_error(a, b, alpha=0), l1)
    assert photometric_error(a, a).abs().max() < 1e-12
    for call in (lambda: photometric_error(a, b[..., 1:]), lambda: photometric_error(a, b, alpha=2)):
        with pytest.raises(ValueError, match="expected two equal|alpha: found"):
            call()


def test_the_minimum_forgives_what_one_source_cannot_see() -> None:
    target, other = pair()
    hidden = target.clone()
    hidden[..., :10] = other[..., :10]  # the first source sees only the right part of the target, the second the left
    seen = target.clone()
    seen[..., 20:] = other[..., 20:]
    warped = torch.stack([hidden, seen], dim=1)
    assert photometric_loss(target, warped) < 1e-12
    errors = torch.stack([photometric_error(target, x) for x in (hidden, seen)])
    torch.testing.assert_close(photometric_loss(target, warped, over_sources="mean"), errors.mean())
    assert photometric_loss(target, warped, over_sources="mean") > 0.05
    torch.testing.assert_close(photometric_loss(target, warped[:, :1]), errors[0].mean())
    with pytest.raises(ValueError, match="over_sources: found 'max', expected one of min, mean"):
        photometric_loss(target, warped, over_sources="max")
    with pytest.raises(ValueError, match=r"target, warped: found shapes \[2, 3, 20, 30\] and \[2, 3, 20, 30\]"):
        photometric_loss(target, hidden)


def test_automask_lets_pixels_teach_nothing_where_the_unmoved_source_fits_better() -> None:
    target, other = pair()
    warped = other.unsqueeze(1).requires_grad_()
    sources = other.unsqueeze(1).clone()
    sources[:, 0, :, :, :15] = target[..., :15]  # the left half has not moved
    torch.manual_seed(0)
    photometric_loss(target, warped, sources=sources).backward()
    assert warped.grad[..., :12].abs().max() == 0
    share = (warped.grad[..., 18:].abs().sum(dim=2) > 0).double().mean()
    assert share > 0.3  # equal errors on the right: noise decides
    expected = photometric_loss(target, sources)
    torch.testing.assert_close(photometric_loss(target, sources, sources=sources), expected, atol=1e-4, rtol=0)


def test_smoothness_is_that_of_kornia_and_free_at_edges() -> None:
    image, other = pair()
    disparity = other[:, :1]
    expected = kornia.losses.inverse_depth_smoothness_loss(disparity, image)
    torch.testing.assert_close(edge_aware_smoothness(disparity, image), expected)
    assert edge_aware_smoothness(torch.full_like(disparity, 3.0), image) == 0
    step = torch.zeros(1, 1, 4, 6, dtype=F64)
    step[..., 3:] = 1.0
    # One edge of height 1 between 5 columns: 1/5; an image edge of height 2 in the same place leaves e^-2 of it.
    assert edge_aware_smoothness(step, torch.zeros(1, 3, 4, 6, dtype=F64)).item() == pytest.approx(1 / 5)
    assert edge_aware_smoothness(step, 2 * step.expand(-1, 3, -1, -1)).item() == pytest.approx(math.exp(-2) / 5)
    for bad in (disparity[..., 1:], image):
        with pytest.raises(ValueError, match="expected .B,1,H,W. and"):
            edge_aware_smoothness(bad, image)
    with pytest.raises(TypeError, match="values: found torch.int64"):
        edge_aware_smoothness(disparity.long(), image)


def test_normalisation_takes_its_own_mean_or_that_of_the_bundle() -> None:
    disparity = torch.rand(2, 1, 4, 6, dtype=F64) + torch.tensor([1.0, 5.0], dtype=F64).view(2, 1, 1, 1)
    ours = normalise_disparity(disparity)
    torch.testing.assert_close(ours.mean(dim=(1, 2, 3)), torch.ones(2, dtype=F64), atol=1e-6, rtol=0)
    torch.testing.assert_close(ours, normalise_disparity(3 * disparity), atol=1e-6, rtol=0)
    bundle = torch.cat([disparity, 3 * disparity], dim=1)  # DDVO: all frames of a sample share one mean, 10 afterwards
    torch.testing.assert_close(normalise_disparity(disparity, reference=bundle, level=10.0), 5 * ours)
    with pytest.raises(ValueError, match="disparity, reference: found shapes"):
        normalise_disparity(disparity, reference=bundle[:1])
    with pytest.raises(TypeError, match="disparity: found list"):
        normalise_disparity([disparity])


def test_feature_reconstruction_by_hand() -> None:
    target = torch.zeros(1, 2, 2, 2, dtype=F64)
    target[0, 0] = 1.0
    first, second = target.clone(), 5 * target  # the second points the same way: no distance once scaled to length 1
    first[0, :, 0, 0] = torch.tensor([0.0, 3.0])  # at a right angle: sqrt 2
    pixels = g.pixel_grid(2, 2, dtype=F64).expand(1, 1, 2, 2, 2)
    assert feature_reconstruction_loss(target, first[:, None], pixels).item() == pytest.approx(math.sqrt(2) / 4, abs=1e-5)
    literal = feature_reconstruction_loss(target, first[:, None], pixels, detach=False)
    assert literal.item() == pytest.approx(math.sqrt(10) / 4, abs=1e-5)
    both, twice = torch.stack([first, second], dim=1), pixels.expand(1, 2, 2, 2, 2)
    assert feature_reconstruction_loss(target, both, twice).item() == pytest.approx(0, abs=1e-5)  # the minimum
    assert feature_reconstruction_loss(target, both, twice, detach=False).item() == pytest.approx(math.sqrt(10) / 4, abs=1e-5)
    with pytest.raises(ValueError, match="target, sources: found shapes"):
        feature_reconstruction_loss(target, first, pixels)


def test_literal_feature_reconstruction_collapses_and_the_detached_one_teaches_the_coordinates() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 3, 4, 8, 8, dtype=F64)
    pixels = (g.pixel_grid(8, 8, dtype=F64) + 0.3).expand(1, 2, 2, 8, 8).clone()
    sizes = {}
    for detach in (True, False):
        gain = torch.ones((), dtype=F64, requires_grad=True)  # what a network can always learn: to say less
        where = pixels.clone().requires_grad_()
        for _ in range(50):
            scaled = gain * features
            loss = feature_reconstruction_loss(scaled[:, 0], scaled[:, 1:], where, detach=detach)
            gradients = torch.autograd.grad(loss, (gain, where), allow_unused=True)
            assert gradients[1].abs().max() > 0
            assert (gradients[0] is None) == detach  # data, not variables
            if gradients[0] is not None:
                gain.data -= 0.02 * gradients[0]
        sizes[detach] = gain.item()
    assert sizes[True] == 1.0
    assert abs(sizes[False]) < 0.05


def test_feature_reconstruction_has_finite_gradients_where_features_agree() -> None:
    features = torch.ones(1, 4, 6, 6).requires_grad_()
    pixels = g.pixel_grid(6, 6).expand(1, 1, 2, 6, 6).clone().requires_grad_()
    for detach in (True, False):
        feature_reconstruction_loss(features, features[:, None], pixels, detach=detach).backward()
    assert features.grad.isfinite().all() and pixels.grad.isfinite().all()


# The whole


def moving(seed: int = 0, batch: int = 2, size: tuple[int, int] = (32, 48)) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    vectors = 0.02 * torch.randn(batch, 2, 6, generator=generator, dtype=F64)
    K = torch.tensor([[40.0, 0, width / 2], [0, 40.0, height / 2], [0, 0, 1]], dtype=F64)
    return {
        "target": torch.rand(batch, 3, height, width, generator=generator, dtype=F64),
        "sources": torch.rand(batch, 2, 3, height, width, generator=generator, dtype=F64),
        "K": K.expand(batch, 3, 3).clone(),
        "poses": g.pose_from_axis_angle(vectors),
    }


def pyramid(seed: int = 0, batch: int = 2, size: tuple[int, int] = (32, 48)) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(batch, 1, size[0] >> s, size[1] >> s, generator=generator, dtype=F64) + 0.3 for s in range(4)]


def test_sources_are_projected_and_sampled_one_by_one() -> None:
    scene, depth = moving(), 1 / pyramid()[0]
    pixels = project_into_sources(depth, scene["K"], scene["poses"])
    sampled = sample_sources(scene["sources"], pixels)
    for s in range(2):
        torch.testing.assert_close(pixels[:, s], g.reproject(depth, scene["K"], scene["poses"][:, s])[0])
        warped, _ = g.warp(scene["sources"][:, s], depth, scene["K"], scene["poses"][:, s])
        torch.testing.assert_close(sampled[:, s], warped)
    torch.testing.assert_close(project_into_sources(depth, scene["K"][:1], scene["poses"]), pixels)
    with pytest.raises(ValueError, match=r"poses: found shape \[1, 2, 4, 4\], expected \[2,S,4,4\]"):
        project_into_sources(depth, scene["K"], scene["poses"][:1])


@pytest.mark.parametrize("rule", ["full_res", "per_scale"])
@pytest.mark.parametrize("smooth_on", ["disparity", "depth"])
def test_video_loss_is_the_sum_of_its_parts(rule: str, smooth_on: str) -> None:
    scene, disparities = moving(), pyramid()
    features = torch.rand(2, 4, 32, 48, dtype=F64), torch.rand(2, 2, 4, 32, 48, dtype=F64)
    photometric, smooth = [], []
    for s, disparity in enumerate(disparities):
        disparity = disparity / disparity.mean(dim=(1, 2, 3), keepdim=True)
        depth = 1 / disparity
        small, size = F.avg_pool2d(scene["target"], 2**s), disparity.shape[-2:]
        smoothed = disparity if smooth_on == "disparity" else depth / depth.mean(dim=(1, 2, 3), keepdim=True)
        smooth.append(kornia.losses.inverse_depth_smoothness_loss(smoothed, small) / 2**s)
        if rule == "full_res":
            depth = 1 / F.interpolate(disparity, size=(32, 48), mode="bilinear")
            target, sources, K = scene["target"], scene["sources"], scene["K"]
        else:
            target, sources = small, F.adaptive_avg_pool2d(scene["sources"].flatten(0, 1), size).unflatten(0, (2, 2))
            K = g.scale_intrinsics(scene["K"], 0.5**s, 0.5**s)
        warped = [g.warp(sources[:, i], depth, K, scene["poses"][:, i])[0] for i in range(2)]
        error = torch.minimum(*(photometric_error(target, image) for image in warped))
        photometric.append(error.mean())
        if s == 0:
            pixels = torch.stack([g.reproject(depth, K, scene["poses"][:, i])[0] for i in range(2)], dim=1)
            reconstruction = feature_reconstruction_loss(*features, pixels)
    expected = {"photometric": sum(photometric) / 4, "smoothness": sum(smooth) / 4, "features": reconstruction}
    total, terms = video_loss(disparities, **scene, features=features, rule=rule, smooth_on=smooth_on)
    assert set(terms) == set(expected)
    for name, term in terms.items():
        torch.testing.assert_close(term, expected[name], rtol=1e-6, atol=1e-7, msg=name)
    weighted = expected["photometric"] + 1e-3 * expected["smoothness"] + 0.1 * expected["features"]
    torch.testing.assert_close(total, weighted, rtol=1e-6, atol=1e-7)
    assert set(video_loss(disparities, **scene, rule=rule)[1]) == {"photometric", "smoothness"}  # HR-Net


def test_only_the_shape_of_the_disparity_counts_unless_normalisation_is_off() -> None:
    scene, disparities = moving(), pyramid()
    halves = [d / 2 for d in disparities]
    for normalise, same in ((True, True), (False, False)):
        values = [video_loss(d, **scene, normalise=normalise)[0] for d in (disparities, halves)]
        assert torch.allclose(*values, rtol=1e-6) == same


def test_options_reach_their_terms() -> None:
    scene, disparities = moving(), pyramid()
    only = {"photometric": 2.0, "smoothness": 0.0}
    plain, terms = video_loss(disparities, **scene, weights=only)
    assert list(terms) == ["photometric"] and plain.item() == pytest.approx(2 * terms["photometric"].item())
    assert video_loss(disparities, **scene, weights=only, automask=True)[0] < plain
    assert video_loss(disparities, **scene, weights=only, over_sources="mean")[0] > plain
    features = pyramid(1)[0].expand(2, 4, 32, 48), pyramid(2)[0].unsqueeze(1).expand(2, 2, 4, 32, 48)
    loss = [video_loss(disparities, **scene, features=features, weights={"features": 1.0}, detach_features=d)[0] for d in (True, False)]
    assert loss[0] < 1e-5 < loss[1]  # all features point the same way
    assert video_loss(disparities, **scene, alpha=0.0, weights=only)[0] != plain


@pytest.mark.parametrize(("options", "words"), [
    ({"rule": "half"}, "rule: found 'half', expected one of full_res, per_scale"),
    ({"smooth_on": "normals"}, "smooth_on: found .*, expected one of disparity, depth"),
    ({"weights": {"ssim": 1.0}}, "weights: found .* expected some of photometric, smoothness, features"),
    ({"weights": {"photometric": 0.0}}, "not all 0"),
    ({"weights": {"features": 1.0}}, "expected features, or a weight of another term"),
    ({"disparities": []}, "expected a list of"),
    ({"disparities": pyramid()[0]}, "expected a list of"),
])
def test_video_loss_refuses(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        video_loss(**{"disparities": pyramid(), **moving(), **options})


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_depth_and_pose_networks_learn_from_video(device: str) -> None:
    """Every parameter that should move gets a gradient; a few steps lower the loss."""
    torch.manual_seed(0)
    model = create_model("video", depth="lr_net", depth_options=NARROW, pose_options={"width": 4}).to(device)
    scene = {key: value.float().to(device) for key, value in moving(size=(96, 96)).items() if key != "poses"}
    scene["sources"] = (scene["target"].unsqueeze(1) + 0.05 * scene["sources"]).roll((1, 2), dims=(3, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        prediction = model.predict(scene["target"])
        with torch.no_grad():
            of_sources = model.predict(scene["sources"].flatten(0, 1)).features.unflatten(0, (2, 2))
        poses = model.poses(scene["target"], scene["sources"])
        loss, _ = video_loss(prediction.disparities, **scene, poses=poses, features=(prediction.features, of_sources))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert losses[-1] < losses[0]


@pytest.fixture(scope="module")
def street() -> dict[str, Tensor]:
    """One frame of a street, with its neighbours and exact poses; sky is far away."""
    distribution = SceneDistribution("streets", height=96, width=192, antialias=1)
    item = SceneDataset(distribution, "val", 2, views=("current", "previous", "next"), cache=False)[1]
    return {
        "depth": torch.where(item["valid"], item["depth"], 1000.0)[None],
        "target": item["image"][None],
        "sources": torch.stack([item["previous"], item["next"]])[None],
        "K": item["K"][None],
        "poses": torch.stack([item["T_previous_current"], item["T_next_current"]])[None],
    }


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["full_res", "per_scale"])
def test_true_depth_and_pose_of_a_street_explain_the_image_best(street: dict[str, Tensor], rule: str) -> None:
    depth = street["depth"]
    scene = {key: street[key] for key in ("target", "sources", "K")}

    def loss(depth: Tensor, poses: Tensor) -> float:
        disparities = [F.avg_pool2d(1 / depth, 2**s) for s in range(2)]
        return video_loss(disparities, **scene, poses=poses, normalise=False, rule=rule, weights={"photometric": 1.0})[0].item()

    true = loss(depth, street["poses"])
    still = torch.eye(4).expand(1, 2, 4, 4)
    backwards = street["poses"].flip(1)
    assert true < 0.5 * loss(depth, still)
    for other in (loss(1.5 * depth, street["poses"]), loss(depth / 1.5, street["poses"]), loss(depth, backwards),
                  loss(depth.mean().expand_as(depth), street["poses"])):
        assert true < 0.9 * other
    # Depth and translation only count together: both doubled give the same picture.
    scaled = street["poses"].clone()
    scaled[..., :3, 3] *= 2
    assert loss(2 * depth, scaled) == pytest.approx(true, rel=1e-3)


# Tenengrad


def test_tenengrad_is_that_of_scipy() -> None:
    depth = torch.rand(2, 1, 12, 17, dtype=F64) * 50
    for image in range(2):
        array = depth[image, 0].numpy()
        magnitude = np.hypot(sobel(array, axis=0, mode="nearest"), sobel(array, axis=1, mode="nearest"))
        assert tenengrad(depth)[image].item() == pytest.approx(magnitude.sum())
        counted = magnitude[magnitude > 100]
        assert 10 < len(counted) < 200
        assert tenengrad(depth, threshold=100)[image].item() == pytest.approx(counted.sum())
        assert tenengrad(depth, threshold=100, power=2)[image].item() == pytest.approx((counted**2).sum())
        assert tenengrad(depth, threshold=100, reduction="mean")[image].item() == pytest.approx(counted.sum() / magnitude.size)


def test_only_a_threshold_tells_a_sharp_edge_from_a_blurred_one_and_size_alone_changes_the_score() -> None:
    sharp = torch.full((1, 1, 24, 72), 10.0)
    sharp[..., 37:] = 40.0
    low = F.avg_pool2d(sharp, 3)  # the edge falls inside a cell
    size = (24, 72)
    total = [tenengrad(x, size=size).item() for x in (sharp, low)]
    edges = [tenengrad(x, size=size, threshold=60).item() for x in (sharp, low)]
    assert total[0] == pytest.approx(total[1], rel=1e-4)  # total variation does not see blur
    assert edges[0] == pytest.approx(total[0]) and edges[1] < 0.5 * edges[0]
    assert tenengrad(sharp).item() == pytest.approx(3 * tenengrad(low).item(), rel=1e-4)  # native sizes: 3 from resolution alone
    assert tenengrad(sharp.half()).dtype == torch.float32


@pytest.mark.parametrize(("options", "words"), [
    ({"threshold": -1}, "threshold, power: found -1"),
    ({"power": 0}, "threshold, power: found 0.0 and 0"),
    ({"reduction": "max"}, "reduction: found 'max'"),
])
def test_tenengrad_refuses(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tenengrad(torch.rand(1, 1, 4, 4), **options)
    with pytest.raises(ValueError, match=r"depth: found shape \[1, 3, 4, 4\]"):
        tenengrad(torch.rand(1, 3, 4, 4))
    with pytest.raises(TypeError, match="depth: found torch.int64"):
        tenengrad(torch.zeros(1, 1, 4, 4, dtype=torch.int64))
