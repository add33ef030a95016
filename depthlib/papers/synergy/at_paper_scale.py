"""Look Deeper at its own scale: the recipe of profile "paper", and what it needs.

Sec. 4.1: the 795 labelled images of NYU Depth v2 at half size, 228 x 304, rotated, shifted, mirrored, their colours
changed; batches of 12, three stages at the rates of `STAGES`, a ResNet-50 from ImageNet. Tested on the 654 others at
their own size. What the paper leaves open is settled by errata LD-17 (epochs of a stage), LD-18 (crop, shift, which
depth is true) and LD-19 (fine-tuning on 200 images of KITTI).

Variants with 13 classes of rooms have the paper's 40 here. Rooms with another tail do not exist.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from depthlib.base.build import Build
from depthlib.data.network_size import AtNetworkSize
from depthlib.data.real_sets import real
from depthlib.data.transforms import ColourJitter, Drop, RandomCrop, RandomRotate, Resize
from depthlib.papers.synergy import rows
from depthlib.papers.synergy.frames import EDGES, FAR, THREE, Tests
from depthlib.papers.synergy.given_labels import GivenLabels
from depthlib.papers.synergy.measures import AttentionOnDepth, DepthRanges
from depthlib.papers.synergy.offset import OneFactor
from depthlib.papers.synergy.pooled_classes import PooledClasses
from depthlib.papers.synergy.seen import Seen
from depthlib.papers.synergy.variants import ABROAD, ALONE, VARIANTS, place
from depthlib.runs.floors import floor_recipe
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec

NYU, KITTI = rows.OWN
FRAME, HALF, SEEN = (480, 640), (240, 320), (228, 304)
OUTDOORS = (188, 621)  # half of 375 x 1242
EPOCHS = 60  # of each stage (erratum LD-17)
IMAGES = {
    (NYU, "train"): 795,
    (NYU, "test"): 654,
    ("sunrgbd", "test"): 5050,
    ("kitti-stereo2015", "training"): 200,
    (KITTI, "eigen/test"): 697,
}
TRAINED_ON = {NYU: (NYU, "train"), KITTI: ("kitti-stereo2015", "training")}
CLASSES = {4: 4, 13: 40, 8: 19}  # of a variant on scenes -> on photographs
CUT = "+clamp_range=0.001,10.0"  # where the truth is cut the prediction keeps its range
WEIGHTS = ("resnet50",)
STATE_BYTES = 0


def recipe(spec: RunSpec) -> Recipe:
    """One stage of a variant on `spec.data`: "kitti" for those that are fine-tuned outdoors, else "nyu".

    Tests, on NYU: "nyu", also "-median" (each prediction scaled), "-pooled" (over all pixels) and "-factor" (after one
    factor for all images); "nyu4" or "nyu40", the classes; of some rows "nyu-4m", "nyu-6m", "nyu-8m", "nyu-far", "sun",
    "ranges", "attention". Of KITTI: "kitti", "kitti-median".

    Raises:
        ValueError: an unknown variant, or another data set.
    """
    if spec.variant in rows.FLOOR_ROWS:
        return _floor(spec)
    name, number, start = place(spec)
    variant = VARIANTS[name]
    abroad = variant is ABROAD
    if spec.data != (KITTI if abroad else NYU):
        wanted = "outdoors or outdoors-scratch on kitti, or another variant on nyu"
        raise ValueError(f"profile 'paper': found {spec.variant} on {spec.data}, expected {wanted}")
    if name == "outdoors":
        start = replace(spec, variant="proposed", data=NYU)
    network = {**variant.network, **ALONE} if number == 1 else dict(variant.network)
    network["classes"] = CLASSES.get(network["classes"], 0)
    scale, batch = rows.SCALES["paper"], rows.SCALES["paper"].profile["batch_size"]
    profile = spec.scaled(**scale.profile, steps=EPOCHS * (IMAGES[TRAINED_ON[spec.data]] // batch))
    size = {"width": 1.0, "pretrained": True} if profile.width == 32 else {"width": profile.width / 32}
    labels: dict[str, Any] = {"classes": network["classes"]} if network["classes"] else {}
    tests = _outdoors() if abroad else _indoors(bool(variant.depth), labels, closely=name in rows.CLOSELY)
    short = [test for test in (NYU, *(f"nyu{k}" for k in CLASSES.values())) if test in tests]
    task = rows.task_of(variant, number, network["classes"], scale, spec.data)
    return Recipe(
        model="synergy",
        model_options={**network, **size, "max_depth": rows.farthest(spec.data)},
        task=Build.of(GivenLabels, **task.options),
        train=_train(spec.data, labels),
        transform=_augmentation(abroad),
        tests=tests if number == 3 else {test: tests[test] for test in short},
        plan=replace(rows.plan_of(scale, profile, variant, number), amp=False),
        pictures={spec.data: 3} if number == 3 and variant.depth and spec.seed == 0 else {},
        start=start,
    )


def _train(data: str, labels: dict[str, Any]) -> Build:
    if data == KITTI:
        return Build.of(real, name="kitti-stereo2015", split="training", semantics=True)
    return Build.of(real, name=NYU, split="train", depth="raw", **labels)


def _augmentation(abroad: bool) -> tuple[Build, ...]:
    """Besides the flips of the plan. On NYU the shift is that of a random crop (erratum LD-18)."""
    colour = Build.of(ColourJitter, contrast=(0.5, 2.0), gain=(0.8, 1.2))
    if abroad:  # the partner and its disparity would have to stay in their rows
        drop = Build.of(Drop, keys=("right", "disparity"))
        return drop, Build.of(Resize, size=OUTDOORS), Build.of(RandomRotate, degrees=(-5.0, 5.0)), colour
    turn = Build.of(RandomRotate, degrees=(-5.0, 5.0))
    return Build.of(Resize, size=HALF), turn, Build.of(RandomCrop, size=SEEN), colour


def _indoors(depth: bool, labels: dict[str, Any], *, closely: bool) -> Tests:
    frames = Build.of(real, name=NYU, split="test", depth="raw", **labels)
    own = Build.of(Seen, dataset=frames, size=HALF, crop=SEEN)
    tests: Tests = {}
    if depth:
        filled = Build.of(real, name=NYU, split="test", depth="filled")
        whole = Build.of(Seen, dataset=filled, size=HALF, crop=SEEN, truth=True)
        tests |= {
            NYU: (own, "synergy-nyu"),
            "nyu-median": (own, f"synergy-nyu+scaling=median+{THREE}"),
            "nyu-pooled": (own, "synergy-nyu-pooled"),
            "nyu-factor": (whole, Build.of(OneFactor, protocol="synergy-nyu-seen")),
        }
        tests |= _closely(own, whole) if closely else {}
    if labels:
        count = labels["classes"]
        tests[f"nyu{count}"] = (own, Build.of(PooledClasses, classes=count, covers="nyu_fcrn"))
    return tests


def _closely(own: Build, whole: Build) -> Tests:
    sun = Build.of(AtNetworkSize, dataset=Build.of(real, name="sunrgbd", split="test", max_depth=10.0), size=SEEN)
    cuts: Tests = {f"nyu-{cut}m": (own, f"synergy-nyu+max_depth={cut}.0{CUT}") for cut in (4, 6, 8)}
    return cuts | {
        "nyu-far": (own, f"synergy-nyu+min_depth={FAR}{CUT}"),
        "nyu-far-factor": (whole, Build.of(OneFactor, protocol=f"synergy-nyu-seen+min_depth={FAR}{CUT}")),
        "sun": (sun, "synergy-sun"),
        "ranges": (whole, Build.of(DepthRanges, edges=EDGES, far=FAR)),
        "attention": (whole, Build.of(AttentionOnDepth)),
    }


def _outdoors() -> Tests:
    frames = Build.of(AtNetworkSize, dataset=Build.of(real, name=KITTI, split="eigen/test"), size=OUTDOORS)
    return {KITTI: (frames, "synergy-kitti"), "kitti-median": (frames, "synergy-kitti+scaling=median")}


def _floor(spec: RunSpec) -> Recipe:
    """Made from the labels as the network sees them, so that a map lies where the predictions do."""
    if spec.variant == "floor-classes":  # which would count 255, no label, as a class
        raise ValueError(f"profile 'paper': found {spec.variant} on {spec.data}, expected a floor of depth")
    size, crop = (OUTDOORS, OUTDOORS) if spec.data == KITTI else (HALF, SEEN)
    row = replace(spec, variant="outdoors" if spec.data == KITTI else rows.FLOOR_ROWS[spec.variant]).recipe
    return floor_recipe(
        row, spec.variant, train=Build.of(Seen, dataset=_train(spec.data, {}), size=size, crop=crop, truth=True)
    )


def sample(spec: RunSpec, generator: torch.Generator) -> dict[str, Any]:
    """An item like those of the training set, of random pixels, a fifth of them without a depth."""
    size = (375, 1242) if spec.data == KITTI else FRAME
    known = torch.rand(1, *size, generator=generator) > 0.2
    depth = torch.where(known, 1 + 8 * torch.rand(1, *size, generator=generator), 0)
    item = {"image": torch.rand(3, *size, generator=generator), "depth": depth, "valid": known}
    classes = spec.recipe.model_options["classes"]
    return item | ({"semantics": torch.randint(classes, size, generator=generator)} if classes else {})
