"""Furnished rooms: a box of walls, windows and pictures on them, furniture along them and in the middle."""

from __future__ import annotations

import math
from dataclasses import replace

from depthlib.scenes import furnishing
from depthlib.scenes import materials as m
from depthlib.scenes.clutter import Space, scatter
from depthlib.scenes.distribution import DEPTH_RANGE, SceneDistribution
from depthlib.scenes.rng import Dice
from depthlib.scenes.room_plan import WALLS, Room, label
from depthlib.scenes.solids import Light, Scene, look, place, shifted


def build(dice: Dice, distribution: SceneDistribution) -> Scene:
    """A room with its lights and cameras."""
    scene = Scene("rooms", dice.seed)
    shell, eye = dice.fork("shell"), dice.fork("camera")
    yaw = math.radians(eye.uniform(-32, 32))
    width = shell.uniform(2.9, 5.2)
    left = -width * (0.5 + 0.28 * math.sin(yaw) + shell.uniform(-0.1, 0.1))
    right = left + width
    stretch = dice.fork("depth").unit() ** (2.2 / distribution.depth_tail) if distribution.depth_tail > 0 else 0.0
    far = 2.9 + 6.6 * stretch
    reach = max(-math.sin(yaw) * -left, math.sin(yaw) * right, 0.0)
    far = min(far, (DEPTH_RANGE["rooms"][1] - 0.35 - reach) / math.cos(yaw))
    room = Room(scene, left, right, -shell.uniform(0.9, 1.4), far, shell.uniform(2.35, 2.95))
    scene.corner, scene.opposite = (left, room.back, 0.0), (right, far, room.height)
    _shell(room, shell)
    window_wall = _windows(room, dice.fork("windows"))
    _door(room, dice.fork("door"))
    slender = dice.fork("slender").unit() < 0.75 * distribution.thin_structures
    furnishing.furnish(room, dice.fork("furniture"), slender)
    furnishing.decorate(room, dice.fork("pictures"))
    furnishing.thin(room, dice.fork("thin"), distribution.thin_structures)
    _light(room, dice.fork("light"), window_wall)
    scatter(scene, dice.fork("clutter"), distribution.clutter, distribution.moving_share, _space(room))
    _cameras(scene, eye, yaw, distribution)
    return scene


def _shell(room: Room, dice: Dice) -> None:
    scene, thick = room.scene, 0.2
    middle_x, middle_y = (room.left + room.right) / 2, (room.back + room.far) / 2
    wide, deep = room.right - room.left, room.far - room.back
    paper = m.wall(dice)
    accent = m.wall(dice) if dice.chance(0.35) else paper
    skirting = m.lacquer(dice) if dice.chance(0.8) else None
    place(scene, label("floor"), middle_x, middle_y).box(
        (0, 0, -thick / 2), (wide + 0.4, deep + 0.4, thick), m.floor(dice)
    )
    place(scene, label("ceiling"), middle_x, middle_y, room.height).box(
        (0, 0, thick / 2), (wide + 0.4, deep + 0.4, thick), m.ceiling(dice)
    )
    for wall, material in (("far", accent), ("left", paper), ("right", paper)):
        length = room.length(wall)
        frame = room.against(wall, length / 2, "wall", gap=0.0)
        frame.box((0, thick / 2, room.height / 2), (length + 0.2, thick, room.height), material)
        if skirting:
            frame.box((0, -0.008, 0.045), (length, 0.016, 0.09), skirting)
        if dice.chance(0.25):
            frame.box((0, -0.02, room.height - 0.035), (length, 0.05, 0.07), skirting or paper)
    place(scene, label("wall"), middle_x, room.back - thick / 2).box(
        (0, 0, room.height / 2), (wide + 0.4, thick, room.height), paper
    )


def _windows(room: Room, dice: Dice) -> str:
    """One or two windows with frames, sills and perhaps curtains on one wall; the wall's name."""
    wall = dice.choice(("far", "left", "right", "left", "right"))
    low, high = dice.uniform(0.75, 1.0), min(room.height - 0.25, dice.uniform(1.95, 2.25))
    width = dice.uniform(0.9, 1.7)
    frame_material, view, cloth = m.lacquer(dice), m.daylight(dice), m.curtain(dice)
    draped = dice.chance(0.6)
    for _ in range(dice.integer(1, 2)):
        found = room.hang(dice, "window", width, low, high, [wall])
        if found is None:
            continue
        f, tall = found[0], high - low
        f.box((0, -0.01, tall / 2), (width, 0.02, tall), view)
        for x in (-width / 2, 0.0, width / 2):
            f.box((x, -0.025, tall / 2), (0.05 if x == 0 else 0.07, 0.05, tall + 0.06), frame_material)
        for z in (0.0, tall, tall * 0.68):
            f.box((0, -0.025, z), (width + 0.05, 0.045, 0.05), frame_material)
        f.box((0, -0.08, -0.03), (width + 0.16, 0.16, 0.03), frame_material)
        if draped:
            rail, side = tall + 0.13, width * 0.24
            g = f.another(label("window"))
            g.round((0, -0.1, rail), (width + 0.7, 0.025, 0.025), m.metal(dice), along="x")
            for x in (-1, 1):
                g.box((x * (width / 2 + 0.12), -0.1, rail / 2 - low * 0.4), (side, 0.06, rail + low * 0.8), cloth)
    return wall


