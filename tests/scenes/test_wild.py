"""The distribution for photographs, and depth at a canonical focal length."""

from __future__ import annotations

import math

import pytest
import torch
from small_scenes import TINY

from depthlib.geometry import reproject
from depthlib.scenes import SceneDataset, SceneDistribution, make_scene
from depthlib.scenes.sets import wild_scenes
from depthlib.scenes.wild import CANONICAL_FOCAL, CanonicalFocal, metric_depth, wild

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize(("family", "pitches"), [("rooms", (-40, 10)), ("streets", (-8, 8))])
def test_wild_scenes_are_seen_by_all_kinds_of_cameras(family, pitches):
    distribution = wild(family, height=96)
    assert distribution.family == family and distribution.height == 96
    assert distribution.noise > 0 < distribution.blur and distribution.clutter > 0 < distribution.moving_share
    for index in range(12):
        scene = make_scene(distribution, "train", index)
        camera = scene.cameras["current"]
        assert pitches[0] <= math.degrees(math.asin(camera.axes[2][2])) <= pitches[1]
        assert 0.6 <= camera.position[2] <= 2 and 45 <= 2 * math.degrees(math.atan(0.5 / scene.focal)) <= 85
    assert wild(family, noise=0.0).noise == 0
    with pytest.raises(ValueError, match="family: found 'caves'"):
        wild("caves")


def test_canonical_depth_is_that_of_a_scaled_scene_and_comes_back():
    distribution = SceneDistribution("rooms", **TINY, field_of_view=(45.0, 85.0), defect_share=0.1)
    asked = {"views": ("current", "right", "next"), "extras": ("disparity", "flow_next")}
    plain = SceneDataset(distribution, "train", 2, **asked)
    canonical = CanonicalFocal(plain)
    assert len(canonical) == 2 and canonical.fingerprint() != plain.fingerprint()
    assert CanonicalFocal(plain, 0.7).fingerprint() != canonical.fingerprint()
    for index in range(2):
        item, before = canonical[index], plain[index]
        focal = float(before["K"][0, 0]) / 32
        assert torch.allclose(item["depth"], before["depth"] * CANONICAL_FOCAL / focal)
        assert torch.allclose(metric_depth(item["depth"], focal), before["depth"])
        # two views of the scaled scene: the same pixels, disparities and flow
        pixels, _ = reproject(item["depth_true"][None], item["K"][None], item["T_next_current"][None])
        known, _ = reproject(before["depth_true"][None], before["K"][None], before["T_next_current"][None])
        assert torch.allclose(pixels, known, atol=1e-3)
        product = item["disparity"] * item["depth_true"]
        assert torch.allclose(product, (item["K"][0, 0] * item["baseline"]).expand_as(product), rtol=1e-5)
        for key in ("image", "K", "flow_next", "valid", "disparity"):
            assert torch.equal(item[key], before[key])
    items = [plain[0]]
    assert torch.equal(CanonicalFocal(items)[0]["T_next_current"], canonical[0]["T_next_current"])
    assert torch.equal(items[0]["T_next_current"], plain[0]["T_next_current"])  # not changed in place


def test_recipes_may_name_wild_scenes():
    item = wild_scenes("rooms", "val", 1, focal=0.7, **TINY, pitch=[-10, 0])[0]
    known = CanonicalFocal(SceneDataset(wild("rooms", **TINY, pitch=(-10.0, 0.0)), "val", 1), 0.7)[0]
    assert torch.equal(item["depth"], known["depth"]) and torch.equal(item["image"], known["image"])


@pytest.mark.parametrize("focal", [0.0, -1.0, float("nan")])
def test_focal_lengths_are_above_zero(focal):
    with pytest.raises(ValueError, match="focal: found .*, expected a number above 0"):
        CanonicalFocal([], focal)
    with pytest.raises(ValueError, match="focal: found"):
        metric_depth(torch.ones(1), focal)
    with pytest.raises(ValueError, match="canonical: found"):
        metric_depth(torch.ones(1), 0.8, focal)
