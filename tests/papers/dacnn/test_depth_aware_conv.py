"""Depth-aware convolution: Equation 2 pixel by pixel, its two forms, and its block."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from devices import DEVICES
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional as F

from depthlib.papers.dacnn.depth_aware_conv import (
    DILATIONS,
    DepthAwareBlock,
    DepthAwareConv2d,
    affinity_map,
    depth_aware_conv,
    depth_aware_conv_unfold,
    gaussian_kernel,
)
from depthlib.papers.dacnn.network import GuidanceBranch


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
    for strip in (2**18, 9 * 4 * 5):  # the whole batch; five positions
        monkeypatch.setattr("depthlib.papers.dacnn.depth_aware_conv.STRIP", strip)
        result = depth_aware_conv(features, guidance, weight, bias, dilation=(1, 3))
        torch.testing.assert_close(result, expected)
        gradients, literal = (
            torch.autograd.grad(x.sin().sum(), (features, guidance, weight), retain_graph=True)
            for x in (result, expected)
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
            kept[channels, scale < 1] = (
                off_centre,
                torch.autograd.grad(output.square().sum(), guidance)[0].abs().mean().item(),
            )
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
    assert not torch.equal(
        F.conv2d(features, weight, padding=1)[..., :5], F.conv2d(changed, weight, padding=1)[..., :5]
    )


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


def test_depth_aware_convolution_names_what_is_wrong() -> None:
    features, guidance, weight = torch.rand(2, 3, 4, 5), torch.rand(2, 1, 4, 5), torch.rand(6, 3, 3, 3)
    for arguments, options, message in (
        ((features[0], guidance, weight), {}, r"features: found shape \[3, 4, 5\]"),
        ((features, guidance[..., :4], weight), {}, r"guidance: found shape \[2, 1, 4, 4\], expected \[2,G,4,5\]"),
        ((features, guidance, weight[:, :2]), {}, r"weight: found shape \[6, 2, 3, 3\], expected \[C',3,3,3\]"),
        ((features, guidance, weight), {"dilation": 0}, "dilation: found 0, expected at least 1"),
        (
            (features, guidance, weight),
            {"dilation": (1, 2, 3, 4)},
            "dilation: found 1, 2, 3, 4, expected .* equal shares of 6 outputs",
        ),
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