def _door(room: Room, dice: Dice) -> None:
    if dice.chance(0.45) and (found := room.hang(dice, "wall", 0.95, 0.0, 2.05, WALLS)):
        f, leaf, frame = found[0], m.cabinet_front(dice), m.lacquer(dice)
        f.box((0, -0.01, 1.0), (0.86, 0.03, 2.0), leaf)
        for x in (-0.45, 0.45):
            f.box((x, -0.02, 1.02), (0.08, 0.05, 2.04), frame)
        f.box((0, -0.02, 2.04), (0.98, 0.05, 0.08), frame)
        for z, tall in ((0.5, 0.7), (1.4, 0.8)):
            f.box((0, -0.022, z), (0.6, 0.02, tall), leaf)
        f.box((0.34, -0.05, 1.02), (0.12, 0.03, 0.025), m.metal(dice))
        # Furniture keeps the door free.
        ahead = f.at(0, -0.45, 0).origin
        room.taken.append((ahead[0] - 0.42, ahead[1] - 0.42, ahead[0] + 0.42, ahead[1] + 0.42))


def _space(room: Room) -> Space:
    """Clutter on the floor and in the air in front of the camera."""

    def spot(dice: Dice, radius: float) -> tuple[float, float]:
        return dice.uniform(room.left + radius, room.right - radius), dice.uniform(0.0, room.far - radius)

    return Space(spot, lambda x, y: 0.0, room.height, (0.08, 0.6), 0.8, 0.06, label("objects"), {})


def _light(room: Room, dice: Dice, window_wall: str) -> None:
    """Daylight from the window's side, a ceiling lamp, and light reflected by the walls."""
    scene = room.scene
    middle_x, middle_y = (room.left + room.right) / 2, (max(room.back, 0.0) + room.far) / 2
    warm = dice.uniform(0.0, 1.0)
    day = dice.uniform(0.35, 1.0)
    lamp = 1.15 - 0.75 * day
    x = {"far": middle_x, "left": room.left + 0.35, "right": room.right - 0.35}[window_wall]
    y = room.far - 0.35 if window_wall == "far" else middle_y + dice.uniform(-0.6, 0.6)
    strength = 3.0 * day
    scene.lights.append(Light((x, y, dice.uniform(1.6, 1.9)), 0.45, (strength, 1.02 * strength, 1.07 * strength), 2.6))
    strength = 2.5 * lamp
    scene.lights.append(
        Light(
            (middle_x + dice.uniform(-0.5, 0.5), max(0.9, 0.45 * room.far), room.height - dice.uniform(0.3, 0.5)),
            0.22,
            (strength * (1 + 0.14 * warm), strength, strength * (1 - 0.34 * warm)),
            3.4,
        )
    )
    fill = 0.31 + 0.17 * day
    scene.ambient_up = (fill, fill * 1.0, fill * 1.02)
    scene.ambient_down = (fill * 0.8, fill * 0.74, fill * 0.68)
    scene.exposure = dice.uniform(0.72, 1.08)


def _cameras(scene: Scene, dice: Dice, yaw: float, distribution: SceneDistribution) -> None:
    height, pitch, roll = dice.uniform(1.15, 1.6), -dice.uniform(5, 17), math.radians(dice.uniform(-1.5, 1.5))
    height = distribution.drawn("camera_height", dice, height)
    pitch = math.radians(distribution.drawn("pitch", dice, pitch))
    current = look((0.0, 0.0, height), yaw, pitch, roll)
    scene.cameras["current"] = current
    scene.baseline = dice.uniform(0.1, 0.2)
    scene.cameras["right"] = shifted(current, right=scene.baseline)
    step = (dice.uniform(-0.09, 0.09), dice.uniform(-0.03, 0.03), dice.uniform(0.02, 0.1))
    spin, nod = math.radians(dice.uniform(-1.5, 1.5)), math.radians(dice.uniform(-0.7, 0.7))
    for name, sign in (("previous", -1.0), ("next", 1.0)):
        moved = shifted(current, *(sign * s for s in step))
        scene.cameras[name] = replace(look(moved.position, yaw + sign * spin, pitch + sign * nod, roll), time=sign)
