"""The distribution of scenes: the family, the size of the frames, and the knobs for causal claims."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass

VERSION = "scenes-v1"
SPLITS = ("train", "val", "test")
DEFAULT_SIZE = {"rooms": (96, 128), "streets": (96, 192)}
# Units of the stored 16-bit depth per metre: 0.2 mm up to 13 m, and 1/512 m up to 128 m; 0 is invalid.
DEPTH_SCALE = {"rooms": 5000.0, "streets": 512.0}
DEPTH_RANGE = {"rooms": (0.5, 10.0), "streets": (2.0, 80.0)}        # metres
MAX_DEPTH = {family: farthest for family, (_, farthest) in DEPTH_RANGE.items()}
# Focal length in image widths: the field of view of a Kinect in rooms, a little wider than KITTI's on streets.
FOCAL_LENGTH = {"rooms": 0.81, "streets": 0.62}


@dataclass(frozen=True)
class SceneDistribution:
    """A distribution over scenes. Equal fields, split and index always give the same scene.

    Attributes:
        family: "rooms" (0.5 to 10 m, 13 classes) or "streets" (2 to 80 m and sky, 8 classes).
        height, width: size of the frames in pixels; None takes 96 x 128 for rooms and 96 x 192 for streets.
        texture_contrast: 0 gives flat colours, 1 the default surfaces, up to 2; shapes and light do not change.
        thin_structures: factor on the number of poles, legs, fences, lamps; 0 (none) to 4.
        depth_tail: amount of far depth, from 0 (short rooms and streets) over 1 (default) to 4.
        defect_share: share of the labelled pixels whose label is missing although the surface is there, 0 to 0.9.
        antialias: the colour of a pixel is the mean over antialias x antialias rays, 1 to 4. Depth, normals and ids
            always come from the ray through the pixel's centre.
    """

    family: str = "rooms"
    height: int | None = None
    width: int | None = None
    texture_contrast: float = 1.0
    thin_structures: float = 1.0
    depth_tail: float = 1.0
    defect_share: float = 0.0
    antialias: int = 2

    def __post_init__(self) -> None:
        if self.family not in DEFAULT_SIZE:
            raise ValueError(f"family: found {self.family!r}, expected one of {', '.join(DEFAULT_SIZE)}")
        for name, default in zip(("height", "width"), DEFAULT_SIZE[self.family], strict=True):
            value = default if getattr(self, name) is None else getattr(self, name)
            _check_integer(name, value, 1, 8192)
            object.__setattr__(self, name, int(value))
        _check_integer("antialias", self.antialias, 1, 4)
        for name, largest in (("texture_contrast", 2.0), ("thin_structures", 4.0), ("depth_tail", 4.0), ("defect_share", 0.9)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name}: found {value!r}, expected a number")
            if not (math.isfinite(value) and 0 <= value <= largest):
                raise ValueError(f"{name}: found {value!r}, expected a number from 0 to {largest:g}")
            object.__setattr__(self, name, float(value))

    @property
    def depth_scale(self) -> float:
        """Units of the stored 16-bit depth per metre."""
        return DEPTH_SCALE[self.family]

    @property
    def depth_range(self) -> tuple[float, float]:
        """Nearest and farthest depth of the family, in metres."""
        return DEPTH_RANGE[self.family]

    def rendering_key(self) -> str:
        """Text that names all fields on which the rendered pixels depend (defects are added afterwards)."""
        fields = asdict(self)
        del fields["defect_share"]
        return VERSION + " " + " ".join(f"{name}={value}" for name, value in sorted(fields.items()))


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
    return int.from_bytes(hashlib.sha256(f"{VERSION}/{family}/{split}/{index}".encode()).digest()[:8], "big")


def _check_integer(name: str, value: object, smallest: int, largest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: found {value!r}, expected an integer")
    if not smallest <= value <= largest:
        raise ValueError(f"{name}: found {value}, expected {smallest} to {largest}")
