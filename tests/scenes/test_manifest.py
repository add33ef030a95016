"""The manifest of a distribution."""

from __future__ import annotations

import itertools

import pytest
from small_scenes import FAMILIES

from depthlib.scenes import CLASSES, SceneDistribution, manifest

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_manifest(family):
    known = manifest.read_manifest()["families"][family]
    assert {split: len(hashes) for split, hashes in known["frames"].items()} == manifest.COUNTS
    hashes = list(itertools.chain(*known["frames"].values()))
    assert len(set(hashes)) == len(hashes)
    assert (
        known["classes"] == list(CLASSES[family])
        and known["depth_units_per_metre"] == SceneDistribution(family).depth_scale
    )
    for split, index in (("train", 0), ("val", 1), ("test", 63)):
        assert manifest.frame_hash(family, split, index) == known["frames"][split][index]
