"""Labels derived from dense depth."""

from __future__ import annotations

import math

import pytest
import torch

from depthlib.scenes.degrade import defective_labels, lidar_like, ordinal_pairs

RAMP = torch.arange(1, 41, dtype=torch.float64).expand(30, 40)[None].clone()  # deeper to the right
ALL = torch.ones(1, 30, 40, dtype=torch.bool)


def test_ordinal_relation_is_that_of_the_depths():
    depth = torch.rand(1, 24, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 1
    pairs = ordinal_pairs(depth, torch.ones_like(depth, dtype=torch.bool), seed=3, pairs=500)
    a, b = depth[0][pairs.y1, pairs.x1], depth[0][pairs.y2, pairs.x2]
    assert torch.equal(pairs.relation == 1, a > b) and torch.equal(pairs.relation == -1, a < b)
    assert 0.4 < (pairs.relation == 1).double().mean() < 0.6


def test_half_of_the_pairs_mirror_each_other():
    pairs = ordinal_pairs(RAMP, ALL, seed=1, pairs=4000)
    mirrored = (pairs.y1 == pairs.y2) & (pairs.x1 + pairs.x2 == 39)
    assert abs(float(mirrored.double().mean()) - 0.5) < 0.03
    for share, expected in ((1.0, 1.0), (0.0, 1 / 30 / 40)):
        pairs = ordinal_pairs(RAMP, ALL, seed=1, pairs=400, symmetric=share)
        assert abs(float(((pairs.y1 == pairs.y2) & (pairs.x1 + pairs.x2 == 39)).double().mean()) - expected) < 0.01


def test_points_are_valid_and_spread_evenly():
    valid = torch.rand(1, 30, 40, generator=torch.Generator().manual_seed(5)) < 0.4
    pairs = ordinal_pairs(RAMP, valid, seed=2, pairs=3000)
    assert valid[0][pairs.y1, pairs.x1].all() and valid[0][pairs.y2, pairs.x2].all()
    even = ordinal_pairs(RAMP, ALL, seed=2, pairs=6000, symmetric=0.0)
    assert abs(float(even.y1.double().mean()) - 14.5) < 0.5 and abs(float(even.x2.double().mean()) - 19.5) < 0.7


def test_equal_depths_are_drawn_again_or_labelled():
    steps = torch.cat([torch.full((1, 20, 20), 2.0), torch.full((1, 20, 20), 4.0)], dim=-1)
    valid = torch.ones_like(steps, dtype=torch.bool)
    assert (ordinal_pairs(steps, valid, seed=0, pairs=300).relation != 0).all()
    kept = ordinal_pairs(steps, valid, seed=0, pairs=2000, symmetric=0.0, keep_equal=True)
    assert abs(float((kept.relation == 0).double().mean()) - 0.5) < 0.04
    close = ordinal_pairs(RAMP, ALL, seed=0, pairs=500, equal_ratio=0.5)
    a, b = RAMP[0][close.y1, close.x1], RAMP[0][close.y2, close.x2]
    assert (torch.maximum(a, b) > 1.5 * torch.minimum(a, b)).all()


def test_ordinal_pairs_depend_on_the_seed_alone():
    state = torch.random.get_rng_state()
    one, same, other = (ordinal_pairs(RAMP, ALL, seed=seed, pairs=20) for seed in (4, 4, 5))
    assert torch.equal(one.y1, same.y1) and torch.equal(one.x2, same.x2) and not torch.equal(one.x1, other.x1)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_impossible_pairs_are_refused():
    with pytest.raises(ValueError, match="depth"):
        ordinal_pairs(torch.full((1, 8, 8), 3.0), torch.ones(1, 8, 8, dtype=torch.bool), seed=0)
    with pytest.raises(ValueError, match="depth"):
        ordinal_pairs(RAMP, torch.zeros_like(ALL), seed=0)
    for change, error in (
        ({"pairs": 0}, ValueError),
        ({"symmetric": 1.5}, ValueError),
        ({"equal_ratio": -1.0}, ValueError),
        ({"seed": "x"}, TypeError),
    ):
        with pytest.raises(error, match=next(iter(change))):
            ordinal_pairs(RAMP, ALL, **({"seed": 0} | change))
    with pytest.raises(ValueError, match="valid"):
        ordinal_pairs(RAMP, ALL[..., :-1], seed=0)
    with pytest.raises(ValueError, match="depth"):
        ordinal_pairs(RAMP[0], ALL, seed=0)


def test_defects_are_exact_nested_and_glossy_first():
    valid = ALL.clone()
    valid[:, :5] = False
    depth = torch.where(valid, RAMP, 0.0)
    glossy = torch.zeros_like(ALL)
    glossy[:, 10:20, 5:15] = True
    previous = torch.zeros_like(ALL)
    for share in (0.05, 0.1, 0.3, 1.0):
        spoiled, left, defect = defective_labels(depth, valid, 9, share=share, glossy=glossy)
        assert int(defect.sum()) == round(share * int(valid.sum())) and not (defect & ~valid).any()
        assert torch.equal(left, valid & ~defect) and torch.equal(spoiled, torch.where(defect, 0.0, depth))
        assert not (previous & ~defect).any()
        assert not (defect & ~glossy).any() if share < 0.1 else (glossy & ~defect).sum() == 0
        previous = defect
    assert not defective_labels(depth, valid, 9, share=0.0, glossy=glossy)[2].any()


def test_defects_are_regions_not_specks():
    defect = defective_labels(RAMP, ALL, 2, share=0.25)[2][0]
    changes = (defect[:, 1:] != defect[:, :-1]).float().mean()
    assert changes < 0.1  # independent pixels would give 0.375
    assert not torch.equal(defect, defective_labels(RAMP, ALL, 3, share=0.25)[2][0])


def test_lidar_lines_have_fixed_elevations():
    k = torch.tensor([[60.0, 0, 47.5], [0, 60.0, 31.5], [0, 0, 1]])
    depth = torch.full((1, 64, 96), 10.0)
    sparse, valid = lidar_like(depth, k, seed=0, beams=5, elevation=(-20.0, 4.0), dropout=0.0)
    assert torch.equal(sparse[valid], depth[valid]) and (sparse[~valid] == 0).all()
    # A cone of elevation e meets the image plane in v = cy - fy tan(e) sqrt(1 + ((u - cx) / fx)^2).
    u = torch.arange(96.0)
    for elevation in torch.linspace(-20.0, 4.0, 5):
        v = 31.5 - 60 * math.tan(math.radians(float(elevation))) * (1 + ((u - 47.5) / 60) ** 2).sqrt()
        rows = v.round().long()
        inside = (rows >= 0) & (rows < 64)
        near = torch.stack([valid[0][(rows + d).clamp(0, 63)[inside], u.long()[inside]] for d in (-1, 0, 1)]).any(0)
        assert near.float().mean() > 0.97
    assert valid.sum(1).max() <= 10  # five lines, each at most two pixels thick in a column


@pytest.mark.slow
def test_lidar_is_sparse_seeded_and_keeps_to_valid_depth():
    k = torch.tensor([[110.0, 0, 95.5], [0, 110.0, 47.5], [0, 0, 1]])
    depth = torch.full((1, 96, 192), 7.0)
    depth[:, :, :50] = 0
    shares = [float(lidar_like(depth, k, seed=0, beams=beams)[1].float().mean()) for beams in (4, 16, 64)]
    assert 0 < shares[0] < shares[1] < shares[2] < 0.75
    kept = [lidar_like(depth, k, seed=seed, dropout=0.5)[1] for seed in (1, 1, 2)]
    assert torch.equal(kept[0], kept[1]) and not torch.equal(kept[0], kept[2]) and not kept[0][..., :50].any()
    assert abs(float(kept[0].sum() / lidar_like(depth, k, seed=1, dropout=0.0)[1].sum()) - 0.5) < 0.05
    for change in (
        {"beams": 0},
        {"elevation": (5.0, -5.0)},
        {"azimuth_step": 0.0},
        {"dropout": 2.0},
        {"K": torch.eye(4)},
    ):
        with pytest.raises(ValueError, match=next(iter(change))):
            lidar_like(depth, change.pop("K", k), 0, **change)
