"""DACNN at its own scale: the recipe of profile "paper", and what it needs.

Secs. 4.1 and 4.2: windows of 256x512 of KITTI's stereo pairs, six a batch, from scratch; Adam at 1e-4, poly decay with
power 0.9; ten epochs of the teacher, fifteen of each student; contrast, brightness and colour within 0.9 to 1.1 for
half of the images. Two trainings with nothing in common: the Eigen split (Tables 1 and 3), and the drives of the depth
benchmark (Table 2), up to 88 m. What the paper leaves open is settled by errata D12 (range), D14 (ground truth, crop
and cap), D15 (from scratch), D22 (which frames train) and D23 (what stands in for the server's test images).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from depthlib.base.build import Build
from depthlib.data.real_sets import real
from depthlib.data.transforms import RandomCrop, Resize, Transformed
from depthlib.papers.dacnn import rows
from depthlib.papers.dacnn.laser_borders import LaserBorders
from depthlib.papers.dacnn.stereo_gate import OtherRight
from depthlib.protocols.evaluate import ProtocolErrors
from depthlib.runs.floors import FLOORS, floor_recipe
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.training.fit import Plan

FRAME = (375, 1242)  # of the first day; those of the others differ by a few rows and columns (erratum D13)
EPOCHS, TEACHER_EPOCHS, BATCH = 15, 10, 6
MATCHING = {"max_displacement": 24}  # "which corresponds to 192 pixels in the input image"
WIDTH = 32  # channels of a network's first level at which everything has the paper's size
PICTURES = 3
TRAINED_ON = {"eigen": "eigen_full/train", "online": "benchmark/train"}  # data -> list of KITTI's raw frames
FARTHEST = {"eigen": 80.0, "online": 88.0}  # metres, erratum D12
ROWS = {"eigen": ("teacher", *rows.TABLE3, "long"), "online": ("teacher", "full")}
IMAGES = {
    ("kitti", "eigen_full/train"): 22_285,  # of 22,600 left frames; the annotation lacks five at each end of a drive
    ("kitti", "benchmark/train"): 36_042,
    ("kitti", "eigen_benchmark/test"): 652,
    ("kitti-depth", "val"): 1000,
}
WEIGHTS = ()
STATE_BYTES = 0
FLOOR_FRAME = (188, 621)  # floors are medians over frames of one size


def recipe(spec: RunSpec) -> Recipe:
    """A variant trained on `spec.data`, "eigen" or "online", in single precision; tested through the paper's windows.

    An override of `width` shrinks all alike: the networks, and the windows by 8 x 16 pixels for each of 32 channels.

    Tests of "eigen": "eigen" (errors of Tables 1 and 3), "borders" (at jumps of depth along a row); of the teacher also
    "swapped" (with the right view of another moment). Of "online": "online" (errors of Table 2); of its teacher none,
    since those frames have no second view.

    Raises:
        ValueError: other data, or true guidance, for which a laser's depth is too sparse.
    """
    if spec.data not in TRAINED_ON or spec.variant == "true-guidance":
        found, expected = f"{spec.variant} on {spec.data}", " or ".join(TRAINED_ON)
        raise ValueError(f"profile 'paper': found {found}, expected {expected}, and another variant than true-guidance")
    frames = Build.of(real, name="kitti", split=TRAINED_ON[spec.data], **_STEREO, missing="skip")
    if spec.variant in FLOORS:
        row = replace(spec, variant="plain").recipe
        small = Build.of(Transformed, dataset=frames, transform=Build.of(Resize, size=FLOOR_FRAME), seed=0)
        return floor_recipe(row, spec.variant, train=small)
    steps = EPOCHS * (IMAGES["kitti", TRAINED_ON[spec.data]] // BATCH)
    profile = spec.scaled(steps=steps, batch_size=BATCH)
    network = {} if profile.width == WIDTH else {"width": profile.width / WIDTH}
    window = [8 * profile.width, 16 * profile.width]
    scale = replace(rows.SCALES["full"], network=network, matching=MATCHING, teacher_steps=TEACHER_EPOCHS / EPOCHS)
    own = rows._network(spec, scale)
    return Recipe(
        **{name: value for name, value in own.items() if name not in ("steps", "model_options")},
        model_options=own["model_options"] | {"max_depth": FARTHEST[spec.data]},
        train=frames,
        transform=(Build.of(RandomCrop, size=window),),
        tests=_tests(spec, window),
        plan=Plan(
            steps=round(own["steps"] * profile.steps),
            batch_size=profile.batch_size,
            lr=scale.lr,
            flip=0.0,
            colour=0.1,
            colour_share=0.5,
            amp=False,
            **scale.plan,
        ),
    )


_STEREO: dict[str, Any] = {"depth": "annotated", "views": ["current", "right"], "sides": "left"}


def _tests(spec: RunSpec, window: list[int]) -> dict[str, tuple[Build, str | Build]]:
    if spec.data == "online":
        chosen = Build.of(real, name="kitti-depth", split="val")
        errors = Build.of(ProtocolErrors, protocol="kitti-online", window=window, keep=PICTURES)
        return {} if spec.variant == "teacher" else {"online": (chosen, errors)}
    frames = Build.of(real, name="kitti", split="eigen_benchmark/test", **_STEREO)
    errors = Build.of(ProtocolErrors, protocol="dacnn-eigen", window=window, keep=PICTURES)
    tests: dict[str, tuple[Build, str | Build]] = {
        "eigen": (frames, errors),
        "borders": (frames, Build.of(LaserBorders, protocol="dacnn-eigen", window=window)),
    }
    if spec.variant == "teacher":
        tests["swapped"] = (Build.of(OtherRight, dataset=frames), errors)
    return tests


def sample(spec: RunSpec, generator: torch.Generator) -> dict[str, Any]:
    """An item like those of the training set, of random pixels, a fifth of them with a label."""
    known = torch.rand(1, *FRAME, generator=generator) < 0.2
    depth = torch.where(known, 2 + 78 * torch.rand(1, *FRAME, generator=generator), 0)
    image, right = torch.rand(2, 3, *FRAME, generator=generator)
    return {"image": image, "right": right, "depth": depth, "valid": known}
