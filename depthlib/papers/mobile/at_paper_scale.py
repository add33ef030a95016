"""The mobile paper at its own scale: the recipe of profile "paper", and what it needs.

Sec. 4.1: NYUv2 (48K images) for Tables 1 and 2, as FastDepth trains on it; Mannequin Challenge, ReDWeb and DIW, one
after the other or alone, each with its own batch, rate and size. Encoders start from ImageNet. Tested on DIW, Mannequin
Challenge and NYUv2. What the paper leaves open is settled by errata MB-26 (the teacher), MB-27 (sizes of the tests),
MB-28 (augmentation and how many pictures) and MB-29 (the search for widths).

| data here | where the other profiles have | trained on |
|---|---|---|
| `nyu` | `rooms` | NYU48K, train |
| `mc` | `mc` | Mannequin Challenge, train |
| `redweb` | `rw` | ReDWeb |
| `diw` | `diw`, and for the teacher `y3d` | DIW, train |
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from depthlib.base.build import Build
from depthlib.data.network_size import AtNetworkSize
from depthlib.data.real_sets import real
from depthlib.data.transforms import ColourJitter, RandomCrop, RandomRotate
from depthlib.losses.regression import l1_loss
from depthlib.papers.mobile import rows
from depthlib.papers.mobile.fastdepth import AUGMENTATION, JITTER, FastDepthView
from depthlib.papers.mobile.own_size import OrderAtOwnSize, PairsAtSize, PairsSeen
from depthlib.papers.mobile.pruning import LONGER, PRUNED, SEARCHES, pruned_recipe
from depthlib.papers.mobile.read_as_depth import ReadAsDepth
from depthlib.papers.mobile.scales import SCALES
from depthlib.papers.mobile.transforms import ShortSide
from depthlib.papers.mobile.variants import DATA, DESIGN, LITE, VARIANTS
from depthlib.runs.floors import floor_recipe
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec
from depthlib.training.fit import Plan
from depthlib.training.tasks import Supervised

HERE = {"rooms": "nyu", "rw": "redweb", "y3d": "diw"}  # data of the other profiles -> here; all others are the same
SETS = {
    "nyu": ("nyu48k", "train"),
    "mc": ("mannequin", "train"),
    "redweb": ("redweb", "train"),
    "diw": ("diw", "train"),
}
IMAGES = {
    ("nyu48k", "train"): 47_000,
    ("nyu48k", "val"): 654,
    ("nyu", "test"): 654,
    ("mannequin", "train"): 150_000,
    ("mannequin", "test"): 1_000,
    ("redweb", "train"): 3_600,
    ("diw", "train"): 421_000,
    ("diw", "val"): 2_000,
    ("diw", "test"): 74_000,
}
ABOUT = {key for key in IMAGES if key[0] in ("mannequin", "diw") or key == ("nyu48k", "train")}  # erratum MB-28
EPOCHS = {"nyu": 30, "mc": 12, "redweb": 250, "diw": 5}
BATCH = {"nyu": 8, "mc": 16, "redweb": 4, "diw": 4}
RATES = {"nyu": 0.01, "mc": 4e-4, "redweb": 4e-4, "diw": 1e-4}
FALLS = {  # after which shares of the steps the rate falls, and to how much of it
    "nyu": ((1 / 3, 2 / 3), 0.1),
    "mc": ((1 / 3, 2 / 3), 0.5),
    "redweb": ((0.2, 0.4, 0.6, 0.8), 0.5),
    "diw": ((0.2, 0.4, 0.6, 0.8), 0.5),
}
CROP, PAIRS, TEACHER, HOURGLASS = (224, 224), (224, 448), (384, 384), (240, 320)  # sizes that networks see
TEACHER_BEFORE = "teacher-rw"  # the teacher's first stage
VALIDATION = 2_000  # pictures that score a proposal of the search
WEIGHTS = (
    *("resnet50", "shufflenet_v2_x1_0"),
    *("timm/mnasnet_100", "timm/mobilenetv2_100", "timm/mobilenetv3_large_100", "timm/efficientnet_es"),
    *("timm/efficientnet_b0", "timm/ghostnet_100", "timm/mixnet_m", "timm/mixnet_s", "timm/mobilenetv1_100"),
)
STATE_BYTES = 0


def recipe(spec: RunSpec) -> Recipe:
    """A variant trained on its data, see `data_of`.

    Tests, of all: "diw", "mc"; of networks in metres "nyu" and "nyu-aligned", the same; of all others "mc-aligned" and
    "nyu-aligned", maps that got the mean and deviation of NYUv2 first. A search has "size" and "rounds" alone.

    Raises:
        ValueError: an unknown variant, other data, a teacher with a seed, or a floor made of dense depth behind pairs.
    """
    if spec.data != data_of(spec.variant):
        found = f"{spec.variant} on {spec.data}"
        raise ValueError(f"profile 'paper': found {found}, expected {data_of(spec.variant)}")
    if spec.variant in rows.FLOOR_ROWS:
        design = replace(spec, variant="mobilenet_v2-nnconv5").recipe
        labels = Build.of(FastDepthView, dataset=design.train)
        return floor_recipe(design, spec.variant, train=labels, tests=("nyu",))
    if spec.variant in DESIGN:
        return _design(spec)
    if spec.variant in (*SEARCHES, *PRUNED, LONGER):
        return _pruned(spec)
    return _student(spec) if spec.variant in VARIANTS else _others(spec)


def data_of(variant: str) -> str:
    """The data of a variant, or of a floor. Raises ValueError for an unknown one, or one that cannot be made."""
    if variant in ("floor-rank", "floor-log"):
        raise ValueError(f"profile 'paper': found {variant}, expected another: no dense depth is behind pairs of DIW")
    data = {TEACHER_BEFORE: "rw", **rows.FLOOR_ROWS, **DATA}.get(variant)
    if data is None:
        raise ValueError(f"unknown variant {variant!r}: expected one of {', '.join(DATA)}")
    return HERE.get(data, data)


def _whole(spec: RunSpec) -> bool:
    """Whether networks have their full width, for which there are ImageNet weights."""
    return spec.scaled().width == 32


def _plan(spec: RunSpec) -> Plan:
    data, (milestones, drop) = spec.data, FALLS[spec.data]
    profile = spec.scaled(batch_size=BATCH[data], steps=EPOCHS[data] * (IMAGES[SETS[data]] // BATCH[data]))
    own: dict[str, Any] = {"schedule": "step", "milestones": milestones, "drop": drop, "amp": False}
    own |= {"optimizer": "sgd", "weight_decay": 1e-4} if data == "nyu" else {}
    return Plan(steps=profile.steps, batch_size=profile.batch_size, lr=RATES[data], **own)


def _data(data: str, size: tuple[int, int]) -> dict[str, Any]:
    """Training set and augmentation, besides the flips of the plan."""
    train = Build.of(real, name=SETS[data][0], split=SETS[data][1])
    if data == "diw":  # nothing is drawn, and the search for widths takes no transforms
        return {"train": Build.of(PairsSeen, dataset=train, size=size)}
    turn, crop = Build.of(RandomRotate, degrees=(-5.0, 5.0)), Build.of(RandomCrop, size=size)
    short = Build.of(ShortSide, length=size[0] * 8 // 7)  # 256 for 224
    steps = {
        "nyu": AUGMENTATION,
        "mc": (turn, short, crop),
        "redweb": (turn, short, crop, Build.of(ColourJitter, **JITTER)),
    }
    return {"train": train, "transform": steps[data]}


def _tests(size: tuple[int, int], *, metres: bool = False) -> dict[str, tuple[Build, str | Build]]:
    pairs = Build.of(PairsAtSize, dataset=Build.of(real, name="diw", split="test"), size=size)
    people = Build.of(AtNetworkSize, dataset=Build.of(real, name="mannequin", split="test"), size=size)
    tests: dict[str, tuple[Build, str | Build]] = {
        "diw": (pairs, Build.of(OrderAtOwnSize)),
        "mc": (people, Build.of(ReadAsDepth, protocol="mobile-mc", output="metres" if metres else "log")),
    }
    if metres:
        own = Build.of(FastDepthView, dataset=Build.of(real, name="nyu48k", split="val"))
        errors = Build.of(ReadAsDepth, protocol="mobile-nyu", output="metres", keep=3)  # the last layer is linear
        return tests | {"nyu": (own, errors), "nyu-aligned": (own, errors)}
    rooms = Build.of(AtNetworkSize, dataset=Build.of(real, name="nyu", split="test", depth="filled"), size=size)
    aligned = Build.of(ReadAsDepth, protocol="mobile-mc", output="aligned")
    return tests | {"mc-aligned": (people, aligned), "nyu-aligned": (rooms, "chen2016-nyu")}


def _design(spec: RunSpec) -> Recipe:
    """Tables 1 and 2. One row, ours, starts from random weights: what pretraining is worth."""
    encoder, decoder = spec.variant.removesuffix("-imagenet").rsplit("-", 1)
    options: dict[str, Any] = {"encoder": encoder} | ({"full": True} if decoder == "fbnet" else {})
    if _whole(spec) and spec.variant != f"{LITE}-nnconv5":
        options["pretrained"] = True
    return Recipe(
        model="nnconv5" if decoder == "nnconv5" else "mobile",
        model_options=options,
        task=Build.of(Supervised, loss=l1_loss),
        **_data("nyu", CROP),
        tests=_tests(CROP, metres=True),
        plan=_plan(spec),
    )


def _student(spec: RunSpec) -> Recipe:
    variant, plan = VARIANTS[spec.variant], _plan(spec)
    start = variant.before and replace(spec, variant=variant.before, data=data_of(variant.before))
    teacher = {"teacher": replace(spec, variant="teacher", data="diw", seed=0)}
    size = PAIRS if spec.data == "diw" else CROP
    small: dict[str, Any] = {"encoder": "mobilenet_v2", "pretrained": True}
    scale = SCALES["paper"] if _whole(spec) else replace(SCALES["paper"], critic={"width": 4})
    return Recipe(
        model="mobile",
        model_options={**(small if _whole(spec) else {"encoder": "mobilenet_v2_035"}), "intermediate": variant.heads},
        task=rows.task_of(variant, scale, plan.steps),
        **_data(spec.data, size),
        tests=_tests(size),
        plan=replace(plan, optimizer="mtadam") if variant.mtadam else plan,
        pictures={"nyu-aligned": 3} if not spec.seed else {},
        start=start or None,
        networks=teacher if set(variant.terms) != {"ranking"} else {},
    )


def _pruned(spec: RunSpec) -> Recipe:
    pairs = Build.of(real, name="diw", split="val")
    val = Build.of(PairsAtSize, dataset=pairs, size=PAIRS, count=VALIDATION if _whole(spec) else 2)
    student = replace(spec, variant="hard-easy").recipe
    return pruned_recipe(spec, student, val=val, effort="paper" if _whole(spec) else "smoke")


def _others(spec: RunSpec) -> Recipe:
    """The teacher, on ReDWeb and then on DIW (erratum MB-26), and the hourglass of Chen et al. [3] on DIW."""
    if spec.variant != "hourglass" and spec.seed:
        raise ValueError(f"{spec.variant} is trained once: found seed {spec.seed}, expected 0")
    width = {} if _whole(spec) else {"width": max(1 / 16, spec.scaled().width / 32)}
    size = HOURGLASS if spec.variant == "hourglass" else TEACHER
    task = rows.task_of(VARIANTS["rw" if spec.data == "redweb" else "diw"], SCALES["paper"], 0)
    options = {
        "hourglass": width,
        TEACHER_BEFORE: width or {"pretrained": True},
        "teacher": width or {"pretrained": True},
    }
    return Recipe(
        model="diw_hourglass" if spec.variant == "hourglass" else "enc_dec_resnet",
        model_options=options[spec.variant],
        task=task,
        **_data(spec.data, size),
        tests=_tests(size),
        plan=_plan(spec),
        start=replace(spec, variant=TEACHER_BEFORE, data="redweb") if spec.variant == "teacher" else None,
    )


def sample(spec: RunSpec, generator: torch.Generator) -> dict[str, Any]:
    """An item like those of the training set, of random pixels, a fifth of them without a label."""
    size = spec.recipe.train.options["size"] if spec.data == "diw" else (480, 640)
    item: dict[str, Any] = {"image": torch.rand(3, *size, generator=generator)}
    if spec.data == "diw":
        relation = 2 * torch.randint(2, (1, 1), generator=generator) - 1
        return item | {"pairs": torch.cat([torch.randint(size[0], (1, 4), generator=generator), relation], dim=1)}
    known = torch.rand(1, *size, generator=generator) > 0.2
    values = torch.rand(1, *size, generator=generator)
    name, label = ("relative", values) if spec.data == "redweb" else ("depth", torch.where(known, 1 + 8 * values, 0))
    return item | {name: label, "valid": known}
