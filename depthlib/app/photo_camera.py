"""The focal length of a photograph, and of the images that a network was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthlib.data.exif import equivalent_focal_length
from depthlib.geometry.focal import focal_of_equivalent, focal_of_view, relative_focal

GUESS = 28.0  # mm, 35 mm equivalent: the wide lens of telephones and compact cameras, and about a Kinect's


@dataclass(frozen=True)
class Camera:
    """`focal` in pixels of the photograph; `source` says in words where it comes from."""

    focal: float
    source: str


@dataclass(frozen=True)
class Lens:
    """What the user says of the lens: `focal` in pixels, or the horizontal field of `view` in degrees, or nothing.

    Raises:
        ValueError: both, or a number out of range.
    """

    focal: float | None = None
    view: float | None = None

    def __post_init__(self) -> None:
        if self.focal is not None and self.view is not None:
            raise ValueError("focal, fov: found both, expected one of them")
        if self.focal is not None and not 0 < self.focal < float("inf"):
            raise ValueError(f"focal: found {self.focal:g}, expected pixels above 0")
        if self.view is not None:
            focal_of_view(self.view, 1)

    def camera(self, path: Path, size: tuple[int, int]) -> Camera:
        """For the photograph at `path` with `size` (height, width): as given, else from EXIF, else `GUESS`."""
        if self.focal is not None:
            return Camera(self.focal, "--focal")
        if self.view is not None:
            return Camera(focal_of_view(self.view, size[1]), f"--fov {self.view:g}")
        if (length := equivalent_focal_length(path)) is not None:
            return Camera(focal_of_equivalent(length, *size), f"EXIF: {length:g} mm equivalent")
        return Camera(focal_of_equivalent(GUESS, *size), f"a guess: {GUESS:g} mm equivalent; --focal or --fov says it")


def trained_focal(info: Mapping[str, Any]) -> float | None:
    """`relative_focal` of the images behind a file of weights, whose metadata are `info`: what they say, else by the
    recipe of its run.

    None where the file names no run that this version has, or where its training images have no common focal length.
    """
    from depthlib.runs.spec import RunSpec

    if "focal" in info:
        return None if info["focal"] is None else float(info["focal"])
    try:
        train = RunSpec(**info["spec"]).recipe.training()["train"]
    except (KeyError, TypeError, ValueError, NotImplementedError):  # no run, or one of another version
        return None
    lengths = set(_focal_lengths(train))
    height, width = info["input_size"]
    if len(lengths) != 1 or (length := lengths.pop()) is None:
        return None
    return relative_focal(length * width, height, width)


def _focal_lengths(data: Any) -> Iterator[float | None]:
    """Of all scenes in a data set as a recipe states it, in image widths; None where it differs from scene to scene."""
    from depthlib.base.build import dotted
    from depthlib.scenes.distribution import FOCAL_LENGTH
    from depthlib.scenes.sets import wild_scenes
    from depthlib.scenes.wild import CANONICAL_FOCAL, CanonicalFocal

    if isinstance(data, list):
        for part in data:
            yield from _focal_lengths(part)
    elif isinstance(data, dict):
        if data.get("target") in (dotted(wild_scenes), dotted(CanonicalFocal)):
            yield data["options"].get("focal", CANONICAL_FOCAL)
        elif "family" in data:
            yield None if data.get("field_of_view") else FOCAL_LENGTH[data["family"]]
        else:
            yield from _focal_lengths(list(data.values()))
