"""Culling changes nothing."""

from __future__ import annotations

import pytest
import torch
from small_scenes import FAMILIES, SMALL

from depthlib.scenes import SceneDistribution, culling, lighting, make_scene, raycast, render
from depthlib.scenes.batch import pack

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_culling_changes_nothing(family, monkeypatch):
    distribution = SceneDistribution(family, **SMALL[family], antialias=1)
    scene = make_scene(distribution, "train", 5)
    culled = render([scene], [scene.cameras["current"]], distribution)
    everywhere = torch.ones(len(pack([scene]).kind[0]), dtype=torch.bool)
    far = torch.tensor(torch.inf, dtype=torch.float64)

    def every_pair(scenes, bounds, wanted, test, of_tiles=None):
        group, number = torch.cartesian_prod(torch.arange(len(wanted)), torch.arange(len(everywhere))).T
        if of_tiles is None:
            return group, number
        tile = group // culling.BRANCHES
        kept = of_tiles(number, *(ends[:, tile] for ends in bounds.levels[-2]))
        return group[kept], number[kept]

    monkeypatch.setattr(raycast, "visible_tiles", lambda scenes, p, r, k, rays: everywhere.expand(len(rays.u), -1))
    monkeypatch.setattr(
        raycast, "_span", lambda origin, directions, rays, tile: (-far.expand(len(tile)), far.expand(len(tile)))
    )
    monkeypatch.setattr(lighting, "pairs", every_pair)
    whole = render([scene], [scene.cameras["current"]], distribution)
    assert torch.equal(culled.depth, whole.depth) and torch.equal(culled.instances, whole.instances)
    assert (culled.image - whole.image).abs().max() < 1e-9
    monkeypatch.setattr(lighting, "_on_the_way", lambda place, row, *box: torch.ones_like(row[0], dtype=torch.bool))
    whole = render([scene], [scene.cameras["current"]], distribution)
    assert ((culled.image - whole.image).abs() > 3 / 255).float().mean() < 5e-3  # contact shadows of a few millimetres
