"""Distributions of scenes: splits, tails of depth, and what the knobs of version 1 change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_scenes import FAMILIES, SMALL

from depthlib.scenes import SPLITS, STREET_CLASSES, SceneDistribution, make_scene, render, scene_seed
from depthlib.scenes.frame import canonical_frame

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.slow
def test_splits_share_no_scene():
    seeds = [scene_seed(family, split, index) for family in FAMILIES for split in SPLITS for index in range(2000)]
    assert len(set(seeds)) == len(seeds)
    frames = {
        canonical_frame(make_scene(d, split, i), "current", d).digest()
        for d in (SceneDistribution(f, height=16, width=24) for f in FAMILIES)
        for split in SPLITS
        for i in range(4)
    }
    assert len(frames) == 24


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_depths_are_long_tailed_and_in_range(family):
    distribution = SceneDistribution(family, **SMALL[family], antialias=1)
    depth = torch.cat(
        [
            render([s], [s.cameras["current"]], distribution, dtype=torch.float32).depth.flatten()
            for s in (make_scene(distribution, "train", i) for i in range(32))
        ]
    )
    depth = depth[depth > 0].double()
    low, high = distribution.depth_range
    assert low <= depth.min() and depth.max() <= high
    skewness = ((depth - depth.mean()) / depth.std()).pow(3).mean()
    assert skewness > 0.5 and depth.mean() > 1.05 * depth.median() and depth.max() > 0.8 * high


def measured(family: str, **knobs: float) -> dict[str, float]:
    """Means over a few scenes: gradient of the images, share of thin pixels, 95th percentile of depth, of class ids."""
    distribution = SceneDistribution(family, height=96, width=192 if family == "streets" else 128, antialias=1, **knobs)
    scenes = [make_scene(distribution, "train", index) for index in range(6)]
    frames = [render([s], [s.cameras["current"]], distribution, dtype=torch.float32) for s in scenes]
    image, depth = torch.cat([f.image for f in frames]), torch.cat([f.depth for f in frames])
    return {
        "gradient": float(image.diff(dim=-1).abs().mean()),
        "solids": float(np.mean([len(s.solids) for s in scenes])),
        "poles": float(np.mean([(f.semantics == STREET_CLASSES.index("pole")).float().mean() for f in frames])),
        "p95": float(np.mean([f.depth[f.depth > 0].quantile(0.95) for f in frames])),
        "depth": depth,
    }


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_texture_contrast_changes_texture_alone(family):
    flat, usual, strong = (measured(family, texture_contrast=value) for value in (0.0, 1.0, 2.0))
    assert flat["gradient"] < 0.85 * usual["gradient"] and usual["gradient"] < 0.95 * strong["gradient"]
    assert torch.equal(flat["depth"], strong["depth"])


@pytest.mark.slow
def test_thin_structures_change_poles():
    shares = [measured("streets", thin_structures=value) for value in (0.0, 1.0, 3.0)]
    assert shares[0]["poles"] == 0 < 1.5 * shares[1]["poles"] < shares[2]["poles"]
    solids = [measured("rooms", thin_structures=value)["solids"] for value in (0.0, 1.0, 3.0)]
    assert solids[0] < solids[1] < solids[2]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_depth_tail_moves_the_far_end(family):
    short, usual, long = (measured(family, depth_tail=value)["p95"] for value in (0.0, 1.0, 4.0))
    assert 1.1 * short < usual and 1.1 * usual < long


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"family": "caves"}, ValueError, "family"),
        ({"height": 0}, ValueError, "height"),
        ({"width": 7.5}, TypeError, "width"),
        ({"texture_contrast": -0.1}, ValueError, "texture_contrast"),
        ({"thin_structures": float("nan")}, ValueError, "thin_structures"),
        ({"depth_tail": "long"}, TypeError, "depth_tail"),
        ({"defect_share": 1.0}, ValueError, "defect_share"),
        ({"antialias": 5}, ValueError, "antialias"),
    ],
)
def test_bad_distributions_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        SceneDistribution(**change)
