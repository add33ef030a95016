"""Floors as rows: the recipe of a prediction that never looks at the image, from that of any row of the same table.

A floor is trained on the same labels, kept in the same store, and scored on the same tests by the same measures as the
rows that have to beat it.

| variant | prediction | tests |
|---|---|---|
| `floor-constant` | the median of all labels | depth |
| `floor-map` | at each pixel the median of its labels | depth |
| `floor-ground` | the depth that is usual where the ray meets the ground, for frames whose camera varies | depth |
| `floor-rank` | at each pixel the median of its rank in the image | depth without a unit |
| `floor-log` | at each pixel the median of its log depth over the image's median | depth without a unit |
| `floor-classes` | at each pixel its most frequent class | classes |
| `floor-drive` | a camera that goes straight ahead | motion |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from depthlib.base.build import Build, resolve
from depthlib.runs.recipe import Recipe
from depthlib.training.fit import Plan
from depthlib.training.floor import FitFloor

FLOORS = {f"floor-{kind}": kind for kind in ("constant", "map", "ground", "rank", "log", "classes", "drive")}
OUTPUTS = {"classes": "class_logits", "drive": "trajectory"}  # kind -> method that measures call; others: forward


def floor_recipe(
    recipe: Recipe, variant: str, *, train: Build | None = None, tests: Iterable[str] | None = None
) -> Recipe:
    """The floor beside the row that `recipe` trains.

    Windows are left out: a fixed map is one of whole frames.

    Args:
        variant: a key of `FLOORS`.
        train: labels other than those of the row, for example dense ones where the row has pairs.
        tests: names; by default all tests whose measure reads what the floor predicts.
    """
    kind = FLOORS[variant]
    fitting = {
        name: (dataset, _whole(measure))
        for name, (dataset, measure) in recipe.tests.items()
        if (_output(measure) == OUTPUTS.get(kind, "forward") if tests is None else name in tests)
    }
    return Recipe(
        model="floor",
        model_options={"kind": kind},
        task=Build.of(FitFloor),
        train=train or recipe.train,
        tests=fitting,
        plan=Plan(steps=0, batch_size=1),
    )


def _output(measure: str | Build) -> str:
    return "forward" if isinstance(measure, str) else resolve(measure.target).output


def _whole(measure: str | Build) -> str | Build:
    if isinstance(measure, str):
        return measure
    return replace(measure, options={name: value for name, value in measure.options.items() if name != "window"})
