"""Monodepth2 as a row of ANUW's Table 2: the network of lesson 04, trained on the streets of lesson 01.

It learns from neighbouring frames, never from a label, so what the labels leave out does not concern it. Where the
motion of the camera is given, and with it the unit of depth, its predictions can be scored as they are.
"""

from __future__ import annotations

from dataclasses import replace

from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec

VARIANT = "monodepth2"
VIEWS = ("current", "previous", "next")
PARTS = 2  # steps in steps of ANUW's rows, and parts of their batch: a step sees three frames of each street
RATE = 5e-4  # of profile "standard", chosen on val


def recipe(spec: RunSpec) -> Recipe:
    """Network, loss and way of training of the dual networks' row `monodepth2`, frames and tests of ANUW's `unet`."""
    video = replace(spec, paper="dual").recipe
    street = replace(spec, paper="anuw", variant="unet").recipe
    steps = PARTS * street.plan.steps
    plan = replace(video.plan, steps=steps, batch_size=max(1, street.plan.batch_size // PARTS))
    if plan.schedule == "cosine":
        plan = replace(plan, warmup=steps // 6, lr=RATE)
    return replace(
        street,
        model=video.model,
        model_options=video.model_options | {"ratio": 1},
        task=video.task,
        train=replace(street.train, options=street.train.options | {"views": VIEWS}),
        plan=plan,
    )
