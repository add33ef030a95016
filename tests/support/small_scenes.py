"""Families, small sizes, and scenes of a distribution."""

from __future__ import annotations

from depthlib.scenes import SceneDistribution, make_scene, render

FAMILIES = ("rooms", "streets")
SMALL = {"rooms": {"height": 48, "width": 64}, "streets": {"height": 48, "width": 96}}
TINY = {"height": 24, "width": 32, "antialias": 1}


def scenes(family, count=40, **knobs):
    return [make_scene(SceneDistribution(family, **knobs), "train", index) for index in range(count)]


def views(distribution, numbers, **arguments):
    scenes = [make_scene(distribution, "train", number) for number in numbers]
    return render(scenes, [scene.cameras["current"] for scene in scenes], distribution, **arguments)
