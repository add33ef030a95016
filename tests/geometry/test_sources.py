"""Several sources at once against one after the other."""

from __future__ import annotations

import pytest
import torch
from dual_parts import moving, pyramid

from depthlib import geometry as g
from depthlib.geometry.sources import project_into_sources, sample_sources


def test_sources_are_projected_and_sampled_one_by_one() -> None:
    scene, depth = moving(), 1 / pyramid()[0]
    pixels = project_into_sources(depth, scene["K"], scene["poses"])
    sampled = sample_sources(scene["sources"], pixels)
    for s in range(2):
        torch.testing.assert_close(pixels[:, s], g.reproject(depth, scene["K"], scene["poses"][:, s])[0])
        warped, _ = g.warp(scene["sources"][:, s], depth, scene["K"], scene["poses"][:, s])
        torch.testing.assert_close(sampled[:, s], warped)
    torch.testing.assert_close(project_into_sources(depth, scene["K"][:1], scene["poses"]), pixels)
    with pytest.raises(ValueError, match=r"poses: found shape \[1, 2, 4, 4\], expected \[2,S,4,4\]"):
        project_into_sources(depth, scene["K"], scene["poses"][:1])
