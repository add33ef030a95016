"""The training of `lr-own` that goes on with one real drive, in parts, so that progress can be measured in between."""

from __future__ import annotations

from dataclasses import replace

from depthlib.base.build import Build
from depthlib.data.kitti_drive import drive
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec

DRIVE, PARTS = "kitti-drive", 4  # `data` of the runs: "kitti-drive-0" to "kitti-drive-3"


def in_parts(start: RunSpec) -> list[RunSpec]:
    """The runs that go on from a run on streets, each from the one before. Part 0 takes no step.

    The seeds of all parts of all starts differ: with equal seeds each part would see the same crops in the same order.
    """
    return [replace(start, data=f"{DRIVE}-{part}", seed=start.seed * PARTS + part) for part in range(PARTS)]


def on_the_drive(spec: RunSpec, steps: int) -> Recipe:
    """One part: `steps` steps at a constant rate, half that of the part before, as in Eq. 12.

    The start and the number of steps were chosen by the error on drive 0023, not by that on drive 0001.

    Raises:
        ValueError: another variant than `lr-own`, or a seed that `in_parts` does not give.
    """
    if spec.variant != "lr-own":
        raise ValueError(f"unknown variant {spec.variant!r} on {DRIVE}: expected lr-own")
    start, part = divmod(spec.seed, PARTS)
    if spec.data != f"{DRIVE}-{part}":
        raise ValueError(
            f"seed: found {spec.seed} on {spec.data}, expected one of `drive_runs`: "
            f"part number + {PARTS} x seed of the start"
        )
    streets = replace(spec, data="streets", seed=start)
    recipe = streets.recipe
    plan = replace(
        recipe.plan,
        steps=steps if part else 0,
        lr=recipe.plan.lr * 0.5 ** max(0, part - 1),
        schedule="constant",
        milestones=(),
        warmup=0,
    )
    return replace(
        recipe,
        train=Build.of(drive, part="train"),
        tests={
            "drive": (Build.of(drive, part="test"), "dual-kitti"),
            "other-drive": (Build.of(drive, part="other"), "dual-kitti"),
        },
        start=replace(spec, data=f"{DRIVE}-{part - 1}", seed=spec.seed - 1) if part else streets,
        plan=plan,
        pictures={"drive": 2} if start == 0 else {},
    )
