"""Scalings: what they forgive, and medians and least squares by numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from depth_maps import maps

from depthlib.protocols.protocol import load_protocol, median_ratio
from depthlib.protocols.scaling import NYU_MEAN, NYU_STD, SCALINGS, median


def test_median_of_an_even_number_of_pixels_is_numpys():
    target = torch.tensor([1.0, 2, 4, 100]).view(1, 1, 2, 2)
    pred = torch.ones(1, 1, 2, 2)
    assert median_ratio(pred, target, target > 0).item() == np.median([1, 2, 4, 100]) == 3
    assert median_ratio(pred, target, target > 200).item() == 1


@pytest.mark.parametrize("count", range(1, 8))
def test_medians_are_those_of_numpy_and_torch(count):
    values = np.random.default_rng(count).normal(size=count).astype(np.float32)
    assert median(values) == np.median(values) and median(values, lower=True) == torch.from_numpy(values).median()
    values[count // 2] = np.nan
    assert np.isnan(median(values)) and np.isnan(median(values, lower=True))


def scaled(name: str, pred: torch.Tensor, target: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """A whole map, and the same from NumPy's arrays of its valid pixels."""
    protocol = load_protocol("diode").replace(scaling=name, clamp_prediction=False, min_depth=0.0, max_depth=80.0)
    found = protocol.prepare(pred, target, valid)[0]
    for p, t, mask, whole in zip(pred, target, valid, found, strict=True):
        pixels = SCALINGS[name](p[mask].numpy(), p[mask].numpy(), t[mask].numpy(), 80.0)
        np.testing.assert_allclose(whole[mask].numpy(), pixels, rtol=1e-12)
    return found


def test_scalings_forgive_what_they_say():
    pred, target, valid = maps()
    true = torch.where(valid, target, 7.0)
    for name, spoiled in [
        ("median", 3 * true),
        ("median_lower", 3 * true),
        ("least_squares_scale", 3 * true),
        ("least_squares", 3 * true + 5),
        ("least_squares_disparity", 1 / (3 / true + 0.01)),
    ]:
        found = scaled(name, spoiled, target, valid)
        torch.testing.assert_close(found[valid], target[valid], rtol=1e-6, atol=1e-6)
    shifted = scaled("least_squares_scale", 3 * true + 5, target, valid)
    assert (shifted - target)[valid].abs().max() > 0.5


def test_least_squares_and_lower_median_against_numpy():
    pred, target, valid = maps(batch=3)
    lower, line = (scaled(name, pred, target, valid) for name in ("median_lower", "least_squares"))
    for i in range(3):
        p, t, m = (x[i, 0].numpy() for x in (pred, target, valid))
        slope, offset = np.polyfit(p[m], t[m], 1)
        np.testing.assert_allclose(line[i, 0].numpy(), slope * p + offset, rtol=1e-9)
        middle = [np.sort(x[m])[(m.sum() - 1) // 2] for x in (t, p)]
        np.testing.assert_allclose(lower[i, 0].numpy(), p * middle[0] / middle[1], rtol=1e-9)


def test_chen_forgives_any_line_but_not_its_sign():
    pred, target, valid = maps(40, 50, far=8.0)
    protocol = load_protocol("chen2016-nyu")
    prepared, _, mask = protocol.prepare(pred, target, valid)
    assert prepared.mean(dim=(1, 2, 3)).tolist() == pytest.approx([NYU_MEAN] * 2)
    assert prepared.std(dim=(1, 2, 3)).tolist() == pytest.approx([NYU_STD] * 2)
    assert mask.sum() == valid[..., 16:24, 16:34].sum()
    a, b, c = (protocol.score(x, target, valid)["rmse"] for x in (pred, 100 * pred + 3, -pred))
    torch.testing.assert_close(a, b)
    assert (c > a + 0.1).all()
    with pytest.raises(ValueError, match="constant map"):
        protocol.score(torch.ones_like(pred), target, valid)
