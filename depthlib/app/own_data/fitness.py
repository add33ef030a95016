"""Is a video fit to learn depth from? Still frames, parallax, jumps of brightness, things that move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from depthlib.app.own_data.tracks import WIDTH, Tracks, follow, grey, not_rigid, without_rotation
from depthlib.geometry import scale_intrinsics

STILL = 0.3  # pixels of a picture `WIDTH` wide: the median motion of its points
PARALLAX = 0.5  # pixels that a turn of the camera does not explain: the upper decile over a picture's points
FAR = 10.0  # pixels; beyond, patches are often not found again
JUMP = 0.08  # change of the mean brightness between neighbours
FEW = 12  # points; with fewer nothing is said of a pair


@dataclass(frozen=True)
class Look:
    """Two neighbouring frames. Motions in pixels of pictures `WIDTH` wide; nan where hardly a point was found."""

    points: int
    motion: float
    parallax: float
    moving: float  # share of the points that no rigid scene explains
    brightness: float  # |log of the ratio of the means|

    @property
    def still(self) -> bool:
        return self.motion < STILL


@dataclass(frozen=True)
class Finding:
    """One line of the check: what was measured, the figure in words, whether that is good, and what to do."""

    what: str
    found: str
    good: bool
    advice: str


def look(first: Tensor, second: Tensor, K: Tensor) -> Look:
    """Two pictures [3,H,W] in [0,1] of one camera, K [3,3] in their pixels."""
    a, b = grey(first), grey(second)
    brightness = float((b.mean().clamp_min(1e-3) / a.mean().clamp_min(1e-3)).log().abs())
    tracks = follow(a, b)
    if len(tracks.points) < FEW:
        unmoved = float((a - b).abs().mean()) < 0.002  # a wall without a pattern, or the same picture
        return Look(len(tracks.points), 0.0 if unmoved else torch.nan, torch.nan, torch.nan, brightness)
    small = scale_intrinsics(K[None].float(), a.shape[1] / first.shape[2], a.shape[0] / first.shape[1])[0]
    motion = float(tracks.flow.norm(dim=1).median())
    if motion < STILL:
        strays = float((tracks.flow.norm(dim=1) > 1.0).float().mean())
        return Look(len(tracks.points), motion, 0.0, strays, brightness)
    return Look(len(tracks.points), motion, _parallax(tracks, small), _moving(tracks), brightness)


def _parallax(tracks: Tracks, K: Tensor) -> float:
    return float(without_rotation(tracks, K).norm(dim=1).quantile(0.9))


def _moving(tracks: Tracks) -> float:
    return float(not_rigid(tracks).float().mean())


def verdict(seen: Sequence[Look], spacing: int) -> list[Finding]:
    """The four findings, over all pairs of neighbours; medians are over those that are not still."""
    moved = [one for one in seen if not one.still and one.motion == one.motion]
    still = sum(one.still for one in seen) / len(seen)
    parallax = _median([one.parallax for one in moved])
    motion = _median([one.motion for one in moved])
    moving = _median([one.moving for one in seen if one.moving == one.moving])
    lost = sum(one.motion != one.motion for one in seen) / len(seen)
    jumps = sum(one.brightness > JUMP for one in seen) / len(seen)
    return [
        Finding("still frames", f"{still:.0%} of the neighbours", still < 0.3, _still_advice(still, spacing)),
        _of_parallax(parallax, motion, lost, spacing),
        Finding(
            "brightness",
            f"{jumps:.0%} of the neighbours differ by more than {JUMP:.0%}",
            jumps < 0.1,
            "the pictures are compared by brightness: fix the exposure of the camera, or leave out the jumps"
            if jumps >= 0.1
            else "steady",
        ),
        Finding(
            "moving things",
            f"{moving:.0%} of the points" if moving == moving else "not known",
            not moving > 0.15,
            "they teach wrong depth (a car that keeps its distance gets infinitely far): choose passages without them"
            if moving > 0.15
            else "few; the loss ignores what one neighbour does not show",
        ),
    ]


def _still_advice(still: float, spacing: int) -> str:
    if still < 0.3:
        return "left out" if still else "none"
    return f"left out; where the camera moves slowly, try --spacing {spacing * 3}"


def _of_parallax(parallax: float, motion: float, lost: float, spacing: int) -> Finding:
    if lost > 0.3:
        found = f"in {lost:.0%} of the neighbours hardly a point was found again"
        return Finding("parallax", found, False, "too fast, blurred or without a pattern: film slowly, in good light")
    if parallax != parallax:
        return Finding("parallax", "none: nothing moves", False, "walk with the camera, sideways")
    found = f"{parallax:.1f} of {motion:.1f} pixels of motion, in pictures {WIDTH} pixels wide"
    if motion > FAR and spacing > 1:
        return Finding("parallax", found, False, f"neighbours are far apart: --spacing {max(1, spacing // 2)}")
    if motion > FAR:
        return Finding("parallax", found, False, "neighbours are far apart: more frames per second")
    if parallax < PARALLAX:
        more = f", or --spacing {spacing * 2}" if motion < FAR / 2 else ""
        return Finding(
            "parallax", found, False, f"the camera turns on the spot or hardly moves: walk with it, sideways{more}"
        )
    return Finding("parallax", found, True, "near and far things move differently, which shows their depth")


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if value == value]
    return float(torch.tensor(known).median()) if known else torch.nan
