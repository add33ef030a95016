"""ANUW at its own scale: the recipe of profile "paper", and what it needs.

Sec. 4.1: 7208 pairs of the Mobile AI depth set at 480x640, one image a batch, 100 epochs, rate 1e-4; 177 other pairs
verify. The trained networks then see KITTI and DIODE. What the paper leaves open is settled by errata A14 (tests on
KITTI and DIODE), A22 (unit and range of depth) and A23 (which pairs verify). FCRN starts from ImageNet, as its own
paper has it; nothing else is pretrained.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from depthlib.base.build import Build
from depthlib.data.network_size import AtNetworkSize
from depthlib.data.real_sets import real
from depthlib.papers.anuw import rows
from depthlib.papers.anuw.whole_windows import WholeWindows
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec

FRAME = (480, 640)
EPOCHS = 100
FARTHEST = 65.535  # metres; the largest depth that the 16-bit files of the Mobile AI set can hold (erratum A22)
IMAGES = {("mai", "train"): 7208, ("mai", "verification"): 177, ("kitti", "eigen/test"): 697, ("diode", "val"): 771}
WEIGHTS = ("resnet50",)
STATE_BYTES = 2 * IMAGES["mai", "train"] * FRAME[0] * FRAME[1]  # soft labels in half precision, if all were gaps


def recipe(spec: RunSpec) -> Recipe:
    """A variant trained on `spec.data`, "mai", in single precision; tested as predicted and scaled to the median.

    Raises:
        ValueError: another data set, or true labels, which nobody has for it.
    """
    if spec.data != "mai" or spec.variant == "d-true":
        found = f"{spec.variant} on {spec.data}"
        raise ValueError(f"profile 'paper': found {found}, expected mai, and another variant than d-true")
    profile, scale = spec.scaled(steps=EPOCHS * IMAGES["mai", "train"], batch_size=1), rows.SCALES["full"]
    model, options = rows._model(spec.variant, profile, scale, FARTHEST)
    if model == "fcrn" and options["width"] == 1:
        options = options | {"pretrained": True}
    return Recipe(
        model=model,
        model_options=options,
        task=rows._task(spec.variant, FARTHEST),
        train=Build.of(real, name="mai", split="train"),
        tests=_tests(),
        plan=replace(rows._plan(spec.variant, spec.data, profile, scale), amp=False),
        ship_weights=False,
    )


def _tests() -> dict[str, tuple[Build, str | Build]]:
    mai = Build.of(real, name="mai", split="verification")
    kitti = Build.of(AtNetworkSize, dataset=Build.of(real, name="kitti", split="eigen/test"), multiple=16)
    diode = Build.of(real, name="diode", split="val")
    median = "+scaling=median"
    return {
        "mai": (mai, Build.of(WholeWindows, protocol="anuw-mai", keep=3)),
        "mai-median": (mai, Build.of(WholeWindows, protocol=f"anuw-mai{median}")),
        "kitti": (kitti, "anuw-kitti"),
        "kitti-median": (kitti, f"anuw-kitti{median}"),
        "diode": (diode, Build.of(WholeWindows, protocol="anuw-diode")),
        "diode-median": (diode, Build.of(WholeWindows, protocol=f"anuw-diode{median}")),
    }


def sample(spec: RunSpec, generator: torch.Generator) -> dict[str, Any]:
    """An item like those of the training set, of random pixels, a fifth of them without a label."""
    known = torch.rand(1, *FRAME, generator=generator) > 0.2
    depth = torch.where(known, 1 + 39 * torch.rand(1, *FRAME, generator=generator), 0)
    return {"image": torch.rand(3, *FRAME, generator=generator), "depth": depth, "valid": known}
