"""The SSIM loss against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from loss_maps import PRED, TARGET, VALID, random_maps
from skimage.metrics import structural_similarity
from torch import Tensor

from depthlib.losses import ssim_loss


def reference_ssim(a: Tensor, b: Tensor, data_range: float) -> np.ndarray:
    """The map of scikit-image where its window lies inside."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    maps = structural_similarity(a.numpy(), b.numpy(), data_range=data_range, full=True, **options)[1]
    return maps[5:-5, 5:-5]


def test_ssim_loss_is_that_of_scikit_image_over_full_windows() -> None:
    pred, target, valid = random_maps(24, 20)
    valid[1, 0, 12, 0] = False
    total, count = 0.0, 0
    for p, t, v in zip(pred[:, 0], target[:, 0], valid[:, 0], strict=True):
        local = reference_ssim(p * v, t * v, 10.0)
        for row, column in np.ndindex(local.shape):
            if v[row : row + 11, column : column + 11].all():
                total, count = total + (1 - local[row, column]) / 2, count + 1
    assert 0 < count < 2 * 14 * 10
    assert ssim_loss(pred, target, valid, data_range=10.0).item() == pytest.approx(total / count, rel=1e-9)


def test_ssim_loss_of_any_window_masks_both_maps() -> None:
    pred, target, valid = random_maps(24, 20, batch=1)
    valid[:] = False
    valid[0, 0, 3::6, 2::6] = True
    valid[0, 0, :, 15:] = False  # no valid pixel in the windows of the last columns
    with pytest.raises(ValueError, match="no fully valid 11x11 window, expected at least one: use windows='any'"):
        ssim_loss(pred, target, valid, data_range=10.0)
    local = reference_ssim((pred * valid)[0, 0], (target * valid)[0, 0], 10.0)
    counted = np.array([[valid[0, 0, r : r + 11, c : c + 11].any().item() for c in range(10)] for r in range(14)])
    expected = (1 - local[counted].mean()) / 2
    assert ssim_loss(pred, target, valid, data_range=10.0, windows="any").item() == pytest.approx(expected, rel=1e-9)


def test_ssim_loss_bounds_and_refusals() -> None:
    pred, target, valid = random_maps()
    assert ssim_loss(target, target, valid, data_range=10.0).item() == pytest.approx(0, abs=1e-12)
    assert 0.5 < ssim_loss(10 - target, target, valid, data_range=10.0).item() < 1  # what is near is far
    with pytest.raises(ValueError, match="pred: found 2x3, expected at least 11x11 pixels for SSIM"):
        ssim_loss(PRED, TARGET, VALID, data_range=10.0)
    with pytest.raises(ValueError, match="windows: found 'some', expected 'full' or 'any'"):
        ssim_loss(pred, target, valid, data_range=10.0, windows="some")
