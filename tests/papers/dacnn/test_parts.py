"""DACNN against its formulas written a second time, closed forms, parameter counts and properties that must hold."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.nn import functional as F

from depthlib.bench import PeakBytes
from depthlib.bench.depth_aware_conv import FORMS, measure
from depthlib.geometry import warp_disparity
from depthlib.models import create_model
from depthlib.models.aspp import ASPP
from depthlib.models.correlation import CorrelationBlock, correlation
from depthlib.papers.dacnn.depth_aware_conv import (
    DILATIONS,
    DepthAwareBlock,
    DepthAwareConv2d,
    affinity_map,
    depth_aware_conv,
    depth_aware_conv_unfold,
    gaussian_kernel,
)
from depthlib.papers.dacnn.loss import WEIGHTS, dacnn_loss, guidance_loss, pixel_loss, proxy_loss
from depthlib.papers.dacnn.network import Encoder, GuidanceBranch, scaled
from depthlib.papers.dacnn.pyramid_nonlocal import PyramidNonLocal
from depthlib.protocols.sliding_window import Windowed, mirrored, predict_windows, window_starts

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]
SMALL = {"backbone": "resnest14d", "width": 0.125, "guidance_channels": 4}
IMAGE = (32, 48)


def small(name: str = "dacnn", **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, **SMALL | options)


def views(name: str, batch: int = 2, size: tuple[int, int] = IMAGE, **options) -> list[Tensor]:
    """The arguments of a network: one image, or two."""
    torch.manual_seed(1)
    return [torch.rand(batch, 3, *size, **options) for _ in range(2 if name == "dacnn_teacher" else 1)]


def settled(model: nn.Module, images: list[Tensor]) -> nn.Module:
    """In evaluation, with the statistics of these images: with those of the start the signals fade from layer to layer."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(*images)
    return model.eval()


def randomise(module: nn.Module) -> nn.Module:
    """Random weights and statistics of order 1, where zeros and ones would hide a mistake."""
    torch.manual_seed(0)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5) if name.endswith("running_var") else tensor.normal_()
    return module


