"""Streets in towns and suburbs: a road between pavements, houses, trees, traffic, people, and a sky above."""

from __future__ import annotations

import math
from dataclasses import replace

from depthlib.scenes import materials as m
from depthlib.scenes import roadside as things
from depthlib.scenes import street_life
from depthlib.scenes.clutter import Space, scatter
from depthlib.scenes.distribution import SceneDistribution
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import ELLIPSOID, Light, Scene, look, place, shifted
from depthlib.scenes.street_plan import FARTHEST, KERB, LAWN, Plan, label


def build(dice: Dice, distribution: SceneDistribution) -> Scene:
    """A street with its light and cameras; the camera drives along +y at x = 0."""
    scene = Scene("streets", dice.seed)
    shell = dice.fork("plan")
    style = shell.choice(("town", "town", "suburb", "suburb", "park"))
    stretch = dice.fork("depth").unit() ** (1.1 / distribution.depth_tail) if distribution.depth_tail > 0 else 0.0
    end = 24.0 + (FARTHEST - 10.0 - 24.0) * stretch
    parking = shell.uniform(1.9, 2.3)
    right = 1.75 + (parking if shell.chance(0.7) else 0.3)
    left = -(5.2 + (parking if shell.chance(0.7) else 0.3))
    walk = (shell.uniform(1.8, 3.6), shell.uniform(1.8, 3.6))
    plan = Plan(left, right, left - walk[0], right + walk[1], end, style, scene)
    _ground(plan, dice.fork("ground"))
    _rows(plan, dice.fork("buildings"))
    _end(plan, dice.fork("end"))
    street_life.parked(plan, dice.fork("parked"), right > 3.0, left < -6.5)
    street_life.moving(plan, dice.fork("moving"), distribution.moving_share)
    street_life.greenery(plan, dice.fork("greenery"))
    street_life.poles(plan, dice.fork("poles"), distribution.thin_structures)
    street_life.fences(plan, dice.fork("fences"), distribution.thin_structures)
    street_life.people(plan, dice.fork("people"), distribution.moving_share)
    _light(scene, dice.fork("light"))
    scatter(scene, dice.fork("clutter"), distribution.clutter, distribution.moving_share, _space(plan))
    _cameras(scene, dice.fork("camera"), distribution)
    return scene


def _ground(plan: Plan, dice: Dice) -> None:
    scene, length = plan.scene, FARTHEST + 6.0
    middle = length / 2 - 6.0
    lawn = m.lawn(dice)
    place(scene, label("vegetation"), 0, middle, 0.0).box((0, 0, -0.15), (170, length, 0.2), lawn)
    road = m.asphalt(dice)
    centre = -1.75
    half = max(plan.right - centre, centre - plan.left)
    place(scene, label("road"), centre, middle).box((0, 0, -0.1), (2 * half, length, 0.2), road)
    walk, stone = m.pavement(dice), m.kerb(dice)
    for side in (-1.0, 1.0):
        inner, outer = plan.edge(side), plan.outer(side)
        f = place(scene, label("walk"), (inner + outer) / 2, middle)
        f.box((0, 0, KERB / 2 - 0.1), (abs(outer - inner), length, KERB + 0.2), walk)
        f.at(inner + side * 0.09 - f.origin[0], 0, 0).box((0, 0, KERB / 2 - 0.05), (0.18, length, KERB + 0.11), stone)


def _rows(plan: Plan, dice: Dice) -> None:
    """Buildings on both sides, with gaps for side streets and gardens."""
    for side in (-1.0, 1.0):
        one = dice.fork(side)
        if plan.style == "park" and one.chance(0.6):
            continue
        setback = {"town": 0.0, "suburb": one.uniform(3.5, 7.0), "park": one.uniform(5.0, 9.0)}[plan.style]
        y = one.uniform(-8.0, 2.0)
        while y < plan.end + 6.0:
            width = one.uniform(8.0, 16.0) if plan.style == "town" else one.uniform(7.5, 12.0)
            depth = one.uniform(9.0, 13.0) if plan.style == "town" else one.uniform(7.0, 9.5)
            height = one.uniform(7.0, 19.0) if plan.style == "town" else one.uniform(5.6, 7.5)
            gap = (one.uniform(4.0, 7.0) if one.chance(0.2) else 0.0) if plan.style == "town" else one.uniform(3.0, 9.0)
            if y + width > FARTHEST - 2.0:
                break
            x = plan.outer(side) + side * (setback + one.uniform(0.0, 0.3))
            f = place(plan.scene, label("building"), x, y + width / 2, 0.0, -side * math.pi / 2)
            things.building(
                f, one.fork(round(y * 100)), width, depth, height, "town" if plan.style == "town" else "house"
            )
            y += width + gap


