"""A run at the smallest scale, and the files that it leaves."""

from depthlib.base.build import Build
from depthlib.runs.store import RunSpec
from depthlib.scenes.sets import scenes

SPEC = RunSpec("start", "unet", "rooms", "smoke")
FILES = (
    "record.json",
    "provenance.json",
    "weights.safetensors",
    "scores/metric.json.xz",
    "scores/median.json.xz",
    "scores/metric.safetensors",
)


def scenes_of(count):
    return Build.of(scenes, family="rooms", split="test", count=count)