def norm_relu(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Batch norm in evaluation and ReLU, written out."""
    mean, var, weight, bias = (t.view(-1, 1, 1) for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias))
    return ((x - mean) / (var + 1e-5).sqrt() * weight + bias).clamp_min(0)


# Depth-aware convolution


def random_arguments(
    height: int = 5, width: int = 6, channels: int = 3, guidance: int = 2, outputs: int = 4, device: str = "cpu"
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, channels, height, width), (2, guidance, height, width), (outputs, channels, 3, 3), (outputs,)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(device).requires_grad_() for s in shapes]


def by_formula(f, g, w, bias, dilation: int, normalize: bool) -> np.ndarray:
    """Eq. 2, pixel by pixel."""
    f, g, w, bias = (x.detach().cpu().numpy() for x in (f, g, w, bias))
    height, width = f.shape[-2:]
    result = np.zeros((f.shape[0], w.shape[0], height, width))
    for b, y, x in np.ndindex(f.shape[0], height, width):
        total, mass = 0.0, 0.0
        for i, j in np.ndindex(3, 3):
            v, u = y + dilation * (i - 1), x + dilation * (j - 1)
            if 0 <= v < height and 0 <= u < width:
                k = np.exp(-0.5 * np.sum((g[b, :, y, x] - g[b, :, v, u]) ** 2))
                total, mass = total + k * w[:, :, i, j] @ f[b, :, v, u], mass + k
        result[b, :, y, x] = (total / mass if normalize else total) + bias
    return result


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("dilation", [1, 2, 4, 5])
def test_both_forms_are_equation_2(dilation: int, normalize: bool) -> None:
    arguments = random_arguments()
    expected = by_formula(*arguments, dilation, normalize)
    for function in (depth_aware_conv, depth_aware_conv_unfold):
        result = function(*arguments, dilation=dilation, normalize=normalize)
        np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dilation", DILATIONS)
@pytest.mark.parametrize("function", [depth_aware_conv, depth_aware_conv_unfold])
def test_constant_guidance_is_the_ordinary_convolution_exactly(function, dilation: int) -> None:
    generator = torch.Generator().manual_seed(0)
    features, weight, bias = (  # whole numbers: their sums are exact in any order
        torch.randint(-9, 10, shape, generator=generator).float() for shape in [(2, 5, 16, 20), (3, 5, 3, 3), (3,)]
    )
    guidance = torch.randn(2, 7, 1, 1, generator=generator).expand(2, 7, 16, 20)
    result = function(features, guidance, weight, bias, dilation=dilation)
    assert torch.equal(result, F.conv2d(features, weight, bias, padding=dilation, dilation=dilation))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("normalize", [False, True])
def test_both_forms_have_the_same_gradients(normalize: bool, device: str) -> None:
    for dilation in DILATIONS:
        arguments = random_arguments(14, 22, device=device)
        results = []
        for function in (depth_aware_conv, depth_aware_conv_unfold):
            output = function(*arguments, dilation=dilation, normalize=normalize)
            results.append([output, *torch.autograd.grad(output.sin().sum(), arguments)])
        for ours, literal in zip(*results, strict=True):
            torch.testing.assert_close(ours, literal, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("dilation", [2, (1, 2)])
def test_depth_aware_convolution_passes_gradcheck(dilation: int | tuple[int, int], normalize: bool) -> None:
    arguments = random_arguments(3, 4, channels=2, outputs=2)
    assert gradcheck(lambda *a: depth_aware_conv(*a, dilation=dilation, normalize=normalize), arguments)


def test_several_dilations_share_the_outputs_and_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    features, guidance, weight, bias = random_arguments(7, 9)
    shares = zip(weight.split(2), bias.split(2), (1, 3), strict=True)
    expected = torch.cat([depth_aware_conv_unfold(features, guidance, w, b, dilation=d) for w, b, d in shares], dim=1)
    for strip in (2**18, 9 * 4 * 5):        # the whole batch; five positions
        monkeypatch.setattr("depthlib.papers.dacnn.depth_aware_conv.STRIP", strip)
        result = depth_aware_conv(features, guidance, weight, bias, dilation=(1, 3))
        torch.testing.assert_close(result, expected)
        gradients, literal = (
            torch.autograd.grad(x.sin().sum(), (features, guidance, weight), retain_graph=True) for x in (result, expected)
        )
        torch.testing.assert_close(gradients, literal)


@pytest.mark.slow
def test_kernel_collapses_with_many_channels_and_the_scale_cures_it() -> None:
    torch.manual_seed(0)
    size, weight = (1, 4, 64, 64), torch.randn(4, 4, 3, 3)
    kept = {}
    for channels in (1, 8, 32, 64):
        for scale in (1.0, GuidanceBranch(8, 0.1, channels, None).scale):
            guidance = (scale * torch.randn(1, channels, 64, 64)).requires_grad_()
            off_centre = gaussian_kernel(guidance)[0, [0, 1, 2, 3, 5, 6, 7, 8], 1:-1, 1:-1].mean().item()
            # A difference of two normal numbers has variance 2 s^2, and E exp(-x^2 / 2) = (1 + var)^(-1/2).
            expected = (1 + 2 * scale**2) ** (-channels / 2)
            assert off_centre == pytest.approx(expected, rel=0.05 if channels <= 8 or scale < 1 else 20)
            output = depth_aware_conv(torch.randn(size), guidance, weight)
            kept[channels, scale < 1] = (off_centre, torch.autograd.grad(output.square().sum(), guidance)[0].abs().mean().item())
    assert kept[64, False][0] < 1e-9 < 0.36 < kept[64, True][0] < 0.42
    assert kept[64, False][1] < 1e-6 * kept[1, False][1]
    assert kept[64, True][1] > 1e-2 * kept[1, False][1]


def test_an_object_border_is_not_mixed() -> None:
    torch.manual_seed(0)
    guidance = torch.zeros(1, 2, 12, 12)
    guidance[..., 5:] = 100.0  # two surfaces
    features, other = torch.randn(2, 1, 3, 12, 12)
    changed = torch.where(torch.arange(12) < 5, features, other)
    weight = torch.randn(4, 3, 3, 3)
    before, after = (depth_aware_conv(f, guidance, weight, dilation=2) for f in (features, changed))
    assert torch.equal(before[..., :5], after[..., :5])
    assert not torch.equal(F.conv2d(features, weight, padding=1)[..., :5], F.conv2d(changed, weight, padding=1)[..., :5])


def test_pictures_of_the_kernel() -> None:
    torch.manual_seed(0)
    guidance = 0.3 * torch.randn(2, 3, 9, 11)
    kernel = gaussian_kernel(guidance, dilation=2)
    assert kernel.shape == (2, 9, 9, 11)
    assert (kernel[:, 4] == 1).all()
    assert (kernel[:, 0, :2] == 0).all()
    assert (kernel[:, 5, :, -2:] == 0).all()
    assert torch.equal(kernel[:, 0, 2:, 2:], kernel[:, 8, :-2, :-2])  # K(p, q) = K(q, p)
    around = affinity_map(guidance, 4, 5)
    assert around.shape == (2, 1, 9, 11)
    torch.testing.assert_close(around[:, 0, 2:7:2, 3:8:2].flatten(1), kernel[:, :, 4, 5])
    with pytest.raises(ValueError, match=r"pixel: found \(9, 0\), expected one inside the map of 9x11"):
        affinity_map(guidance, 9, 0)


@pytest.mark.parametrize("device", DEVICES)
def test_mixed_and_half_precision(device: str) -> None:
    torch.manual_seed(0)
    conv = DepthAwareConv2d(8, 4, dilation=2).to(device)
    features, guidance = torch.randn(1, 8, 8, 8, device=device), torch.randn(1, 4, 8, 8, device=device)
    expected = conv(features, guidance)
    with torch.autocast(device, torch.bfloat16):
        mixed = conv(features.bfloat16(), guidance)
    mixed.sum().backward()
    assert conv.weight.grad.dtype == torch.float32
    assert mixed.dtype == torch.bfloat16
    torch.testing.assert_close(mixed.float(), expected, rtol=0.03, atol=0.03)
    # K is taken in float32: exp(-2) has no close value in bfloat16.
    close = torch.tensor([256.0, 258.0]).bfloat16().view(1, 1, 1, 2)
    assert gaussian_kernel(close)[0, 5, 0, 0].item() == pytest.approx(np.exp(-2))


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
def test_tap_by_tap_holds_a_fraction_of_what_unfolding_holds(train: bool) -> None:
    options = {"guidance": 8, "outputs": 8, "dilation": 6, "train": train, "repeats": 0, "device": torch.device("cpu")}
    features = 4 * 32 * 128 * 256
    peak = {form: measure(form, (1, 32, 128, 256), **options)[0] / features for form in FORMS}
    assert peak["unfold"] > 9
    assert peak["tap by tap"] < (4 if train else 1.5)


def test_peak_bytes_by_hand() -> None:
    with PeakBytes() as counter:
        a = torch.ones(100)  # 400 bytes
        b = a.view(10, 10) + 1  # 400 more; the view is free
        del a
        c = torch.cat([b, b])  # 800; 1200 alive
        del b, c
        torch.ones(10)
    assert counter.peak == 1200


def test_depth_aware_convolution_names_what_is_wrong() -> None:
    features, guidance, weight = torch.rand(2, 3, 4, 5), torch.rand(2, 1, 4, 5), torch.rand(6, 3, 3, 3)
    for arguments, options, message in (
        ((features[0], guidance, weight), {}, r"features: found shape \[3, 4, 5\]"),
        ((features, guidance[..., :4], weight), {}, r"guidance: found shape \[2, 1, 4, 4\], expected \[2,G,4,5\]"),
        ((features, guidance, weight[:, :2]), {}, r"weight: found shape \[6, 2, 3, 3\], expected \[C',3,3,3\]"),
        ((features, guidance, weight), {"dilation": 0}, "dilation: found 0, expected at least 1"),
        ((features, guidance, weight), {"dilation": (1, 2, 3, 4)}, "dilation: found 1, 2, 3, 4, expected .* equal shares of 6 outputs"),
    ):
        with pytest.raises(ValueError, match=message):
            depth_aware_conv(*arguments, **options)
    with pytest.raises(TypeError, match="guidance: found dtype torch.int64"):
        depth_aware_conv(features, guidance.long(), weight)
    with pytest.raises(ValueError, match="channels: found 6, expected a multiple of the number of dilations, 4"):
        DepthAwareBlock(6)


def test_depth_aware_block_is_its_formula_and_its_ablation_has_the_same_weights() -> None:
    torch.manual_seed(0)
    block, plain = DepthAwareBlock(8), DepthAwareBlock(8, depth_aware=False)
    plain.load_state_dict(block.state_dict())
    features, guidance = torch.randn(2, 8, 20, 24), torch.randn(2, 3, 20, 24)
    for module, cues in ((block, guidance), (plain, torch.zeros_like(guidance))):
        parts = [
            depth_aware_conv_unfold(features, cues, branch.weight, branch.bias, dilation=d)
            for branch, d in zip(module.branches, (1, 6, 12, 18), strict=True)
        ]
        expected = F.conv2d(torch.cat(parts, 1), module.mix.weight, module.mix.bias).clamp_min(0)
        torch.testing.assert_close(module(features, guidance), expected, rtol=1e-4, atol=1e-5)
    normalized = DepthAwareBlock(8, normalize=True)
    normalized.load_state_dict(block.state_dict())
    assert not torch.allclose(normalized(features, guidance), block(features, guidance))


# ASPP


def test_aspp_is_its_formula() -> None:
    module = randomise(ASPP(4, 3, rates=(1, 2, 5))).double().eval()
    x = torch.randn(2, 4, 7, 9, dtype=torch.float64)
    parts = [norm_relu(F.conv2d(x, module.branches[0][0].weight), module.branches[0][1])]
    for branch, rate in zip(module.branches[1:], (2, 5), strict=True):
        assert branch[0].weight.shape[-2:] == (3, 3)
        parts.append(norm_relu(F.conv2d(F.pad(x, [rate] * 4), branch[0].weight, dilation=rate), branch[1]))
    mean = torch.einsum("oc,bc->bo", module.image_mean[0].weight[..., 0, 0], x.mean(dim=(2, 3)))
    parts.append(norm_relu(mean[:, :, None, None], module.image_mean[1]).expand_as(parts[0]))
    expected = norm_relu(F.conv2d(torch.cat(parts, 1), module.mix[0].weight), module.mix[1])
    torch.testing.assert_close(module(x), expected)


# Pyramid non-local block


def cells(length: int, grid: int) -> list[slice]:
    return [slice(i * length // grid, -(-(i + 1) * length // grid)) for i in range(grid)]


@pytest.mark.parametrize("size", [(9, 12), (7, 5)])
def test_pyramid_block_is_its_formula(size: tuple[int, int]) -> None:
    module = randomise(PyramidNonLocal(6, 4)).double().eval()
    x = 0.3 * torch.randn(2, 6, *size, dtype=torch.float64)
    query = norm_relu(F.conv2d(x, module.query_key[0].weight, module.query_key[0].bias), module.query_key[1]).detach().numpy()
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


# Correlation


@pytest.mark.parametrize("device", DEVICES)
def test_correlation_peaks_at_the_true_disparity(device: str) -> None:
    torch.manual_seed(0)
    right = torch.randn(2, 64, 8, 40, device=device)
    truth = torch.tensor([[3.0] * 4 + [11.0] * 4] * 2).view(2, 1, 8, 1).expand(2, 1, 8, 40).to(device)
    left, visible = warp_disparity(right, truth)
    found = correlation(left, right).argmax(dim=1, keepdim=True)
    assert torch.equal(found[visible], truth[visible].long())
    assert visible.sum() == 2 * (4 * 37 + 4 * 29)


def test_correlation_by_hand() -> None:
    left = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).view(1, 2, 1, 3)
    right = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]).view(1, 2, 1, 3)
    expected = torch.tensor([
        [1 / 2, 5 / 2, 12 / 2],  # 1 + 0, 0 + 5, 6 + 6
        [0, 2 / 2, 6 / 2],  # left at 1, 2 with right at 0, 1
        [0, 0, 3 / 2],
        [0, 0, 0],
        [0, 0, 0],
    ])
    assert torch.equal(correlation(left, right, 4)[0, :, 0], expected)
    views = [x.double().requires_grad_() for x in (left, right)]
    assert gradcheck(lambda a, b: correlation(a, b, 4), views)
    with pytest.raises(ValueError, match=r"right: found shape \[1, 2, 1, 2\]"):
        correlation(left, right[..., :2])
    with pytest.raises(ValueError, match="max_displacement: found -1, expected at least 0"):
        correlation(left, right, -1)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_correlation_is_the_mean_over_channels_in_full_precision(layout: torch.memory_format) -> None:
    left, right = (x.to(memory_format=layout) for x in torch.randn(2, 2, 3, 4, 6, dtype=torch.float64))
    expected = torch.zeros(2, 8, 4, 6, dtype=torch.float64)
    for d in range(6):
        for x in range(d, 6):
            expected[:, d, :, x] = sum(left[:, c, :, x] * right[:, c, :, x - d] for c in range(3)) / 3
    torch.testing.assert_close(correlation(left, right, 7), expected, rtol=1e-12, atol=1e-12)
    assert correlation(left.bfloat16(), right.bfloat16(), 2).dtype == torch.bfloat16


def test_correlation_block_is_its_formula() -> None:
    module = randomise(CorrelationBlock(8, 5)).double().eval()
    left, right = torch.randn(2, 2, 8, 6, 9, dtype=torch.float64)
    volume = F.conv2d(correlation(left, right, 5), module.matching[0].weight, padding=1)
    features = F.conv2d(left, module.left[0].weight, padding=1)
    expected = torch.cat([norm_relu(volume, module.matching[1]), norm_relu(features, module.left[1])], 1)
    assert (volume.shape[1], features.shape[1]) == (2, 6)
    torch.testing.assert_close(module(left, right), expected)


# The networks


@pytest.mark.parametrize(("name", "count"), [("dacnn", 42_916_449), ("dacnn_teacher", 43_142_817)])
def test_parameter_counts(name: str, count: int) -> None:
    def parameters(module: nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    with torch.device("meta"):
        model = create_model(name)
    assert parameters(model) == count
    assert parameters(model.encoder.trunk) == 25_434_240
    assert parameters(model.encoder.aspp) == 15_535_104
    assert parameters(model.source) == (230_912 if name == "dacnn" else 457_280)
    assert model.guidance.scale == pytest.approx(32**-0.5)
    assert [branch.dilation for branch in model.decoder.blocks[0].branches] == [(d, d) for d in (1, 6, 12, 18)]
    if name == "dacnn_teacher":
        assert model.source.matching[0].in_channels == 25


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["dacnn", "dacnn_teacher"])
def test_contract(name: str, device: str) -> None:
    model = small(name, max_depth=10.0).to(device)
    images = views(name, device=device)
    depth = model(*images)
    assert depth.shape == (2, 1, *IMAGE)
    assert depth.dtype == torch.float32
    assert ((depth > 0) & (depth <= 10)).all()
    model.eval()
    estimate = model.estimate(*images)
    assert torch.equal(estimate.depth, model(*images))
    assert [tuple(g.shape) for g in estimate.guidance] == [(2, 4, 4, 6), (2, 4, 8, 12), (2, 4, 16, 24)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dacnn", "dacnn_teacher"])
def test_every_parameter_learns(name: str) -> None:
    model = small(name, dilations=(1, 2, 3, 4)).double()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith(("bn3.weight", "source.w.weight")):  # start at 0 and would hide the rest
            nn.init.normal_(parameter)
    model(*views(name, size=(64, 96), dtype=torch.float64)).square().sum().backward()
    unused = {n for n, p in model.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-12}
    # K sees differences of the guidance only. A constant in front of a norm has no effect.
    constants = {f"guidance.outputs.{i}.bias" for i in range(3)} | {f"source.{n}.bias" for n in ("query_key.0", "w", "merge.0")}
    assert {n for n in unused if ".fc1.bias" not in n} <= constants


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dacnn", "dacnn_teacher"])
def test_channels_last_and_autocast_change_little(name: str) -> None:
    images = views(name)
    model = settled(small(name), images)
    with torch.no_grad():
        expected = model(*images)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model(*images)
        last = model.to(memory_format=torch.channels_last)(*(x.to(memory_format=torch.channels_last) for x in images))
    torch.testing.assert_close(last, expected, rtol=1e-4, atol=1e-5)
    assert mixed.dtype == torch.float32
    assert ((mixed - expected).abs() / expected).median() < 0.03


@pytest.mark.slow
def test_depth_follows_the_guidance_only_if_the_blocks_are_depth_aware() -> None:
    image = views("dacnn")[0]
    depths = {}
    for depth_aware in (True, False):
        model = small(depth_aware=depth_aware)
        for factor in (0.0, 5.0):
            model.guidance.scale = factor
            depths[depth_aware, factor] = settled(model, [image])(image)
    assert torch.equal(depths[False, 0.0], depths[False, 5.0])
    torch.testing.assert_close(depths[True, 0.0], depths[False, 0.0], rtol=1e-5, atol=1e-5)  # no cues: ordinary convolutions
    assert (depths[True, 0.0] - depths[True, 5.0]).abs().mean() > 0.1
    model.load_state_dict(small().state_dict())  # strict: the ablation has the same parameters
    assert small(guidance_scale=1.0).guidance.scale == 1


@pytest.mark.slow
def test_networks_are_their_parts() -> None:
    """Fig. 2, put together once more from the modules."""
    image = views("dacnn")[0]
    model = settled(small(), [image])

    def up(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear")

    with torch.no_grad():
        half, quarter, deep = model.encoder.trunk(model.encoder.normalise(image))
        assert [x.shape[-1] for x in (half, quarter, deep)] == [24, 12, 6]
        f = model.encoder.aspp(deep)
        a = model.guidance.stages[0](model.source(f))
        b = model.guidance.stages[1](up(a))
        e = model.guidance.stages[2](up(b))
        g1, g2, g3 = (0.5 * conv(x) for conv, x in zip(model.guidance.outputs, (a, b, e), strict=True))  # 4 ** -0.5
        d = model.decoder
        x = d.fuse[0](torch.cat([up(d.blocks[0](d.stem(f), g1)), quarter], 1)).relu()
        x = d.fuse[1](torch.cat([up(d.blocks[1](x, g2)), half], 1)).relu()
        x = d.fuse[2](up(d.blocks[2](x, g3))).relu()
        estimate = model.estimate(image)
    torch.testing.assert_close(estimate.depth, d.head(x))
    torch.testing.assert_close(estimate.guidance, (g1, g2, g3))


@pytest.mark.slow
def test_teacher_sees_both_views_and_mixes_no_pairs() -> None:
    left, right = views("dacnn_teacher")
    model = settled(small("dacnn_teacher", guidance_scale=5.0), [left, right])
    with torch.no_grad():
        both = model(left, right)
        torch.testing.assert_close(model(left[:1], right[:1]), both[:1], rtol=1e-4, atol=1e-5)
        assert (model(left, right.flip(0)) - both).abs().mean() > 0.03
        estimate = model.finish(model.encoder(left), model.source(model.encoder(left).top, model.encoder(right).top))
        torch.testing.assert_close(estimate.depth, both, rtol=1e-4, atol=1e-5)
    assert small("dacnn_teacher").train()(left[:1], right[:1]).shape == (1, 1, *IMAGE)  # a pair is a batch of two


def test_what_the_blocks_make_reaches_the_head_at_the_start() -> None:
    """An untrained branch whose signal is lost between its skips learns from the skips alone."""
    model, seen = small(width=0.25, dilations=(1, 2, 3, 4)), []
    for module in (*model.decoder.fuse, model.decoder.head.conv):
        module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(views("dacnn", size=(64, 96))[0])
    own = [x[:, : x.shape[1] - skip].std() for x, skip in zip(seen, (64, 16, 0, 0), strict=True)]
    assert min(own) > 0.05


def test_encoder_normalises_the_image() -> None:
    model = small().eval()
    seen = []
    model.encoder.trunk.conv1.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(torch.ones(1, 3, 16, 16))
    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))


def test_width_scales_every_part() -> None:
    assert [scaled(c, 1.0) for c in (32, 64, 128, 256)] == [32, 64, 128, 256]
    assert [scaled(c, 0.3) for c in (32, 64, 128, 256)] == [8, 16, 40, 80]
    with torch.device("meta"):
        encoder = Encoder("resnest26d", 0.5, (1, 6, 12, 18), False)
    assert (encoder.half, encoder.quarter, encoder.top) == (32, 128, 128)
    assert encoder.trunk.feature_info.channels() == [32, 128, 1024]


def test_networks_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="backbone: found 'resnet50', expected one of resnest50d, "):
        small(backbone="resnet50")
    with pytest.raises(ValueError, match="width: found 0.125, expected 1 with pretrained=True"):
        small(pretrained=True)
    with pytest.raises(ValueError, match="width: found 0, expected a positive factor"):
        small(width=0)
    model = small()
    with pytest.raises(ValueError, match="image: found batch size 1, expected 2 or more"):
        model(torch.rand(1, 3, 16, 16))
    with pytest.raises(ValueError, match="found 20x16, expected .* multiples of 8: .* 24x16"):
        model.eval()(torch.rand(1, 3, 20, 16))
    with pytest.raises(ValueError, match="left, right: found shapes .* expected equal shapes"):
        small("dacnn_teacher")(torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 24))


def test_pretrained_trunk_is_that_of_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm
    from timm.models import _builder

    torch.manual_seed(3)
    theirs = timm.create_model("resnest14d", output_stride=8).eval()
    monkeypatch.setattr(_builder, "load_state_dict_from_hf", lambda *args, **options: dict(theirs.state_dict()))
    ours = Encoder("resnest14d", 1.0, (1,), pretrained=True).trunk.eval()
    image = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        assert torch.equal(ours(image)[-1], theirs.forward_features(image))


@pytest.mark.slow
def test_importing_the_network_does_not_import_timm() -> None:
    code = "import sys, depthlib.papers.dacnn.network, depthlib.protocols.sliding_window, depthlib.losses; assert 'timm' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# Losses


PRED, TARGET, VALID = (
    torch.tensor(rows, dtype=torch.float64)[None, None]
    for rows in ([[1, 2, 4], [3, 5, 6]], [[1, 4, 1], [2, 5, 9]], [[1, 1, 0], [1, 1, 1]])
)


def test_pixel_and_proxy_loss_by_hand() -> None:
    # pred - target: 0 -2 (3); 1 0 -3
    for distance, labels, everywhere in (("absolute", 6 / 5, 9 / 6), ("squared", 14 / 5, 23 / 6), ("signed", -4 / 5, -1 / 6)):
        assert pixel_loss(PRED, TARGET, VALID.bool(), distance=distance).item() == pytest.approx(labels)
        assert proxy_loss(PRED, TARGET, distance=distance).item() == pytest.approx(everywhere)
    with pytest.raises(ValueError, match="distance: found 'l1', expected one of absolute, squared, signed"):
        pixel_loss(PRED, TARGET, VALID.bool(), distance="l1")
    with pytest.raises(TypeError, match="bool"):
        pixel_loss(PRED, TARGET, VALID, distance="signed")


def random_guidance(channels: int = 32) -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    sizes = ((8, 16), (16, 32), (32, 64))
    student, teacher = ([torch.randn(2, channels, *s, generator=generator).double() for s in sizes] for _ in range(2))
    return student, teacher


@pytest.mark.parametrize(("axis", "reduction", "magnitude"), [
    ("channel", "element", 0.029), ("channel", "distribution", 0.93),
    ("spatial", "element", 0.00049), ("spatial", "distribution", 1.0),
])
def test_guidance_loss_is_the_kl_divergence(axis: str, reduction: str, magnitude: float) -> None:
    student, teacher = random_guidance()
    expected, per_scale = 0.0, []
    for g_s, g_t in zip(student, teacher, strict=True):
        shape = g_s.shape if axis == "channel" else (2, 32, -1)
        dim = 1 if axis == "channel" else 2
        p_s, p_t = (softmax(g.numpy().reshape(shape), axis=dim) for g in (g_s, g_t))
        divergence = rel_entr(p_t, p_s)
        per_scale.append(divergence.mean() if reduction == "element" else divergence.sum(axis=dim).mean())
        expected += per_scale[-1]
    result = guidance_loss(student, teacher, axis=axis, reduction=reduction)
    assert result.item() == pytest.approx(expected, rel=1e-9)
    assert per_scale[-1] == pytest.approx(magnitude, rel=0.1)
    assert guidance_loss(student, student, axis=axis, reduction=reduction).item() == 0
    shifted = [g + 3 for g in student]  # a softmax does not see it
    assert guidance_loss(student, shifted, axis=axis, reduction=reduction).item() == pytest.approx(0, abs=1e-9)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = ([g.requires_grad_() for g in maps] for maps in random_guidance(4))
    depth, taught = PRED.clone().requires_grad_(), TARGET.clone().requires_grad_()
    image = torch.rand(1, 3, 2, 3, dtype=torch.float64)
    total, _ = dacnn_loss(
        depth, TARGET, VALID.bool(), image, guidance=student, teacher_depth=taught, teacher_guidance=teacher
    )
    total.backward()
    assert taught.grad is None
    assert all(g.grad is None for g in teacher)
    assert all(g.grad.abs().max() > 0 for g in student)
    assert depth.grad.abs().max() > 0


def test_dacnn_loss_adds_its_weighted_terms() -> None:
    student, teacher = random_guidance(4)
    image = torch.rand(1, 3, 2, 3, dtype=torch.float64)
    options = {"guidance": student, "teacher_depth": TARGET, "teacher_guidance": teacher}
    total, terms = dacnn_loss(PRED, TARGET, VALID.bool(), image, **options)
    assert WEIGHTS == {"pixel": 1, "smooth": 0.01, "proxy": 0.01, "guidance": 1000}
    slopes = [(d.abs() * torch.exp(-i.abs().mean(dim=1, keepdim=True))).mean()
              for d, i in ((PRED.diff(dim=k), image.diff(dim=k)) for k in (2, 3))]
    expected = {
        "pixel": 6 / 5, "smooth": 0.01 * sum(slopes).item(), "proxy": 0.01 * 9 / 6,
        "guidance": 1000 * guidance_loss(student, teacher).item(),
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)
    assert total.item() == pytest.approx(sum(expected.values()))
    literal = {"distance": "squared", "axis": "spatial", "reduction": "distribution"}
    _, terms = dacnn_loss(PRED, TARGET, VALID.bool(), image, **options, **literal)
    assert terms["pixel"].item() == pytest.approx(14 / 5)
    assert terms["proxy"].item() == pytest.approx(0.01 * 23 / 6)
    assert terms["guidance"].item() == pytest.approx(
        1000 * guidance_loss(student, teacher, axis="spatial", reduction="distribution").item()
    )


def test_without_distillation_no_teacher_is_needed() -> None:
    image = torch.rand(1, 3, 2, 3, dtype=torch.float64)
    total, terms = dacnn_loss(PRED, TARGET, VALID.bool(), image, weights={"pixel": 1.0, "proxy": 0.0})
    assert list(terms) == ["pixel"]
    assert total.item() == pytest.approx(6 / 5)
    with pytest.raises(ValueError, match="teacher_depth: found None"):
        dacnn_loss(PRED, TARGET, VALID.bool(), image)
    with pytest.raises(ValueError, match="guidance of shapes .* expected equal shapes"):
        dacnn_loss(PRED, TARGET, VALID.bool(), image, teacher_depth=TARGET, guidance=[torch.rand(1, 2, 3, 3)])
    with pytest.raises(ValueError, match="weights: found l1, expected some of pixel, smooth, proxy, guidance"):
        dacnn_loss(PRED, TARGET, VALID.bool(), image, weights={"l1": 1.0})
    with pytest.raises(ValueError, match="weights: found only 0"):
        dacnn_loss(PRED, TARGET, VALID.bool(), image, weights={"pixel": 0.0})
    with pytest.raises(ValueError, match="axis: found 'row', expected one of channel, spatial"):
        guidance_loss([image], [image], axis="row")
    with pytest.raises(ValueError, match="reduction: found 'sum', expected one of element, distribution"):
        guidance_loss([image], [image], reduction="sum")


# Overlapping windows


class PerPixel(nn.Module):
    """Depth of each pixel from its own colour; counts what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, image: Tensor) -> Tensor:
        self.batches.append(image.shape[0])
        return 1 + 7.3 * image[:, :1] / (0.1 + image[:, 1:2]) + image[:, 2:].square()


