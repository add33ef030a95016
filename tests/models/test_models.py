"""Networks against parameter counts, formulas written a second time, and properties that must hold."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from scipy.special import softmax
from torch import nn

from depthlib.models import create_model, models
from depthlib.models.blocks import DepthHead, check_image, join
from depthlib.models.disparity import DisparityHead
from depthlib.models.fcrn import FCRN, unpool_conv
from depthlib.models.resnet_trunk import ResNetTrunk
from depthlib.papers.anuw.attention import AWCA, PSNL, second_order_attention, second_order_attention_literal
from depthlib.papers.anuw.network import AWCA_NODES

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]
SMALL = {
    "constant": {},
    "unet": {"width": 8},
    "unetpp": {"width": 8},
    "anu": {"width": 8},
    "fcrn": {"width": 0.125},
}


def small(name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, **SMALL[name], **options)


def randomise(module: nn.Module) -> None:
    """Random weights of order 1 where the initialisation is 0, which would hide everything behind it."""
    for parameter in module.parameters():
        nn.init.normal_(parameter)


# The contract


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SMALL)
def test_contract(name: str, device: str) -> None:
    image = torch.rand(2, 3, 32, 48, device=device)
    depth = small(name, max_depth=10.0).to(device)(image)
    assert depth.shape == (2, 1, 32, 48)
    assert depth.dtype == torch.float32
    assert depth.isfinite().all()
    assert (depth >= 0).all()
    if name != "fcrn":  # the others have a bounded head
        assert (depth > 0).all()
        assert (depth <= 10).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SMALL if name != "constant"])
def test_every_parameter_learns(name: str) -> None:
    model = small(name, activation="sigmoid").double()
    if name == "anu":
        nn.init.normal_(model.psnl.phi.weight)
        for module in model.awca.values():
            nn.init.uniform_(module.reduce.weight)  # positive: no ReLU is dead
    image = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    (model(image) * torch.rand(2, 1, 64, 64)).sum().backward()
    for parameter_name, parameter in model.named_parameters():
        # A bias in front of a norm has no effect; all the rest must have one.
        if not (parameter_name.startswith(("encoder", "decoder", "nodes")) and parameter_name.endswith(("0.bias", "3.bias"))):
            assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("name", [name for name in SMALL if name != "constant"])
def test_channels_last_gives_the_same_depth(name: str) -> None:
    model = small(name, activation="sigmoid").eval()
    image = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        expected = model(image)
        depth = model.to(memory_format=torch.channels_last)(image.to(memory_format=torch.channels_last))
    torch.testing.assert_close(depth, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SMALL if name != "constant"])
def test_bf16_autocast_gives_float32_depth_near_the_exact_one(name: str) -> None:
    model = small(name, activation="sigmoid").eval()
    image = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        expected = model(image)
        with torch.autocast("cpu", torch.bfloat16):
            depth = model(image)
    assert depth.dtype == torch.float32
    assert ((depth - expected).abs() / expected).median() < 0.03


@pytest.mark.parametrize(("name", "options", "count"), [
    ("unet", {}, 7_852_545),
    ("unetpp", {}, 9_163_329),
    ("anu", {}, 9_219_713),
    ("anu", {"awca_prelu": True}, 9_219_722),
    ("anu", {"psnl": False}, 9_163_329 + 56_000),
    ("anu", {"awca": False}, 9_163_329 + 384),
    ("fcrn", {}, 63_563_008),
    ("constant", {}, 0),
])
def test_parameter_counts(name: str, options: dict, count: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in create_model(name, **options).parameters()) == count


def test_create_model_names_what_is_wrong() -> None:
    assert set(SMALL) <= set(models())
    with pytest.raises(ValueError, match="model: found 'vnet', expected one of .*anu"):
        create_model("vnet")
    with pytest.raises(TypeError, match="wdth"):
        create_model("unet", wdth=8)
    with pytest.raises(ValueError, match="norm: found 'ln', expected one of bn, gn, in"):
        create_model("unet", norm="ln")


@pytest.mark.slow
def test_importing_the_models_does_not_import_torchvision() -> None:
    code = "import sys, depthlib.models; depthlib.models.create_model('unet', width=1); assert 'torchvision' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# Blocks


def test_check_image_says_how_to_fix_the_size() -> None:
    with pytest.raises(ValueError, match="image: found 100x130, expected .* multiples of 16: .* 112x144"):
        create_model("unet", width=1)(torch.rand(1, 3, 100, 130))
    with pytest.raises(TypeError, match="uint8"):
        check_image(torch.zeros(1, 3, 16, 16, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"image: found shape \[3, 16, 16\], expected \[B,3,H,W\]"):
        check_image(torch.zeros(3, 16, 16))
    with pytest.raises(ValueError, match="image: found 0x4, expected .* multiples of 1:"):
        check_image(torch.zeros(1, 3, 0, 4))


@pytest.mark.parametrize(("activation", "depths"), [
    ("sigmoid", [0.5, 0.5 + 8 * 0.25, 4.5, 8.5]),
    ("log", [0.5, 0.5 * 17**0.25, (0.5 * 8.5) ** 0.5, 8.5]),
    ("exp", [0.5, 0.5, 1.0, 8.5]),
    ("relu", [0.5, 0.5, 0.5, 100.5]),
])
def test_heads_by_hand(activation: str, depths: list[float]) -> None:
    head = DepthHead(1, max_depth=8.5, min_depth=0.5, activation=activation, bias=False).double()
    nn.init.ones_(head.conv.weight)
    z = torch.tensor([-100.0, -np.log(3), 0.0, 100.0], dtype=torch.float64)  # sigmoid: 0, 1/4, 1/2, 1
    torch.testing.assert_close(head(z.view(1, 1, 2, 2)).flatten(), torch.tensor(depths, dtype=torch.float64))


@pytest.mark.parametrize("activation", ["sigmoid", "log", "exp", "relu"])
def test_heads_start_where_they_are_told(activation: str) -> None:
    head = DepthHead(4, max_depth=8.5, min_depth=0.5, activation=activation)
    head.start_at(3.2)
    depth = head(5 + torch.rand(1, 4, 2, 2))        # whatever the features are, and no part of the range is flat there
    torch.testing.assert_close(depth, torch.full((1, 1, 2, 2), 3.2))
    depth.sum().backward()
    assert head.conv.weight.grad.abs().min() > 0 and head.conv.bias.grad > 0
    for depth, bare in ((0.4, head), (3.2, DepthHead(4, max_depth=8.5, bias=False))):
        with pytest.raises(ValueError, match="(depth|start_at): found .*, expected"):
            bare.start_at(depth)


def test_disparity_heads_start_where_they_are_told() -> None:
    head = DisparityHead(4, 0.5, 80.0)
    head.start_at(12.0)
    torch.testing.assert_close(1 / head(5 + torch.rand(1, 4, 3, 3)), torch.full((1, 1, 3, 3), 12.0))
    with pytest.raises(ValueError, match="depth: found 90 m, expected one inside 0.5 to 80 m"):
        head.start_at(90.0)


def test_head_ignores_autocast() -> None:
    head = DepthHead(32, max_depth=40.0)
    features = torch.rand(1, 32, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        depth = head(features)
    assert torch.equal(depth, head(features))


@pytest.mark.parametrize("options", [
    {"activation": "tanh"}, {"min_depth": 50}, {"min_depth": -1}, {"min_depth": 0, "activation": "log"},
    {"min_depth": 0, "activation": "exp"},
])
def test_head_refuses(options: dict) -> None:
    with pytest.raises(ValueError, match="(activation|min_depth, max_depth): found .*, expected"):
        DepthHead(4, max_depth=40, **options)


def test_only_batch_norm_tells_training_from_evaluation() -> None:
    image = torch.rand(1, 3, 32, 32)
    for norm, same in (("bn", False), ("gn", True), ("in", True)):
        model = small("unet", norm=norm)
        assert torch.equal(model.train()(image), model.eval()(image)) == same, norm


def test_mean_depth_counts_valid_pixels_once() -> None:
    model = create_model("constant", max_depth=10.0)
    assert model(torch.rand(1, 3, 2, 2)).unique().tolist() == [5.0]
    model.fit([torch.tensor([0.0, 2.0]), torch.tensor([[3.0, 4.0], [0.0, 11.0]])])
    assert model(torch.rand(2, 3, 5, 7)).unique().tolist() == [5.0]  # (2 + 3 + 4 + 11) / 4, zeros left out
    model.fit(torch.tensor([0.0, 7.0]))
    assert model.state_dict()["depth"] == 7
    with pytest.raises(ValueError, match="no valid pixel"):
        model.fit(torch.zeros(3))


# U-Net++ and ANU


def nested_by_formula(model: nn.Module, image: torch.Tensor, factors: dict[str, float]) -> torch.Tensor:
    """X(i,j) by the recursion of the U-Net++ paper, each node times its factor."""

    def x(i: int, j: int) -> torch.Tensor:
        if j == 0:
            inputs = image if i == 0 else nn.functional.max_pool2d(x(i - 1, 0), 2)
        else:
            below = nn.functional.interpolate(x(i + 1, j - 1), scale_factor=2, mode="bilinear", align_corners=True)
            inputs = torch.cat([*(x(i, k) for k in range(j)), below], dim=1)
        return model.nodes[f"{i}{j}"](inputs) * factors.get(f"{i}{j}", 1.0)

    return x(0, 4)


def test_unet_is_its_formula() -> None:
    model = small("unet").eval()
    image = torch.rand(1, 3, 32, 32)

    def down(i: int) -> torch.Tensor:
        return model.encoder[i](nn.functional.max_pool2d(down(i - 1), 2) if i else image)

    def up(i: int) -> torch.Tensor:
        if i == 4:
            return down(4)
        below = nn.functional.interpolate(up(i + 1), scale_factor=2, mode="bilinear", align_corners=True)
        return model.decoder[i](torch.cat([down(i), below], dim=1))

    with torch.no_grad():
        assert torch.equal(model(image), model.head(up(0)))


@pytest.mark.slow
def test_unetpp_is_its_formula_and_anu_without_attention_is_unetpp() -> None:
    plain = small("unetpp").eval()
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        depth = plain(image)
        assert torch.equal(depth, plain.head(nested_by_formula(plain, image, {})))
        bare = small("anu", awca=False, psnl=False).eval()
        bare.load_state_dict(plain.state_dict())  # strict: not one parameter more
        assert torch.equal(bare(image), depth)
        full = small("anu", awca=False).eval()
        full.load_state_dict(plain.state_dict(), strict=False)
        assert torch.equal(full(image), depth)  # PSNL starts as the identity


@pytest.mark.slow
def test_awca_replaces_its_nodes_wherever_they_are_used() -> None:
    model = small("anu", psnl=False).eval()
    assert tuple(model.awca) == AWCA_NODES
    for module in model.awca.values():
        nn.init.zeros_(module.expand.weight)  # sigmoid(0): every channel is halved
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        expected = model.head(nested_by_formula(model, image, dict.fromkeys(AWCA_NODES, 0.5)))
        torch.testing.assert_close(model(image), expected)
    weights = model.channel_weights(image)
    assert {name: value.shape[1] for name, value in weights.items()} == {n: 8 * 2 ** int(n[0]) for n in AWCA_NODES}
    assert all((value == 0.5).all() for value in weights.values())


def test_anu_refuses_nodes_that_do_not_exist_and_attention_that_is_off() -> None:
    with pytest.raises(ValueError, match="awca_nodes: found '50', expected some of 00, "):
        create_model("anu", width=8, awca_nodes=["00", "50"])
    with pytest.raises(ValueError, match="psnl: found a network without it"):
        small("anu", psnl=False).attention_row(torch.rand(1, 3, 16, 16), 0, 0)


# AWCA


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
    torch.testing.assert_close(module.spatial_weights(features).flatten(), torch.tensor([0.25, 0.75], dtype=torch.float64))


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


# PSNL


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


# FCRN


def test_up_convolution_is_unpooling_and_convolution() -> None:
    generator = np.random.default_rng(0)
    x, weight = generator.normal(size=(2, 3, 4)), generator.normal(size=(2, 5, 5))
    holes = np.kron(x, [[1, 0], [0, 0]])
    expected = sum(correlate2d(plane, kernel, mode="same") for plane, kernel in zip(holes, weight, strict=True))
    result = unpool_conv(torch.tensor(x)[None], torch.tensor(weight)[None])[0, 0]
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)


@pytest.mark.slow
def test_fcrn_sizes_of_the_paper() -> None:
    model = FCRN(width=0.125).eval()
    with torch.no_grad():
        features = model.trunk(torch.rand(1, 3, 228, 304))[-1]
        assert features.shape == (1, 256, 8, 10)
        assert model.decoder(model.bridge(features)).shape == (1, 8, 128, 160)
        assert model(torch.rand(1, 3, 33, 47)).shape == (1, 1, 33, 47)


@pytest.mark.slow
def test_pretrained_trunk_is_the_resnet_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import ResNet50_Weights, resnet50

    theirs = resnet50().eval()
    monkeypatch.setattr(ResNet50_Weights, "get_state_dict", lambda self, **options: theirs.state_dict())
    ours = FCRN(pretrained=True).trunk.eval()
    theirs.avgpool = theirs.fc = nn.Identity()
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(ours(image)[-1].flatten(1), theirs(image))
    with pytest.raises(ValueError, match="width: found 0.5, expected 1 for pretrained weights"):
        FCRN(pretrained=True, width=0.5)
    with pytest.raises(ValueError, match="width: found 0.01, expected at least 1/64"):
        FCRN(width=0.01)


@pytest.mark.slow
def test_fcrn_normalises_the_image() -> None:
    model = FCRN(width=1 / 16).eval()
    seen = []
    model.trunk.conv1.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(1, 3, 40, 40))
    model(torch.ones(1, 3, 40, 40))
    assert seen[0].abs().max() < 1e-6
    torch.testing.assert_close(seen[1][0, :, 0, 0], torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))


def test_narrow_trunk_scales_every_stage() -> None:
    trunk = ResNetTrunk(width=0.25)
    assert trunk.conv1.out_channels == 16
    assert [getattr(trunk, f"layer{i}")[0].conv3.out_channels for i in (1, 2, 3, 4)] == [64, 128, 256, 512]


def test_join_is_a_concatenation_whose_gradients_are_whole_tensors() -> None:
    parts = [torch.randn(2, channels, 4, 6).to(memory_format=torch.channels_last).requires_grad_() for channels in (3, 1, 4)]
    weights, strides = torch.randn(2, 8, 4, 6).to(memory_format=torch.channels_last), []
    for part in parts:
        part.register_hook(lambda gradient: strides.append(gradient.is_contiguous(memory_format=torch.channels_last)))
    whole = join(parts)
    assert torch.equal(whole, torch.cat(parts, dim=1))
    found = torch.autograd.grad((whole * weights).sum(), parts)
    assert all(map(torch.equal, found, weights.split((3, 1, 4), dim=1))) and strides == [True] * 3
    with torch.no_grad():
        assert join(parts).grad_fn is None
