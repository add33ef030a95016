"""Protocols against the scripts of their sources, written again in NumPy; reductions and the metrics of single benchmarks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from depth_maps import maps
from torch import nn

from depthlib.metrics import benchmark
from depthlib.metrics.ordinal import whdr
from depthlib.protocols.crops import filled
from depthlib.protocols.evaluate import evaluate
from depthlib.protocols.protocol import load_protocol
from depthlib.protocols.reduction import reduce, reduced_interval


@pytest.mark.slow
def test_monodepth2_and_its_annotated_variant():
    pred, target, valid = maps(375, 1242, batch=1, far=100.0)
    for name in ("monodepth2", "monodepth2-annotated"):
        found = load_protocol(name).score(5 * pred, target, valid)
        t, p = target[0, 0].numpy(), 5 * pred[0, 0].numpy()
        if name == "monodepth2":
            mask = (t > 1e-3) & (t < 80)
            inside = np.zeros_like(mask)
            inside[int(0.40810811 * 375) : int(0.99189189 * 375), int(0.03594771 * 1242) : int(0.96405229 * 1242)] = True
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


def test_benchmark_units_by_hand():
    """10 m predicted as 20 m: 100 %, 100 %, and 1/10 - 1/20 = 0.05 1/m = 50 1/km. Eigen's sq_rel is 10 m for the same."""
    target = torch.full((1, 1, 2, 2), 10.0)
    names = ("abs_error_rel", "sq_error_rel", "irmse", "sq_rel", "mae", "rmse_log10")
    found = benchmark.errors(2 * target, target, target > 0, names)
    assert [round(v.item(), 4) for v in found.values()] == [100, 100, 50, 10, 10, 0.301]
    pred, target, valid = maps()
    si = benchmark.errors(pred, target, valid, ("si_mse", "si_rmse", "si_rmse_pairs"))
    torch.testing.assert_close(si["si_mse"] * 2, si["si_rmse_pairs"] ** 2)
    d = (pred.log() - target.clamp(min=1e-9).log())[0][valid[0]]
    pairs = (d[:, None] - d[None]) ** 2
    assert si["si_rmse_pairs"][0].item() == pytest.approx(pairs.mean().sqrt().item(), rel=1e-9)


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
    near, far = (protocol.score(5 * pred, target, valid, region=r)["abs_rel"].item() for r in (target <= 20, target > 20))
    n = [(valid & (target < 80) & r).sum().item() for r in (target <= 20, target > 20)]
    whole = protocol.score(5 * pred, target, valid)["abs_rel"].item()
    assert (near * n[0] + far * n[1]) / sum(n) == pytest.approx(whole, rel=1e-12)


# ---- reductions

def test_reductions_against_one_large_image():
    pred, target, valid = maps(batch=3)
    valid[1, :, :30] = False
    names = ("abs_rel", "rmse", "delta1", "log10", "rmse_log10", "irmse")
    each = benchmark.errors(pred, target, valid, names)
    p, t, m = (torch.cat(list(x), dim=1)[None] for x in (pred, target, valid))
    together = benchmark.errors(p, t, m, names)
    pixels = valid.sum(dim=(1, 2, 3)).tolist()
    for name in names:
        values = each[name].tolist()
        assert reduce(name, values, pixels, "pooled pixels") == pytest.approx(together[name].item(), rel=1e-12), name
        assert reduce(name, values, pixels, "mean over images") == pytest.approx(np.mean(values))
    assert reduce("rmse", [3, 4], [1, 99], "mean over images, roots last") == pytest.approx(np.sqrt(12.5))
    assert reduce("abs_rel", [3, 4], [1, 99], "mean over images, roots last") == 3.5


@pytest.mark.parametrize("reduction", ["mean over images", "mean over images, roots last", "pooled pixels"])
def test_the_interval_holds_the_estimate_and_has_the_right_width(reduction):
    rng = np.random.default_rng(0)
    values, pixels = rng.uniform(1, 2, 400), rng.integers(500, 1500, 400)
    found = reduced_interval("rmse", values, pixels, reduction)
    assert found.low < found.mean < found.high and found.mean == reduce("rmse", values, pixels, reduction)
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.2)
    one = reduced_interval("rmse", [1.5], [10], reduction)
    assert one.low == pytest.approx(1.5) and one.high == pytest.approx(1.5)


def test_evaluation_pools_where_the_protocol_says_so():
    class Items(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            depth = torch.full((1, 4, 4), 2.0)
            depth[:, : 3 * index] = 0
            return {"image": torch.full((3, 4, 4), 0.3 - 0.1 * index), "depth": depth, "valid": depth > 0, "name": str(index)}

    class Red(nn.Module):
        def forward(self, image):
            return 10 * image[:, :1]

    pooled = load_protocol("fcrn-nyu")
    found, _ = evaluate(Red(), Items(), pooled)
    assert found.pixels == [16, 4] and found.metrics["abs_rel"] == pytest.approx([0.5, 0.0], abs=1e-6)
    assert found.means()["abs_rel"] == pytest.approx(0.4) and found.means()["rmse"] == pytest.approx(np.sqrt(0.8))
    assert evaluate(Red(), Items(), pooled.replace(reduction="mean over images"))[0].means()["abs_rel"] == pytest.approx(0.25)


# ---- ordinal

def test_whdr_by_hand():
    depth = torch.tensor([[1.0, 2, 2], [4, 5, 6]]).view(1, 1, 2, 3)
    points = torch.tensor([[[0, 0, 1, 2], [1, 2, 0, 0], [0, 1, 0, 2], [0, 1, 0, 2]]])
    assert whdr(depth, points, torch.tensor([[-1, 1, 0, 1]])).item() == 0.25          # a tie that is not equal is wrong
    assert whdr(-depth, points, torch.tensor([[-1, 1, 0, 1]])).item() == 0.75
    assert whdr(depth, points, torch.tensor([[0, 0, 0, 0]]), threshold=10).item() == 0
    assert whdr(depth, points, torch.tensor([[-1, 1, 1, 1]]) * 1.0).item() == 0.5
    assert whdr(depth, points[:, 1:2], torch.tensor([[0]]), threshold=5).item() == 0        # a difference of just 5 is equal
    for bad, message in [(points + 1, "counts from 1"), (points.float(), "expected int64"), (points[:, :2], "with relations")]:
        with pytest.raises(ValueError, match=message):
            whdr(depth, bad, torch.tensor([[-1, 1, 0, 1]]))
    with pytest.raises(ValueError, match="only -1, 0, 1"):
        whdr(depth, points, torch.tensor([[2, 1, 0, 1]]))