@pytest.mark.parametrize(("length", "window", "stride", "starts"), [
    (375, 256, 128, [0, 119]), (1242, 512, 256, [0, 256, 512, 730]),
    (352, 256, 128, [0, 96]), (1216, 512, 256, [0, 256, 512, 704]),
    (512, 512, 256, [0]), (768, 512, 256, [0, 256]), (7, 3, 3, [0, 3, 4]),
])
def test_window_starts(length: int, window: int, stride: int, starts: list[int]) -> None:
    assert window_starts(length, window, stride) == starts


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("size", "window", "stride"), [
    ((375, 1242), (256, 512), None), ((24, 65), (16, 16), (5, 3)), ((16, 32), (16, 32), None),
    ((9, 50), (16, 32), None), ((3, 2), (16, 9), (4, 4)),
])
def test_a_network_that_acts_per_pixel_is_reproduced_exactly(size, window, stride, device: str) -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 3, *size, device=device)
    model = PerPixel().eval()
    depth = predict_windows(model, image, window=window, stride=stride, batch_size=6)
    assert torch.equal(depth, model(image))


def test_windows_are_averaged_and_batched() -> None:
    image = torch.zeros(1, 3, 10, 13)
    model = PerPixel().eval()

    def numbered(x: Tensor) -> Tensor:  # each window gives its own number everywhere
        first = len(model.batches)
        model.batches += [1] * x.shape[0]
        return torch.arange(first, first + x.shape[0]).float().view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])

    total, count = np.zeros((10, 13)), np.zeros((10, 13))
    corners = [(y, x) for y in (0, 3, 4) for x in (0, 4, 5)]
    for number, (y, x) in enumerate(corners):
        total[y : y + 6, x : x + 8] += number
        count[y : y + 6, x : x + 8] += 1
    for batch_size in (1, 4, 100):
        model.batches.clear()
        depth = predict_windows(numbered, image, window=(6, 8), batch_size=batch_size)
        np.testing.assert_allclose(depth[0, 0].numpy(), total / count, rtol=1e-5)
    for batch_size, batches in ((4, [4, 4, 4, 4, 2]), (1, [2] * 9), (100, [18])):
        model.batches.clear()
        predict_windows(model, image.expand(2, 3, 10, 13), window=(6, 8), batch_size=batch_size)
        assert model.batches == batches


