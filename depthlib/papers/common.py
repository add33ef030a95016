"""What the recipes of several papers share: the scenes as training and test sets, the profile with its overrides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from depthlib.base.build import Build
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.spec import RunSpec

MAX_DEPTH = {"rooms": 10.0, "streets": 80.0}       # metres; the range of each family


def profile_of(spec: RunSpec) -> Profile:
    """The profile of a spec, with its overrides applied."""
    return replace(get_profile(spec.profile), **spec.overrides)


def scenes(family: str, split: str, count: int, **options: Any) -> Build:
    """A set of the scenes benchmark; `options` as in `depthlib.scenes.sets.scenes`. Raises ValueError for an unknown family."""
    if family not in MAX_DEPTH:
        raise ValueError(f"unknown data {family!r}: expected one of {', '.join(MAX_DEPTH)}")
    return Build("depthlib.scenes.sets:scenes", {"family": family, "split": split, "count": count, **options})
