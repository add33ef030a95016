"""Photometric errors against scikit-image, the general SSIM and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from loss_maps import pair
from skimage.metrics import structural_similarity
from tensors import F64
from torch.autograd import gradcheck
from torch.nn import functional as F

from depthlib.losses import photometric_error, photometric_loss
from depthlib.losses.photometric import ssim_3x3
from depthlib.metrics import ssim_map


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
