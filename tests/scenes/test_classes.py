"""Classes: their tables, and that every one occurs."""

from __future__ import annotations

import pytest
import torch
from small_scenes import FAMILIES, SMALL

from depthlib.scenes import CLASSES, NYU4_CLASSES, NYU13_TO_NYU4, ROOM_CLASSES, SceneDistribution, make_scene, render

pytestmark = pytest.mark.usefixtures("own_cache")


def test_class_tables():
    assert len(ROOM_CLASSES) == 13 == len(NYU13_TO_NYU4) and set(NYU13_TO_NYU4) == set(range(len(NYU4_CLASSES)))
    assert NYU4_CLASSES[NYU13_TO_NYU4[ROOM_CLASSES.index("wall")]] == "structure"
    assert NYU4_CLASSES[NYU13_TO_NYU4[ROOM_CLASSES.index("sofa")]] == "furniture"


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_class_occurs(family):
    distribution = SceneDistribution(family, **SMALL[family], antialias=1)
    seen = set()
    for index in range(40):
        scene = make_scene(distribution, "train", index)
        seen |= set(
            render([scene], [scene.cameras["current"]], distribution, dtype=torch.float32).semantics.unique().tolist()
        )
        if len(seen) == len(CLASSES[family]):
            return
    raise AssertionError(f"never seen: {[name for i, name in enumerate(CLASSES[family]) if i not in seen]}")
