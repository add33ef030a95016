"""Protocols against the scripts of their sources, written again in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from depth_maps import maps

from depthlib.protocols.crops import filled
from depthlib.protocols.protocol import load_protocol


@pytest.mark.slow
def test_monodepth2_and_its_annotated_variant():
    pred, target, valid = maps(375, 1242, batch=1, far=100.0)
    for name in ("monodepth2", "monodepth2-annotated"):
        found = load_protocol(name).score(5 * pred, target, valid)
        t, p = target[0, 0].numpy(), 5 * pred[0, 0].numpy()
        if name == "monodepth2":
            mask = (t > 1e-3) & (t < 80)
            inside = np.zeros_like(mask)
            inside[int(0.40810811 * 375) : int(0.99189189 * 375), int(0.03594771 * 1242) : int(0.96405229 * 1242)] = (
                True
            )
            mask &= inside
        else:
            mask = t > 0
        t, p = t[mask], p[mask]
        p = np.clip(p * np.median(t) / np.median(p), 1e-3, 80)
        assert found["abs_rel"].item() == pytest.approx(np.mean(np.abs(t - p) / t), rel=1e-9)
        assert found["sq_rel"].item() == pytest.approx(np.mean((t - p) ** 2 / t), rel=1e-9)
        assert found["rmse_log"].item() == pytest.approx(np.sqrt(np.mean((np.log(t) - np.log(p)) ** 2)), rel=1e-9)


@pytest.mark.slow
def test_kitti_online_with_holes():
    pred, target, valid = maps(352, 1216, batch=1)
    hollow = pred.clone()
    hollow[..., ::3, 5:9] = 0
    found = load_protocol("kitti-online").score(hollow, target, valid)
    p, t, m = filled(hollow)[0, 0].numpy(), target[0, 0].numpy(), valid[0, 0].numpy()
    p, t = p[m], t[m]
    d = np.log(p) - np.log(t)
    assert found["si_log"].item() == pytest.approx(100 * np.sqrt(np.mean(d**2) - np.mean(d) ** 2), rel=1e-9)
    assert found["sq_error_rel"].item() == pytest.approx(100 * np.mean(((p - t) / t) ** 2), rel=1e-9)
    assert found["abs_error_rel"].item() == pytest.approx(100 * np.mean(np.abs(p - t) / t), rel=1e-9)
    assert found["irmse"].item() == pytest.approx(np.sqrt(np.mean((1000 / p - 1000 / t) ** 2)), rel=1e-9)


@pytest.mark.slow
def test_mai_counts_what_is_over_a_millimetre():
    pred, target, valid = maps(480, 640, batch=1)
    target[..., 0, :100], pred[..., 1, :100] = 0.001, 0.0
    found = load_protocol("mai2021").score(pred, target, target > 0)
    g, p = np.clip(target.numpy(), 1e-3, None), np.clip(pred.numpy(), 1e-3, None)
    mask = g > 1e-3
    d = np.log(p[mask]) - np.log(g[mask])
    assert found["si_rmse"].item() == pytest.approx(np.std(d), rel=1e-9)
    assert found["rmse"].item() == pytest.approx(np.sqrt(np.mean((g - p)[mask] ** 2)), rel=1e-9)


def test_make3d_is_measured_at_its_own_size_and_pooled():
    pred, target, valid = maps(55, 305, batch=1, far=78.0)
    c1, c2 = load_protocol("make3d-c1"), load_protocol("make3d-c2")
    truth, mask = c1.truth(target, valid)
    assert truth.shape[-2:] == (460, 345) and set(truth.unique().tolist()) <= set(target.unique().tolist())
    assert 0 < mask.sum() < c2.truth(target, valid)[1].sum()
    small = F.interpolate(pred, (57, 76), mode="bilinear", align_corners=False)
    assert c1.score(small, target, valid)["rmse"].isfinite()
    rows = load_protocol("dual-make3d")
    assert rows.truth(target, valid)[1].sum() == (valid & (target < 70))[..., 17:38, :].sum()
    assert rows.score(torch.rand(1, 1, 384, 1248) + 5, target, valid)["rmse_log10"].isfinite()


def test_regions_share_the_scale_of_the_image():
    pred, target, valid = maps(batch=1)
    protocol = load_protocol("monodepth2+crop=none")
    near, far = (
        protocol.score(5 * pred, target, valid, region=r)["abs_rel"].item() for r in (target <= 20, target > 20)
    )
    n = [(valid & (target < 80) & r).sum().item() for r in (target <= 20, target > 20)]
    whole = protocol.score(5 * pred, target, valid)["abs_rel"].item()
    assert (near * n[0] + far * n[1]) / sum(n) == pytest.approx(whole, rel=1e-12)
