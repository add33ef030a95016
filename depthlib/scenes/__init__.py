"""The scenes benchmark: procedural rooms and streets, ray-cast with exact depth, normals, classes and poses."""

from depthlib.scenes.classes import CLASSES, NYU4_CLASSES, NYU13_TO_NYU4, ROOM_CLASSES, SKY, STREET_CLASSES
from depthlib.scenes.dataset import SceneDataset
from depthlib.scenes.distribution import SPLITS, VERSION, SceneDistribution, scene_seed
from depthlib.scenes.endless import endless_scenes
from depthlib.scenes.generate import make_scene
from depthlib.scenes.renderer import Frames, intrinsics, render

__all__ = [
    "CLASSES",
    "NYU13_TO_NYU4",
    "NYU4_CLASSES",
    "ROOM_CLASSES",
    "SKY",
    "SPLITS",
    "STREET_CLASSES",
    "VERSION",
    "Frames",
    "SceneDataset",
    "SceneDistribution",
    "endless_scenes",
    "intrinsics",
    "make_scene",
    "render",
    "scene_seed",
]
