"""SSIM against scikit-image, in any layout and precision."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from devices import DEVICES
from skimage.metrics import structural_similarity

from depthlib import metrics as m


def skimage_ssim(a: np.ndarray, b: np.ndarray, data_range: float) -> np.ndarray:
    full = structural_similarity(
        a, b, data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1]
    return full[5:-5, 5:-5]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
@pytest.mark.parametrize("data_range", [1.0, 80.0])
def test_ssim_matches_scikit_image(dtype, tolerance, data_range, device):
    rng = np.random.default_rng(3)
    a = rng.random((2, 3, 30, 25)) * data_range
    b = np.clip(a + rng.normal(size=a.shape) * 0.1 * data_range, 0, data_range)
    got = m.ssim_map(*(torch.tensor(x, dtype=dtype, device=device) for x in (a, b)), data_range=data_range).cpu()
    expected = np.stack(
        [[skimage_ssim(x, y, data_range) for x, y in zip(p, q, strict=True)] for p, q in zip(a, b, strict=True)]
    )
    assert got.shape == (2, 3, 20, 15) and got.dtype == dtype
    assert np.abs(got.numpy() - expected).max() < tolerance
    mean = m.ssim(torch.tensor(a, dtype=dtype), torch.tensor(b, dtype=dtype), data_range=data_range)
    np.testing.assert_allclose(mean.numpy(), expected.mean((1, 2, 3)), atol=tolerance)


def test_ssim_of_far_flat_depth_in_float32():
    """Nearly flat depth at the far end of the range, where E[x^2] - mu^2 loses most digits."""
    rng = np.random.default_rng(5)
    a, b = (80 - rng.random((1, 1, 24, 24)) * 0.2 for _ in range(2))
    got = m.ssim_map(*(torch.tensor(x, dtype=torch.float32) for x in (a, b)), data_range=80.0)
    assert np.abs(got.numpy()[0, 0] - skimage_ssim(a[0, 0], b[0, 0], 80.0)).max() < 5e-4


def test_ssim_counts_only_whole_windows():
    rng = torch.Generator().manual_seed(1)
    a, b = (torch.rand(2, 1, 20, 30, generator=rng, dtype=torch.float64) for _ in range(2))
    valid = torch.ones(2, 1, 20, 30, dtype=torch.bool)
    valid[0, :, :, 15:] = False
    valid[1, :, 3, 4] = False
    expected = [m.ssim(a[:1, :, :, :15], b[:1, :, :, :15], data_range=1).item()]
    whole = [(y, x) for y in range(10) for x in range(20) if valid[1, 0, y : y + 11, x : x + 11].all()]
    local = m.ssim_map(a[1:], b[1:], data_range=1)[0, 0]
    expected.append(np.mean([local[y, x] for y, x in whole]))
    np.testing.assert_allclose(m.ssim(a, b, valid, data_range=1).numpy(), expected, rtol=1e-12)


@pytest.mark.slow
def test_ssim_is_differentiable_and_safe_for_equal_flat_images():
    rng = torch.Generator().manual_seed(1)
    a, b = (torch.rand(1, 2, 12, 13, generator=rng, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda x, y: m.ssim_map(x, y, data_range=1.0), (a, b))
    flat = torch.full((1, 1, 11, 11), 0.5, requires_grad=True)
    m.ssim(flat, flat.detach(), data_range=1).sum().backward()
    assert flat.grad.isfinite().all()


def test_ssim_of_colour_in_any_memory_layout_is_that_of_each_channel():
    a, b = torch.rand(2, 2, 3, 14, 17, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    each = torch.cat([m.ssim_map(a[:, [c]], b[:, [c]], data_range=1) for c in range(3)], dim=1)
    for layout in (torch.contiguous_format, torch.channels_last):
        whole = m.ssim_map(a.to(memory_format=layout), b.to(memory_format=layout), data_range=1)
        torch.testing.assert_close(whole, each, rtol=1e-12, atol=1e-12)
    assert m.ssim_map(a[:0], b[:0], data_range=1).shape == (0, 3, 4, 7)


def test_ssim_under_autocast_stays_in_float32():
    rng = torch.Generator().manual_seed(1)
    a = torch.rand(1, 1, 20, 20, generator=rng)
    b = (a + 0.1 * torch.rand(1, 1, 20, 20, generator=rng)).clamp(max=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = m.ssim_map(a, b, data_range=1)
    assert torch.equal(mixed, m.ssim_map(a, b, data_range=1))


@pytest.mark.slow
def test_losses_can_use_ssim_without_loading_torchmetrics():
    code = "import sys, depthlib.metrics; sys.exit('torchmetrics' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
