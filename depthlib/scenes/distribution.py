"""The distribution of scenes: the family, the size of the frames, and the knobs for causal claims."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from depthlib.scenes.rng import Dice

VERSION = "scenes-v2"
SEEDS = "scenes-v1"  # the stream of seeds: version 2 has the scenes of version 1, and more knobs
SPLITS = ("train", "val", "test")
DEFAULT_SIZE = {"rooms": (96, 128), "streets": (96, 192)}
# Units of the stored 16-bit depth per metre: 0.2 mm up to 13 m, and 1/512 m up to 128 m; 0 is invalid.
DEPTH_SCALE = {"rooms": 5000.0, "streets": 512.0}
DEPTH_RANGE = {"rooms": (0.5, 10.0), "streets": (2.0, 80.0)}  # metres
MAX_DEPTH = {family: farthest for family, (_, farthest) in DEPTH_RANGE.items()}
# Focal length in image widths: the field of view of a Kinect in rooms, a little wider than KITTI's on streets.
FOCAL_LENGTH = {"rooms": 0.81, "streets": 0.62}
# Largest values of the knobs that are numbers, and widest ranges of those that are ranges.
NUMBERS = {
    "texture_contrast": 2.0,
    "thin_structures": 4.0,
    "depth_tail": 4.0,
    "defect_share": 0.9,
    "moving_share": 1.0,
    "clutter": 8.0,
    "noise": 64.0,
    "blur": 16.0,
}
_RANGES = {"pitch": (-80.0, 80.0), "field_of_view": (20.0, 120.0), "exposure": (-6.0, 6.0)}
RANGES = {"rooms": _RANGES | {"camera_height": (0.2, 2.1)}, "streets": _RANGES | {"camera_height": (0.3, 5.0)}}
AFTER_RENDERING = ("defect_share", "noise", "blur")


@dataclass(frozen=True)
class SceneDistribution:
    """A distribution over scenes. Equal fields, split and index always give the same scene.

    A knob changes nothing but what it names: the same scene can be seen by another camera, with more noise, and so on.
    Ranges are (lowest, highest); a number from them is drawn for each scene.

    Attributes:
        family: "rooms" (0.5 to 10 m, 13 classes) or "streets" (2 to 80 m and sky, 8 classes).
        height, width: size of the frames in pixels; None takes 96 x 128 for rooms and 96 x 192 for streets.
        texture_contrast: 0 gives flat colours, 1 the default surfaces, up to 2; shapes and light do not change.
        thin_structures: factor on the number of poles, legs, fences, lamps; 0 (none) to 4.
        depth_tail: amount of far depth, from 0 (short rooms and streets) over 1 (default) to 4.
        defect_share: share of the labelled pixels whose label is missing although the surface is there, 0 to 0.9.
        antialias: the colour of a pixel is the mean over antialias x antialias rays, 1 to 4. Depth, normals and ids
            always come from the ray through the pixel's centre.
        pitch: range in degrees, upwards positive. None: -17 to -5 in rooms, -2 to 2 on streets.
        camera_height: range in metres above the floor. None: 1.15 to 1.6 in rooms, 1.45 to 1.75 on streets. A low or
            steep camera sees surfaces nearer than `depth_range`.
        field_of_view: range in degrees, horizontal. None: the family's `FOCAL_LENGTH` in every scene.
        moving_share: share of the traffic, the people and the floating clutter that moves between the frames
            "previous", "current" and "next", 0 to 1. Parked cars do not.
        clutter: factor on the number of boxes, cylinders and ellipsoids that lie on the ground or float, 0 (none) to 8;
            1 gives about eight. Their class is "objects" in rooms, "pole" on streets.
        noise: standard deviation of the sensor's noise in mid grey, in steps of 8 bits, 0 to 64.
        blur: standard deviation of the lens' Gaussian blur in pixels, 0 to 16.
        exposure: range in stops, added to the scene's own exposure before the tone curve. None: 0.
    """

    family: str = "rooms"
    height: int | None = None
    width: int | None = None
    texture_contrast: float = 1.0
    thin_structures: float = 1.0
    depth_tail: float = 1.0
    defect_share: float = 0.0
    antialias: int = 2
    pitch: tuple[float, float] | None = None
    camera_height: tuple[float, float] | None = None
    field_of_view: tuple[float, float] | None = None
    moving_share: float = 0.0
    clutter: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    exposure: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.family not in DEFAULT_SIZE:
            raise ValueError(f"family: found {self.family!r}, expected one of {', '.join(DEFAULT_SIZE)}")
        for name, default in zip(("height", "width"), DEFAULT_SIZE[self.family], strict=True):
            value = default if getattr(self, name) is None else getattr(self, name)
            _check_integer(name, value, 1, 8192)
            object.__setattr__(self, name, int(value))
        _check_integer("antialias", self.antialias, 1, 4)
        for name, largest in NUMBERS.items():
            value = getattr(self, name)
            if not _is_number(value):
                raise TypeError(f"{name}: found {value!r}, expected a number")
            if not (math.isfinite(value) and 0 <= value <= largest):
                raise ValueError(f"{name}: found {value!r}, expected a number from 0 to {largest:g}")
            object.__setattr__(self, name, float(value))
        for name, widest in RANGES[self.family].items():
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, _range(name, value, *widest))

    @property
    def depth_scale(self) -> float:
        """Units of the stored 16-bit depth per metre."""
        return DEPTH_SCALE[self.family]

    @property
    def depth_range(self) -> tuple[float, float]:
        """Nearest and farthest depth of the family, in metres."""
        return DEPTH_RANGE[self.family]

    def rendering_key(self) -> str:
        """Text that names all fields on which the rendered pixels depend. Defects, noise and blur come afterwards."""
        fields = {name: value for name, value in asdict(self).items() if name not in AFTER_RENDERING}
        return VERSION + " " + " ".join(f"{name}={value}" for name, value in sorted(fields.items()))

    def drawn(self, knob: str, dice: Dice, usual: float) -> float:
        """A number from the range of a knob, from a stream of its own; `usual` where the knob is off."""
        limits = getattr(self, knob)
        return usual if limits is None else dice.fork(knob).uniform(*limits)


def scene_seed(family: str, split: str, index: int) -> int:
    """64-bit seed of a scene. It does not depend on the knobs, so that a scene can be rendered under different knobs.

    Raises:
        ValueError: unknown family or split, or a negative index.
    """
    if family not in DEFAULT_SIZE:
        raise ValueError(f"family: found {family!r}, expected one of {', '.join(DEFAULT_SIZE)}")
    if split not in SPLITS:
        raise ValueError(f"split: found {split!r}, expected one of {', '.join(SPLITS)}")
    _check_integer("index", index, 0, 2**62)
    return int.from_bytes(hashlib.sha256(f"{SEEDS}/{family}/{split}/{index}".encode()).digest()[:8], "big")


def _check_integer(name: str, value: object, smallest: int, largest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: found {value!r}, expected an integer")
    if not smallest <= value <= largest:
        raise ValueError(f"{name}: found {value}, expected {smallest} to {largest}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _range(name: str, value: Sequence[float], smallest: float, largest: float) -> tuple[float, float]:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2 or not all(map(_is_number, value)):
        raise TypeError(f"{name}: found {value!r}, expected None or a range (lowest, highest)")
    low, high = map(float, value)
    if not smallest <= low <= high <= largest:
        raise ValueError(f"{name}: found {value!r}, expected (lowest, highest) within {smallest:g} to {largest:g}")
    return low, high
