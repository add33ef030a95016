"""Elements of a scene: two kinds of convex solids, their materials, lamps, and local frames.

World: x right, y forward, z up, metres. All solids are closed and the camera stands outside of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from depthlib.scenes.motion import Motion
from depthlib.scenes.patterns import Pattern

Vector = tuple[float, float, float]

# A solid of revolution about its local z: in unit coordinates x^2 + y^2 <= c0 + c1 z + c2 z^2 and |z| <= 1.
# With c2 <= 0 it is convex. The box is the cube |x|, |y|, |z| <= 1.
Profile = tuple[float, float, float]
CYLINDER: Profile = (1.0, 0.0, 0.0)
ELLIPSOID: Profile = (1.0, 0.0, -1.0)
CONE: Profile = (0.5, -0.5, 0.0)  # a paraboloid: pointed at the top, convex from every side


def taper(top: float) -> Profile:
    """A trunk or a lampshade: radius 1 at the bottom and `top` (at most 1) at the top."""
    return ((1 + top * top) / 2, (top * top - 1) / 2, 0.0)


@dataclass(frozen=True)
class Material:
    """Appearance of a surface. Colours are linear albedos; `scale` is the pattern's characteristic length in metres."""

    pattern: Pattern
    colour: Vector
    accent: Vector
    scale: float
    seed: int
    glossy: bool = False
    glow: float = 0.0


@dataclass(frozen=True)
class Solid:
    """One convex solid: `axes` are its local unit vectors in the world (rows), `half` its half extents along them."""

    profile: Profile | None  # None is a box
    centre: Vector
    half: Vector
    axes: tuple[Vector, Vector, Vector]
    material: Material
    label: int
    instance: int


@dataclass(frozen=True)
class Light:
    """A ball of light. A far and large one is the sun; `reach` is the distance at which the strength has halved."""

    position: Vector
    radius: float
    colour: Vector
    reach: float


@dataclass(frozen=True)
class Camera:
    """Pose of a camera. `axes` rows are its right, down and forward directions in the world; `time` is in frames."""

    position: Vector
    axes: tuple[Vector, Vector, Vector]
    time: float = 0.0


@dataclass
class Scene:
    """Solids, lights and cameras; `cameras` are keyed by the view's name ("current", "right", "previous", "next")."""

    family: str
    seed: int
    solids: list[Solid] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)
    cameras: dict[str, Camera] = field(default_factory=dict)
    motions: dict[int, Motion] = field(default_factory=dict)  # of the instances that move
    focal: float | None = None  # focal length in image widths; None is the family's
    baseline: float = 0.0
    ambient_up: Vector = (0.0, 0.0, 0.0)  # ambient light on surfaces that face up
    ambient_down: Vector = (0.0, 0.0, 0.0)
    haze: Vector = (0.7, 0.8, 0.9)
    haze_length: float = 1e6  # metres after which haze has taken 63 %
    zenith: Vector = (0.2, 0.4, 0.8)  # colour of the sky overhead; the horizon has the colour of the haze
    clouds: float = 0.0
    exposure: float = 1.0
    corner: Vector = (0.0, 0.0, 0.0)  # room: its lowest and
    opposite: Vector = (0.0, 0.0, 0.0)  # highest corner, for the darkening of corners; equal if there is none
    _instances: int = 0

    def new_instance(self) -> int:
        self._instances += 1
        return self._instances

    def at(self, time: float) -> Scene:
        """The scene so many frames after "current": its moving instances are elsewhere."""
        if time == 0 or not self.motions:
            return self
        poses = {instance: motion.pose(time) for instance, motion in self.motions.items()}
        solids = [_moved(solid, poses[solid.instance]) if solid.instance in poses else solid for solid in self.solids]
        return replace(self, solids=solids)


def _moved(solid: Solid, pose: np.ndarray) -> Solid:
    rotation, shift = pose[:3, :3], pose[:3, 3]
    axes = (np.array(solid.axes) @ rotation.T).tolist()
    return replace(
        solid, centre=tuple((rotation @ np.array(solid.centre) + shift).tolist()), axes=tuple(map(tuple, axes))
    )


