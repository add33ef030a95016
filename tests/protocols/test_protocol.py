"""Protocols against plain NumPy, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from depthlib.metrics.ssim import ssim
from depthlib.protocols.protocol import FOLDER, load_protocol

NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_a_protocol_of_its_own_name(name):
    protocol = load_protocol(name)
    assert protocol.name == name and protocol.card()["name"] == name


def test_unknown_names_and_fields():
    with pytest.raises(ValueError, match="unknown protocol 'nope': expected one of .*scenes"):
        load_protocol("nope")
    with pytest.raises(ValueError, match="scaling is 'lucky'"):
        replace(load_protocol("scenes"), scaling="lucky")


def maps(seed=0, shape=(3, 1, 6, 7)):
    generator = torch.Generator().manual_seed(seed)
    target = 0.05 + 12 * torch.rand(shape, generator=generator)
    pred = target * (0.4 + torch.rand(shape, generator=generator))
    return pred, target, torch.rand(shape, generator=generator) > 0.3


@pytest.mark.parametrize("scaling", ["none", "median"])
def test_order_mask_scale_clamp_measure(scaling):
    protocol = replace(
        load_protocol("scenes"), scaling=scaling, min_depth=1.0, max_depth=9.0, metrics=("abs_rel", "rmse")
    )
    pred, target, valid = maps()
    found = protocol.score(pred, target, valid)
    for i in range(3):
        t, p = target[i, 0].numpy(), pred[i, 0].numpy()
        mask = valid[i, 0].numpy() & (t > 1) & (t < 9)
        t, p = t[mask].astype(float), p[mask].astype(float)
        if scaling == "median":
            p = p * np.median(t) / np.median(p)
        p = np.clip(p, 1, 9)
        assert found["abs_rel"][i].item() == pytest.approx(np.mean(np.abs(p - t) / t), rel=1e-5)
        assert found["rmse"][i].item() == pytest.approx(np.sqrt(np.mean((p - t) ** 2)), rel=1e-5)


def test_median_scaling_forgives_any_factor():
    pred, target, valid = maps()
    protocol = replace(load_protocol("scenes-median"), clamp_prediction=False)
    a, b = protocol.score(pred, target, valid), protocol.score(7 * pred, target, valid)
    torch.testing.assert_close(a["rmse"], b["rmse"])
    assert (load_protocol("scenes").score(7 * pred, target, valid)["rmse"] > 2 * a["rmse"]).all()


def test_prediction_is_resized_bilinearly_to_the_truth():
    pred, target, valid = maps()
    small = F.interpolate(pred, (3, 4), mode="area")
    found = load_protocol("scenes").score(small, target, valid)
    same = load_protocol("scenes").score(
        F.interpolate(small, (6, 7), mode="bilinear", align_corners=False), target, valid
    )
    torch.testing.assert_close(found["abs_rel"], same["abs_rel"], rtol=0, atol=0)


def test_a_cut_of_the_tail_is_no_cut_of_the_prediction():
    truth = torch.tensor([2.0, 3.0, 5.0, 9.0]).view(1, 1, 1, 4)
    pred = torch.tensor([8.0, 3.0, 5.0, 1.0]).view(1, 1, 1, 4)
    near, far = (
        load_protocol(f"synergy-rooms+{cut}").score(pred, truth, truth > 0)
        for cut in ("max_depth=4.0", "min_depth=5.0")
    )
    assert near["rmse"].item() == pytest.approx((36 / 2) ** 0.5)  # 8 m stays 8 m, the two far pixels do not count
    assert far["abs_rel"].item() == pytest.approx(8 / 9)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"metrics": ("abs_rel", "nope")}, "metrics is .*'nope'"),
        ({"metrics": ()}, r"metrics is \(\), expected some of"),
        ({"reduction": "median"}, "reduction is"),
        ({"reduction": "pooled pixels", "metrics": ("abs_rel", "si_log")}, "si_log, expected only"),
        ({"min_depth": 90.0}, "expected 0 <= min < max"),
        ({"covers": "eigen", "scaling": "nyu_zscore"}, "of whole maps"),
        ({"clamp_when": "never"}, "clamp_when"),
        ({"holes": "deep"}, "holes"),
        ({"resize": "area"}, "resize"),
    ],
)
def test_impossible_protocols(changes, message):
    with pytest.raises(ValueError, match=f"protocol eigen-raw.*{message}"):
        load_protocol("eigen-raw").replace(**changes)


def test_nothing_outside_the_region_of_a_prediction_counts():
    protocol = load_protocol("synergy-nyu")
    target = torch.full((1, 1, 480, 640), 3.0)
    counted = protocol.truth(target, target > 0)[1][0, 0]
    assert counted.nonzero().min(0).values.tolist() == [45, 41] and counted.nonzero().max(0).values.tolist() == [
        467,
        600,
    ]
    assert protocol.score(torch.full((1, 1, 228, 304), 3.3), target, target > 0)["abs_rel"].item() == pytest.approx(
        0.1, rel=1e-5
    )


def test_clamping_before_or_after_scaling():
    pred, target, valid = (
        torch.tensor([1.0, 2, 200]),
        torch.tensor([10.0, 20, 70]),
        torch.ones(1, 1, 1, 3, dtype=torch.bool),
    )
    protocol = load_protocol("monodepth2+crop=none+metrics=mae,rmse")
    after = protocol.prepare(pred.view(1, 1, 1, 3), target.view(1, 1, 1, 3), valid)[0].flatten().tolist()
    before = protocol.replace(clamp_when="before scaling").prepare(
        pred.view(1, 1, 1, 3), target.view(1, 1, 1, 3), valid
    )[0]
    assert after == [10, 20, 80] and before.flatten().tolist() == [10, 20, 800]


def test_a_protocol_with_ssim_uses_its_own_range():
    torch.manual_seed(0)
    target = 1 + 8 * torch.rand(2, 1, 16, 20)
    prediction = target + 0.3 * torch.randn_like(target)
    for name, span in (("anuw-rooms", 10.0), ("anuw-streets", 80.0)):
        protocol = load_protocol(name)
        found = protocol.score(prediction, target, target > 0)["ssim"]
        torch.testing.assert_close(found, ssim(prediction.clamp(0.1, span), target, data_range=span))
    with pytest.raises(ValueError, match="ssim_range is None"):
        replace(load_protocol("anuw-rooms"), ssim_range=None)
    with pytest.raises(ValueError, match="ssim_range is 3"):
        replace(load_protocol("scenes"), ssim_range=3.0)
