"""Placement of traffic, people, trees and poles along a street."""

from __future__ import annotations

import math

from depthlib.scenes import materials as m
from depthlib.scenes import roadside as things
from depthlib.scenes.motion import Motion
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import Frame, place
from depthlib.scenes.street_plan import KERB, Plan, label

# Metres that vehicles in traffic and people cover between two frames, of which a second has about ten.
DRIVE, WALK = (0.3, 1.2), (0.08, 0.17)


def _vehicle(plan: Plan, dice: Dice, x: float, y: float, angle: float) -> Frame:
    f = place(plan.scene, label("vehicle"), x, y, 0.0, angle)
    things.van(f, dice) if dice.chance(0.12) else things.car(f, dice)
    return f


def _set_off(f: Frame, dice: Dice, speeds: tuple[float, float], share: float) -> None:
    """Let an object move to its front with a probability of `share`."""
    if dice.unit() < share:
        speed = dice.uniform(*speeds)
        f.scene.motions[f.instance] = Motion(tuple(speed * part for part in f.axes[1]))


def parked(plan: Plan, dice: Dice, on_right: bool, on_left: bool) -> None:
    for side, wanted in ((1.0, on_right), (-1.0, on_left)):
        one = dice.fork(side)
        y, fill = one.uniform(5.0, 11.0), one.uniform(0.35, 0.85)
        while wanted and y < plan.end - 4.0:
            if one.chance(fill):
                x = plan.edge(side) - side * one.uniform(1.02, 1.12)
                _vehicle(plan, one.fork(round(y * 10)), x, y, (0.0 if side > 0 else math.pi) + one.uniform(-0.03, 0.03))
            y += one.uniform(5.9, 7.4)


def moving(plan: Plan, dice: Dice, share: float) -> None:
    """Traffic ahead and oncoming, of which a share moves."""
    if dice.chance(0.55):
        one, x = dice.fork("ahead"), dice.uniform(-0.2, 0.1)
        y = dice.uniform(11.0, max(12.0, min(40.0, plan.end - 6.0)))
        _set_off(_vehicle(plan, one, x, y, 0.0), one.fork("motion"), DRIVE, share)
    y = dice.uniform(9.0, 22.0)
    while y < plan.end - 5.0:
        if dice.chance(0.5):
            one = dice.fork(round(y))
            _set_off(_vehicle(plan, one, -3.5 + dice.uniform(-0.2, 0.2), y, math.pi), one.fork("motion"), DRIVE, share)
        y += dice.uniform(10.0, 24.0)


def greenery(plan: Plan, dice: Dice) -> None:
    density = {"town": 0.35, "suburb": 0.75, "park": 1.0}[plan.style]
    for side in (-1.0, 1.0):
        one = dice.fork(side)
        y = one.uniform(7.0, 13.0)
        while y < plan.end - 3.0:
            tree = one.fork(round(y * 10))
            if tree.chance(density):
                offset = 0.75 if plan.style == "town" else one.uniform(1.0, 2.6)
                x = plan.edge(side) + side * 0.75 if plan.style == "town" else plan.outer(side) + side * offset
                f = place(plan.scene, label("vegetation"), x, y, KERB if plan.style == "town" else -0.05)
                if plan.style != "town" and tree.chance(0.25):
                    things.conifer(f, tree)
                elif plan.style != "town" and tree.chance(0.3):
                    things.bush(f, tree, tree.uniform(1.2, 2.2))
                else:
                    things.tree(f, tree)
            y += one.uniform(6.5, 12.0)
        if plan.style != "town":
            hedge = one.fork("hedge")
            green = hedge.chance(0.55)
            kind = label("vegetation" if green else "building")
            material = m.leaves(hedge, 0.25) if green else (m.brick(hedge) if hedge.chance(0.5) else m.render(hedge))
            y = hedge.uniform(2.0, 8.0)
            while y < plan.end - 6.0:
                length = hedge.uniform(5.0, 11.0)
                if hedge.chance(0.6):
                    f = place(plan.scene, kind, plan.outer(side) + side * 0.45, y + length / 2, -0.05)
                    things.terrace(f, hedge.fork(round(y)), length, material)
                y += length + hedge.uniform(2.5, 4.0)
        if plan.style == "park":
            for i in range(7):
                x = plan.outer(side) + side * one.uniform(5.0, 20.0)
                f = place(plan.scene, label("vegetation"), x, one.uniform(14.0, max(20.0, plan.end)), -0.05)
                things.tree(f, one.fork(f"wood{i}"))


def poles(plan: Plan, dice: Dice, amount: float) -> None:
    """Lamps, signs, lights and bollards; amount 1 gives about nine."""
    scene = plan.scene
    lamps = dice.fork("lamps")
    spacing = 16.0 / max(amount, 1e-6)
    side, y = lamps.sign(), lamps.uniform(0.35, 1.0) * spacing + 4.0
    while y < plan.end:
        x = plan.edge(side) + side * 0.4
        things.street_lamp(
            place(scene, label("pole"), x, y, KERB, 0.0 if side < 0 else math.pi),
            lamps.fork(round(y * 10)),
            lamps.fork("reach").uniform(0.8, 1.8),
        )
        side, y = -side, y + spacing * lamps.uniform(0.85, 1.1)
    for i in range(dice.fork("signs").count(4.0 * amount)):
        one = dice.fork(f"sign{i}")
        side = 1.0 if one.chance(0.65) else -1.0
        y = 6.0 + (plan.end - 7.0) * one.unit() ** 1.3
        f = place(
            scene,
            label("pole"),
            plan.edge(side) + side * one.uniform(0.35, 0.6),
            y,
            KERB,
            0.0 if side > 0 else one.choice((0.0, math.pi)),
        )
        things.traffic_light(f, one) if one.chance(0.25) else things.sign(f, one)
    for i in range(dice.fork("bollards").count(1.2 * amount)):
        one = dice.fork(f"bollards{i}")
        side, y = one.sign(), one.uniform(5.0, max(6.0, plan.end - 8.0))
        for j in range(4):
            things.bollard(place(scene, label("pole"), plan.edge(side) + side * 0.35, y + 1.4 * j, KERB), one)


def fences(plan: Plan, dice: Dice, amount: float) -> None:
    for i in range(dice.count(1.5 * amount)):
        one = dice.fork(i)
        side, length = one.sign(), one.uniform(5.0, 9.0)
        y = one.uniform(8.0, max(9.0, plan.end - 10.0))
        things.fence(place(plan.scene, label("pole"), plan.outer(side) - side * 0.12, y, KERB), one, length, 6)


def people(plan: Plan, dice: Dice, share: float) -> None:
    """People on the pavements, of which a share walks."""
    for i in range(dice.integer(1, 6) if plan.style == "town" else dice.integer(0, 4)):
        one = dice.fork(i)
        side = one.sign()
        width = abs(plan.outer(side) - plan.edge(side))
        x = plan.edge(side) + side * one.uniform(0.35, 0.75) * width
        y = 5.5 + (plan.end - 7.0) * one.unit() ** 1.5
        angle = one.choice((0.0, math.pi)) + one.uniform(-0.3, 0.3)
        f = place(plan.scene, label("person"), x, y, KERB, angle)
        things.person(f, one)
        _set_off(f, one.fork("motion"), WALK, share)