def test_a_small_image_is_mirrored() -> None:
    image = torch.rand(1, 3, 3, 7)
    expected = np.pad(image.numpy(), ((0, 0), (0, 0), (0, 8), (0, 2)), mode="reflect")
    np.testing.assert_array_equal(mirrored(image, (11, 9)).numpy(), expected)
    assert torch.equal(mirrored(image, (3, 5)), image)
    assert torch.equal(mirrored(image[..., :1], (1, 4)), image[..., :1].expand(1, 3, 3, 4))


@pytest.mark.slow
def test_a_network_through_windows_is_a_network_like_others() -> None:
    inner = small()
    model = Windowed(inner, [16, 16])
    image = torch.rand(1, 3, 24, 20)
    with pytest.raises(ValueError, match="training mode"):
        model(image)
    depth = model.eval()(image)
    assert depth.shape == (1, 1, 24, 20)
    assert not inner.training
    assert not depth.requires_grad
    assert torch.equal(depth, predict_windows(inner, image, window=(16, 16)))
    assert torch.equal(predict_windows(inner, image[..., :16, :16], window=(16, 16)), inner(image[..., :16, :16]))
    with pytest.raises(ValueError, match=r"image: found shape \[3, 24, 20\], expected \[B, 3, H, W\]"):
        predict_windows(inner, image[0])
    with pytest.raises(ValueError, match=r"model: returned shape \[4, 3, 16, 16\], expected \[4, 1, 16, 16\]"):
        predict_windows(nn.Identity().eval(), image, window=(16, 16))
    with pytest.raises(ValueError, match="found stride 17, window 16, length 24, expected 1 <= stride <= "):
        predict_windows(inner, image, window=(16, 16), stride=(17, 8))
