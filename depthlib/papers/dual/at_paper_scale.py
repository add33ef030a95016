"""Dual networks at their own scale: the recipe of profile "paper", and what it needs.

Secs. 3.2 and 4.5: frames of 384x1248, of which LR-Net sees a third, 128x416; 40 epochs of LR-Net and PoseNet, then 40
of HR-Net with LR-Net fixed; four triplets a batch, Adam at 2e-4, half after 10 epochs and a quarter after 20; encoders
from ImageNet. Frames are enlarged and cropped before they are brought to that size. Two trainings have nothing in
common: the training images of Eigen's split without static frames (Tables 1 to 7), and odometry sequences 00 to 08
(Table 8). What the paper leaves open is settled by errata DN-9 (losses), DN-14 (Make3D), DN-18 ("w/o SA"), DN-21 (flips
and colours) and DN-22 (epochs of the rivals).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from depthlib.base.build import Build
from depthlib.data.network_size import AtNetworkSize
from depthlib.data.odometry_snippets import OdometrySnippets
from depthlib.data.real_sets import real
from depthlib.data.transforms import RandomScaleCrop, Resize, Transformed
from depthlib.papers.dual import rows
from depthlib.papers.dual.real_measures import FarMinusNear, NearOrFar, SequenceError, WholeSharpness
from depthlib.runs.floors import FLOORS, floor_recipe
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec

NATIVE = (375, 1242)  # of KITTI's first day; those of the others differ by a few rows and columns
CELLS, CELL = (4, 13), 96  # 384x1248: cells of LR-Net's deepest map, and their side in pixels of the large frame
EPOCHS, BATCH, RATIO = 40, 4, 3
WIDTH = 32  # channels of a network's first level at which everything has the paper's size
ENLARGED = (1.0, 1.15)
PICTURES = 3
NEIGHBOURS = ["current", "previous", "next"]
TRAINED_ON = {"kitti": ("kitti", "eigen_zhou/train"), "odometry": ("kitti-odometry", "odom/train")}
TABLES = ("lr", "dual", "dual-no-sa", "monodepth2", "resnet18", "mobilenet", "lr-random", "dual-random")
ROWS = {"kitti": (*TABLES, "lr-longer", "hr-alone"), "odometry": ("lr", "dual", "lr-longer")}
FLOOR_ROWS = {"kitti": ("floor-constant", "floor-map"), "odometry": ("floor-drive",)}
SEQUENCES = ("09", "10")
IMAGES = {
    ("kitti", "eigen_zhou/train"): 39_810,
    ("kitti", "eigen/test"): 697,
    ("make3d", "test"): 134,
    ("kitti-odometry", "odom/train"): 36_671,
    ("kitti-odometry", "odom/test_09"): 1590,
    ("kitti-odometry", "odom/test_10"): 1200,
}
WEIGHTS = ("resnet50", "resnet18", "mobilenet_v2")
STATE_BYTES = 0
FLOOR_FRAME = (188, 621)  # floors are medians over frames of one size


def recipe(spec: RunSpec) -> Recipe:
    """A variant trained on `spec.data`, "kitti" or "odometry", in single precision.

    "Without SA" is as printed: LR-Net's features go to HR-Net as they are (erratum DN-18). An override of `width`
    shrinks networks and frames alike; such networks start from random weights.

    Tests of "kitti": "kitti" (Tables 1, 3 and 7), "near", "far" and "far-minus-near" (Table 4), "sharpness" (Table 5),
    "make3d" and "make3d-uncropped" (Table 2). Of "odometry": "seq09" and "seq10" (Table 8). Table 6 needs class labels,
    which no set has for these images.

    Raises:
        ValueError: other data, or a variant that is no row of them.
    """
    if spec.variant not in (*ROWS.get(spec.data, ()), *FLOOR_ROWS.get(spec.data, ())):
        found, expected = f"{spec.variant} on {spec.data}", "; ".join(f"{d}: {', '.join(r)}" for d, r in ROWS.items())
        raise ValueError(f"profile 'paper': found {found}, expected a row of {expected}")
    if spec.variant in FLOORS:
        return _floor(spec)
    name, split = TRAINED_ON[spec.data]
    profile = spec.scaled(steps=EPOCHS * (IMAGES[name, split] // BATCH), batch_size=BATCH)
    scale = replace(rows.SCALES["full"], ratio=RATIO, width=profile.width / WIDTH, plan=rows.PRINTED | {"colour": 0.0})
    size = frame(profile.width)
    task = rows._task(spec.variant, scale)
    return Recipe(
        model="video",
        model_options=_model(spec.variant, scale),
        task=replace(task, options=task.options | {"crop": None}),  # done on the frame as it comes: see `transform`
        start=rows._start(spec),
        train=Build.of(real, name=name, split=split, views=NEIGHBOURS, depth="none"),
        transform=(Build.of(RandomScaleCrop, scale=ENLARGED), Build.of(Resize, size=size)),
        tests=_tests(spec.data, size),
        plan=replace(rows._plan(spec.variant, scale, profile), amp=False),
        pictures={"kitti": PICTURES} if spec.data == "kitti" else {},
    )


def frame(width: int = WIDTH) -> tuple[int, int]:
    """Height and width of the large frame, whole cells; the smallest that PoseNet takes are three cells a side."""
    height, columns = (CELL * max(3, round(count * width / WIDTH)) for count in CELLS)
    return height, columns


def _floor(spec: RunSpec) -> Recipe:
    row = replace(spec, variant="lr").recipe
    if spec.data == "odometry":
        return floor_recipe(row, spec.variant)
    name, split = TRAINED_ON[spec.data]
    labelled = Build.of(real, name=name, split=split, depth="velodyne")
    small = Build.of(Transformed, dataset=labelled, transform=Build.of(Resize, size=FLOOR_FRAME), seed=0)
    return floor_recipe(row, spec.variant, train=small)


def _model(variant: str, scale: rows.Scale) -> dict[str, Any]:
    """As at "full", from ImageNet; what goes on from another network has its weights already."""
    if variant == "dual-no-sa":
        variant = "dual-features"
    options = rows._model(variant, scale)
    if scale.width != 1 or variant in (*rows.WITHOUT_WEIGHTS, *rows.CONTINUED):
        return options
    weights = {"pretrained": True}
    own_pose = {"pose_options": options["pose_options"] | weights} if variant == "monodepth2" else {}
    return options | {"depth_options": options["depth_options"] | weights} | own_pose


def _tests(data: str, size: tuple[int, int]) -> dict[str, tuple[Build, str | Build]]:
    if data == "odometry":
        return {f"seq{sequence}": (_snippets(sequence, size), Build.of(SequenceError)) for sequence in SEQUENCES}

    def photographs(crop: str) -> Build:
        return Build.of(AtNetworkSize, dataset=Build.of(real, name="make3d", split="test", crop=crop), size=size)

    streets = Build.of(AtNetworkSize, dataset=Build.of(real, name="kitti", split="eigen/test"), size=size)
    return {
        "kitti": (streets, "dual-kitti"),
        "near": (streets, Build.of(NearOrFar, region="near", protocol="dual-kitti")),
        "far": (streets, Build.of(NearOrFar, region="far", protocol="dual-kitti")),
        "far-minus-near": (streets, Build.of(FarMinusNear, protocol="dual-kitti")),
        "sharpness": (streets, Build.of(WholeSharpness, protocol="dual-kitti")),
        "make3d": (photographs("image"), "dual-make3d"),
        "make3d-uncropped": (photographs("none"), "dual-make3d-uncropped"),
    }


def _snippets(sequence: str, size: tuple[int, int]) -> Build:
    pairs = Build.of(real, name="kitti-odometry", split=f"odom/test_{sequence}", views=["current", "next"])
    return Build.of(OdometrySnippets, pairs=pairs, frames=3, size=size)


def sample(spec: RunSpec, generator: torch.Generator) -> dict[str, Any]:
    """A triplet like those of the training set, of random pixels."""
    images = torch.rand(3, 3, *NATIVE, generator=generator)
    K = torch.tensor([[721.5, 0.0, 609.6], [0.0, 721.5, 172.9], [0.0, 0.0, 1.0]])
    return {"image": images[0], "previous": images[1], "next": images[2], "K": K}