def turn(angle: float) -> tuple[Vector, Vector, Vector]:
    """Axes (rows) of a frame turned by `angle` radians about z, to the left."""
    c, s = math.cos(angle), math.sin(angle)
    return ((c, s, 0.0), (-s, c, 0.0), (0.0, 0.0, 1.0))


def _combine(weights: Vector, axes: tuple[Vector, Vector, Vector]) -> Vector:
    return tuple(sum(weights[j] * axes[j][i] for j in range(3)) for i in range(3))  # type: ignore[return-value]


@dataclass(frozen=True)
class Frame:
    """A local frame in which one object is built: origin on the ground, x right, y to its back, z up.

    `box` and `round` take the centre and the full size in this frame.
    """

    scene: Scene
    origin: Vector
    axes: tuple[Vector, Vector, Vector]
    label: int
    instance: int

    def at(self, x: float, y: float, z: float, angle: float = 0.0) -> Frame:
        """A frame within this one, for another part of the same object."""
        axes = turn(angle)
        return replace(self, origin=self._point((x, y, z)), axes=tuple(_combine(axis, self.axes) for axis in axes))

    def tilted(self, angle: float) -> Frame:
        """This frame turned about its own x, so that its y rises by `angle`."""
        c, s = math.cos(angle), math.sin(angle)
        return replace(
            self, axes=tuple(_combine(axis, self.axes) for axis in ((1.0, 0.0, 0.0), (0.0, c, s), (0.0, -s, c)))
        )

    def another(self, label: int) -> Frame:
        """The same frame for a new object of class `label`."""
        return replace(self, label=label, instance=self.scene.new_instance())

    def box(self, centre: Vector, size: Vector, material: Material) -> None:
        self._add(None, centre, size, self.axes, material)

    def round(
        self, centre: Vector, size: Vector, material: Material, profile: Profile = CYLINDER, along: str = "z"
    ) -> None:
        """A solid of revolution about the frame's `along` axis ("x", "y" or "z"); `size` is measured in the frame."""
        order = {"x": (1, 2, 0), "y": (2, 0, 1), "z": (0, 1, 2)}[along]
        self._add(profile, centre, tuple(size[i] for i in order), tuple(self.axes[i] for i in order), material)

    def _point(self, local: Vector) -> Vector:
        offset = _combine(local, self.axes)
        return tuple(self.origin[i] + offset[i] for i in range(3))  # type: ignore[return-value]

    def _add(self, profile: Profile | None, centre: Vector, size: Vector, axes: tuple, material: Material) -> None:
        half = tuple(max(value, 1e-3) / 2 for value in size)
        self.scene.solids.append(Solid(profile, self._point(centre), half, axes, material, self.label, self.instance))


def place(scene: Scene, label: int, x: float, y: float, z: float = 0.0, angle: float = 0.0) -> Frame:
    """The frame of a new object of class `label`."""
    return Frame(scene, (x, y, z), turn(angle), label, scene.new_instance())


def look(position: Vector, yaw: float, pitch: float, roll: float = 0.0) -> Camera:
    """A camera that looks along +y, turned by `yaw` to the right, `pitch` upwards and `roll` clockwise (radians)."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
    forward = (sy * cp, cy * cp, sp)
    right = (cy, -sy, 0.0)
    down = (sy * sp, cy * sp, -cp)
    return Camera(
        position,
        (
            tuple(cr * right[i] + sr * down[i] for i in range(3)),
            tuple(cr * down[i] - sr * right[i] for i in range(3)),
            forward,
        ),
    )


def shifted(camera: Camera, right: float = 0.0, up: float = 0.0, forward: float = 0.0) -> Camera:
    """The same camera moved along its own axes."""
    offset = _combine((right, -up, forward), camera.axes)
    return replace(camera, position=tuple(camera.position[i] + offset[i] for i in range(3)))