def _end(plan: Plan, dice: Dice) -> None:
    """The end of a street: houses across a junction, or trees, with wooded hills behind."""
    scene = plan.scene
    if dice.chance(0.5) and plan.style != "park":
        x = plan.left_walk - 8.0
        while x < plan.right_walk + 8.0:
            width = dice.uniform(9.0, 15.0)
            f = place(scene, label("building"), x + width / 2, plan.end + 7.0, 0.0, 0.0)
            tall = dice.uniform(6.0, 14.0) if plan.style == "town" else dice.uniform(5.5, 7.5)
            things.building(
                f,
                dice.fork(round(x * 10)),
                width,
                min(9.0, FARTHEST - plan.end - 6.0),
                tall,
                plan.style if plan.style == "town" else "house",
            )
            x += width + (dice.uniform(1.0, 5.0) if dice.chance(0.4) else 0.05)
        walk = place(scene, label("walk"), 0, plan.end + 5.5)
        walk.box((0, 0, 0.02), (60, 3.0, 0.26), m.pavement(dice))
    else:
        for i in range(7):
            x = (i - 3) * 6.0 + dice.uniform(-2.0, 2.0)
            f = place(scene, label("vegetation"), x, min(plan.end + dice.uniform(4.0, 9.0), FARTHEST - 4.0))
            things.conifer(f, dice) if dice.chance(0.25) else things.tree(f, dice)
        f = place(scene, label("vegetation"), 0, min(plan.end + 3.0, FARTHEST - 3.0))
        f.box((0, 0, 0.7), (70, 1.2, 1.5), m.leaves(dice, 0.4))
    leaf = m.leaves(dice, 1.4)
    for i in range(9):
        x = (i - 4) * 20.0 + dice.uniform(-5.0, 5.0)
        size = dice.uniform(22.0, 32.0)
        f = place(scene, label("vegetation"), x, FARTHEST - 1.0)
        f.round((0, 0, 0), (size, 5.0, dice.uniform(6.0, 15.0)), leaf, ELLIPSOID)


def _space(plan: Plan) -> Space:
    """Clutter on and above the road and the pavements, mostly near."""

    def spot(dice: Dice, radius: float) -> tuple[float, float]:
        x = dice.uniform(plan.left_walk - 1.0, plan.right_walk + 1.0)
        return x, 4.0 + radius + (min(plan.end, 50.0) - 6.0) * dice.unit() ** 1.7

    def ground(x: float, y: float) -> float:
        return 0.0 if plan.left < x < plan.right else KERB if plan.left_walk < x < plan.right_walk else LAWN

    berth = {label("vehicle"): street_life.DRIVE[1], label("person"): street_life.WALK[1]}
    return Space(spot, ground, 5.0, (0.3, 2.0), 3.0, 0.4, label("pole"), berth)


def _light(scene: Scene, dice: Dice) -> None:
    """Sun or overcast; the sky's light from above, the ground's from below."""
    overcast = dice.chance(0.25)
    azimuth = math.radians(dice.uniform(-180, 180))
    height = math.radians(dice.uniform(28, 62))
    warm = 1.0 - (math.degrees(height) - 28) / 34
    strength = 0.4 if overcast else dice.uniform(2.1, 2.9)
    far = 3000.0
    position = (
        far * math.sin(azimuth) * math.cos(height),
        far * math.cos(azimuth) * math.cos(height),
        far * math.sin(height),
    )
    scene.lights.append(
        Light(
            position,
            far * (0.2 if overcast else 0.012),
            (strength * (1 + 0.04 * warm), strength * 0.96, strength * (0.9 - 0.14 * warm)),
            1e9,
        )
    )
    sky = 1.0 if overcast else dice.uniform(0.5, 0.65)
    scene.ambient_up = (sky * 0.9, sky * 0.98, sky * 1.12) if not overcast else (sky, sky, sky * 1.03)
    scene.ambient_down = (sky * 0.52, sky * 0.47, sky * 0.41)
    if overcast:
        grey = dice.uniform(0.75, 0.95)
        scene.haze, scene.zenith, scene.clouds = (
            (grey, grey * 1.01, grey * 1.04),
            (grey * 0.7, grey * 0.73, grey * 0.8),
            dice.uniform(0.5, 1.0),
        )
    else:
        blue = dice.uniform(0.8, 1.1)
        scene.haze, scene.zenith = (0.72 + 0.1 * warm, 0.8, 0.9), (0.16 * blue, 0.33 * blue, 0.72 * blue)
        scene.clouds = dice.uniform(-0.3, 0.6)
    scene.haze_length = dice.uniform(150, 300) if overcast else dice.uniform(250, 800)
    scene.exposure = dice.uniform(0.95, 1.15)


def _cameras(scene: Scene, dice: Dice, distribution: SceneDistribution) -> None:
    yaw, pitch, roll = (dice.uniform(-a, a) for a in (7.0, 2.0, 0.8))
    yaw, pitch, roll = (math.radians(a) for a in (yaw, distribution.drawn("pitch", dice, pitch), roll))
    height = distribution.drawn("camera_height", dice, dice.uniform(1.45, 1.75))
    current = look((0.0, 0.0, height), yaw, pitch, roll)
    scene.cameras["current"] = current
    scene.baseline = 0.54
    scene.cameras["right"] = shifted(current, right=scene.baseline)
    step, drift, spin = dice.uniform(0.5, 1.1), dice.uniform(-0.04, 0.04), math.radians(dice.uniform(-0.9, 0.9))
    for name, sign in (("previous", -1.0), ("next", 1.0)):
        x, y, z = current.position
        position = (x + sign * drift, y + sign * step, z)
        scene.cameras[name] = replace(look(position, yaw + sign * spin, pitch, roll), time=sign)
