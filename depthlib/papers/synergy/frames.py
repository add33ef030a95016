"""The rooms (and streets) that the rows of Look Deeper learn from, and what is measured on those of the test."""

from __future__ import annotations

from typing import Any

from depthlib.base.build import Build
from depthlib.papers.synergy.measures import AttentionOnDepth, ClassScores, DepthRanges
from depthlib.papers.synergy.offset import OneFactor
from depthlib.scenes.sets import scenes

TAILS = {"rooms-short": 0.25, "rooms": 1.0, "rooms-long": 2.0}  # data -> `depth_tail` of the scenes
OUTDOORS = "streets"
FAR = 5.0  # metres; beyond it a pixel of a room counts as far
EDGES = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
FEW = 128  # test frames where no announced claim is decided
THREE = "metrics=abs_rel,rmse,delta1"
Tests = dict[str, tuple[Build, str | Build]]


def frames(split: str, count: int, data: str) -> Build:
    """96x128 rooms with a tail of `TAILS`, or 96x192 streets."""
    if data == OUTDOORS:
        return Build.of(scenes, family="streets", split=split, count=count, height=96, width=192)
    tail: dict[str, Any] = {} if TAILS[data] == 1 else {"depth_tail": TAILS[data]}
    return Build.of(scenes, family="rooms", split=split, count=count, **tail)


def tests_of_depth(data: str, count: int, *, closely: bool) -> Tests:
    """Errors on the data that a network was trained on, named after it; with another tail also on `rooms`, and there
    beyond `FAR`, and by range of depth.

    Args:
        closely: of networks trained on `rooms`, also by the range of the true depth ("rooms-4m", "rooms-6m",
            "rooms-8m", beyond `FAR` "rooms-far", "ranges"), after one factor there, by attention, and on rooms that are
            deeper than those of the training.
    """
    own, few = frames("test", count, data), frames("test", min(FEW, count), data)
    ranges = Build.of(DepthRanges, edges=EDGES, far=FAR)
    if data == OUTDOORS:
        return {data: (own, "scenes"), f"{data}-median": (own, "scenes-median")}
    tests: Tests = {data: (own, "synergy-rooms")}
    if data != "rooms":
        usual = frames("test", count, "rooms")
        tests |= {
            "rooms": (usual, f"synergy-rooms+{THREE}"),
            "rooms-far": (usual, f"synergy-rooms+min_depth={FAR}+{THREE}"),
        }
        return tests | {"ranges": (few, ranges)}
    tests |= {
        "rooms-factor": (own, Build.of(OneFactor, protocol="synergy-rooms")),
        "rooms-median": (few, f"synergy-rooms+scaling=median+{THREE}"),
    }
    if closely:
        far = f"synergy-rooms+min_depth={FAR}"
        tests |= {f"rooms-{cut}m": (few, f"synergy-rooms+max_depth={cut}.0+{THREE}") for cut in (6, 8)}
        tests |= {
            "rooms-4m": (own, f"synergy-rooms+max_depth=4.0+{THREE}"),
            "rooms-far": (own, f"{far}+{THREE}"),
            "rooms-far-factor": (own, Build.of(OneFactor, protocol=far)),
            "rooms-long": (frames("test", min(FEW, count), "rooms-long"), f"synergy-rooms+{THREE}"),
            "ranges": (few, ranges),
            "attention": (few, Build.of(AttentionOnDepth)),
        }
    return tests


def tests_of_classes(data: str, count: int, classes: int) -> Tests:
    return {"classes": (frames("test", min(FEW, count), data), Build.of(ClassScores, classes=classes))}
