"""Look Deeper at its own scale: its recipe; on miniatures of its data the scores and the lesson; real files."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from samples import SAMPLES, real
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.base import paths
from depthlib.base.build import Build
from depthlib.base.labels import IGNORE
from depthlib.course.notebooks import check_executed, execute
from depthlib.course.notebooks.cells import read_notebook, tags
from depthlib.data.images import read_image
from depthlib.data.nyu import coarsen
from depthlib.papers.synergy import rows
from depthlib.papers.synergy.at_paper_scale import FRAME, HALF, IMAGES, SEEN, sample
from depthlib.papers.synergy.variants import ABROAD, VARIANTS
from depthlib.protocols.crops import box
from depthlib.report.reproduction import MINIATURE
from depthlib.runs.files import SCORE
from depthlib.runs.json_files import read_json
from depthlib.runs.recipe import Recipe
from depthlib.runs.score import score
from depthlib.runs.spec import RunSpec
from depthlib.runs.train import build_model, build_task, transform
from depthlib.scenes.writers.miniature import write_miniature
from depthlib.scenes.writers.nyu import write_nyu
from depthlib.training.fit import fit

SMALL = {"steps": 30, "width": 2, "batch_size": 2}


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("data")
    for name in ("nyu", "sunrgbd", "kitti-stereo2015", "kitti"):
        write_miniature(folder, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPTHLIB_DATA", str(folder))
        yield folder


def spec(variant: str, data: str = "nyu", **overrides: int) -> RunSpec:
    return RunSpec("synergy", variant, data, "paper", overrides=overrides)


def chain(last: RunSpec) -> list[Recipe]:
    found = [last.recipe]
    while found[0].start:
        found.insert(0, found[0].start.recipe)
    return found


def test_the_settings_are_those_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = chain(spec("proposed"))
    for recipe in stages:
        plan = recipe.plan
        assert (plan.steps, plan.batch_size, plan.optimizer, plan.betas, plan.eps) == (
            *(60 * 66, 12),
            *("adam", (0.9, 0.999), 1e-8),
        )
        assert (plan.schedule, plan.milestones, plan.drop, plan.flip, plan.amp) == (
            *("step", (1 / 3, 2 / 3), 0.1),
            *(0.5, False),
        )
        assert recipe.model_options["pretrained"] and recipe.model_options["width"] == 1
        resize, turn, crop, colour = (step.options for step in recipe.transform)
        assert (resize["size"], crop["size"], turn["degrees"]) == (list(HALF), list(SEEN), [-5, 5])
        assert colour == {"contrast": [0.5, 2.0], "gain": [0.8, 1.2]}
    rates = [recipe.task.options["stage"]["rates"] for recipe in stages]
    assert rates[0] == {"backbone": 1e-3, "depth": 1e-3}
    assert rates[1] == pytest.approx({"backbone": 1e-5, "semantics": 1e-3, "sharing": 1e-3})
    assert rates[2] == pytest.approx({"backbone": 1e-4, "depth": 1e-3, "semantics": 1e-3, "sharing": 1e-3})
    assert "pretrained" not in spec("proposed", width=2).recipe.model_options  # there are no such weights
    key = spec("proposed").key
    monkeypatch.setenv("DEPTHLIB_DATA", "/somewhere/else")
    assert spec("proposed").key == key


def test_rows_and_what_they_are_told() -> None:
    trained = {(one.variant, one.data) for one in rows.runs("paper", seeds=[0]) if one.recipe.plan.steps}
    ends = {(name, "kitti" if variant is ABROAD else "nyu") for name, variant in VARIANTS.items()}
    assert ends <= trained and {data for _, data in trained} == {"nyu", "kitti"}
    classes = {name: spec(name).recipe.model_options["classes"] for name in ("suc", "proposed", "proposed-13")}
    assert classes == {"suc": 0, "proposed": 4, "proposed-13": 40}
    assert [build.options["classes"] for build in (spec("lsu").recipe.train, spec("classes").recipe.train)] == [4, 40]
    depth, alone = chain(spec("proposed-13"))[1:], chain(spec("classes-focal"))
    for whole, own in zip(depth, alone, strict=True):  # Table 4: as many steps, the trunk at the same rates
        rates = whole.task.options["stage"]["rates"]
        assert own.plan.steps == whole.plan.steps
        assert own.task.options["stage"]["rates"] == {part: rates[part] for part in ("backbone", "semantics")}
    outdoors = spec("outdoors", "kitti").recipe
    assert outdoors.start == spec("proposed") and outdoors.plan.steps == 60 * (200 // 12)
    assert outdoors.model_options["max_depth"] == 80 and outdoors.model_options["classes"] == 19


@pytest.mark.parametrize(
    ("variant", "data"),
    [("suc", "rooms"), ("suc", "rooms-long"), ("outdoors", "nyu"), ("suc", "kitti"), ("floor-classes", "nyu")],
)
def test_what_does_not_exist_on_real_data(variant: str, data: str) -> None:
    with pytest.raises(ValueError, match=f"profile 'paper': found {variant} on {data}, expected "):
        _ = spec(variant, data).recipe


@pytest.mark.parametrize("variant", ["proposed", "proposed-13", "suc"])
def test_a_sample_is_as_large_as_the_real_ones(variant: str) -> None:
    one, count = spec(variant), spec(variant).recipe.model_options["classes"]
    item = sample(one, torch.Generator().manual_seed(0))
    assert item["image"].shape == (3, *FRAME) and 0.15 < (~item["valid"]).float().mean() < 0.25
    assert ("semantics" in item) == bool(count) and (not count or item["semantics"].max() == count - 1)
    assert sum(IMAGES["nyu", split] for split in ("train", "test")) == 1449
    street = sample(spec("outdoors", "kitti"), torch.Generator().manual_seed(0))
    assert street["image"].shape == (3, 375, 1242) and street["semantics"].max() == 18


@pytest.mark.slow
def test_thirty_steps_halve_the_loss(miniatures: Path) -> None:
    """All losses at once, from random weights, at five times the rates of the paper, which are made for 3960 steps."""
    recipe = spec("proposed", **SMALL).recipe
    stage = recipe.task.options["stage"]
    faster = stage | {"rates": {part: 5 * rate for part, rate in stage["rates"].items()}}
    recipe = replace(recipe, task=Build(recipe.task.target, recipe.task.options | {"stage": faster}))
    model, task = build_model(recipe, 0), build_task(recipe, {})
    loss = fit(model, task, recipe.train.make(), recipe.plan, seed=0, transform=transform(recipe)).values["loss"]
    assert sum(loss[-3:]) / 3 < loss[0] / 2


class Truth(nn.Module):
    """Predicts what is true of the images of some data sets, in their order; of NYU what a prediction shows of it."""

    def __init__(self, datasets: list[torch.utils.data.Dataset], classes: int) -> None:
        super().__init__()
        items = [data[i] for data in datasets for i in range(len(data))]  # type: ignore[arg-type]
        self.classes, self.depths = classes, iter(items)
        self.labels = iter([item for item in items if "semantics" in item])

    def shown(self, plane: Tensor) -> Tensor:
        top, bottom, left, right = box("nyu_fcrn" if tuple(plane.shape[-2:]) == FRAME else "none", *plane.shape[-2:])
        return plane[..., top:bottom, left:right]

    def forward(self, image: Tensor) -> Tensor:
        depth = torch.stack([self.shown(next(self.depths)["depth"]) for _ in image])
        return torch.where(depth > 0, depth, 1)

    def class_logits(self, image: Tensor) -> Tensor:
        labels = torch.stack([self.shown(next(self.labels)["semantics"]) for _ in image])
        labels = torch.where(labels == IGNORE, 0, labels)
        return F.one_hot(labels, self.classes).movedim(-1, 1).float()

    def attention_maps(self, image: Tensor) -> dict[str, Tensor]:
        return dict.fromkeys(("depth", "backbone"), image.mean(dim=1, keepdim=True))


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "data"), [("proposed", "nyu"), ("proposed-13", "nyu"), ("outdoors", "kitti")])
def test_the_truth_as_prediction_has_no_error(miniatures: Path, tmp_path: Path, variant: str, data: str) -> None:
    recipe = spec(variant, data, **SMALL).recipe
    sets = {repr(build): build for build, _ in recipe.tests.values()}
    network = Truth([build.make() for build in sets.values()], recipe.model_options["classes"])
    identity = {name: {"key": "", "weights": ""} for name in recipe.tests}
    score(recipe, recipe.tests, network, tmp_path, identity=identity, device="cpu")
    for name in recipe.tests:
        found = read_json(tmp_path / f"{name}{SCORE}")
        assert len(found["images"]) + len(found["skipped"]) == {"sun": 4, "kit": 8}.get(name[:3], 3), name
        for metric, values in found["metrics"].items():
            if name == "attention" or metric.startswith(("share", "right", "labelled", "given")):
                continue
            best = (
                1.0 if metric.startswith("delta") or metric in ("pixel_accuracy", "class_accuracy", "mean_iou") else 0.0
            )
            assert np.mean(values) == pytest.approx(best, abs=1e-4), (name, metric)


@pytest.mark.slow
def test_the_whole_lesson_on_miniatures(miniatures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    monkeypatch.delenv("DEPTHLIB_TRAIN", raising=False)
    source, output = paths.notebooks_dir() / "05_synergy.ipynb", tmp_path / "paper" / "05_synergy.ipynb"
    overrides = {"steps": 1, "width": 1, "batch_size": 2}
    parameters = {"profile": "paper", "device": "cpu", "seeds": [0], "overrides": overrides}
    execute(source, output, parameters, threads=1)
    assert check_executed(output, source) == []
    lesson = read_notebook(output)
    assert not [cell.id for cell in lesson.cells if "scenes" in tags(cell)]
    settings = next(cell for cell in lesson.cells if cell.id == "settings").outputs[0].text
    assert "a miniature of the paper's own experiment (steps 1, width 1" in settings
    assert "12 of 795 images of nyu train" in settings
    tables = tmp_path / "paper" / "tables" / "05_synergy"
    assert "*Miniature (profile paper): not a reproduction.*" in (tables / "table1.md").read_text()
    for table, method, column in (
        ("table1", "Proposed", "nyu"),
        ("table2", "Proposed", "nyu-6m"),
        ("table3", "Laina", "nyu"),
        ("table4", "Without depth", "nyu40"),
        ("numbers", "Proposed, fine-tuned outdoors", "kitti"),
    ):
        found = [row for row in cells(tables / f"{table}.csv", method) if row["data"] == column]
        assert found and {row["verdict"] for row in found} == {MINIATURE}, table


def cells(table: Path, method: str) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["method"] == method]


@pytest.mark.slow
@real
def test_a_training_step_and_an_evaluation_on_real_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of the labelled set with its classes, and one of a Kinect without, in the MATLAB format of the set."""
    assert SAMPLES is not None
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path))
    nyu = SAMPLES / "nyu-depth-v2"
    classes = coarsen(torch.from_numpy(np.array(Image.open(nyu / "labelled_000464/segm_gt_000464.png"))), 13)
    kinect = (nyu / "metric3d_demo" / name for name in ("rgb/rgb_00050.jpg", "depth/sync_depth_00050.png"))
    labelled = (nyu / "labelled_000464" / name for name in ("000464.png", "depth_gt_000464.png"))
    frames = [frame(*labelled, 5000, classes), frame(*kinect, 1000, torch.full_like(classes, IGNORE))]
    write_nyu(tmp_path / "nyu", frames, frames)
    recipe = spec("proposed", steps=1, width=2, batch_size=2).recipe
    model, task = build_model(recipe, 0), build_task(recipe, {})
    loss = fit(model, task, recipe.train.make(), recipe.plan, seed=0, transform=transform(recipe)).values["loss"]
    assert len(loss) == 1 and 0 < loss[0] < 100
    tests = {name: recipe.tests[name] for name in ("nyu", "nyu4")}
    identity = {name: {"key": "", "weights": ""} for name in tests}
    score(replace(recipe, tests=tests), tests, model, tmp_path, identity=identity, device="cpu")
    found = {name: read_json(tmp_path / f"{name}{SCORE}") for name in tests}
    assert len(found["nyu"]["images"]) == 2 and all(0 < value < 5 for value in found["nyu"]["metrics"]["abs_rel"])
    assert len(found["nyu4"]["images"]) == len(found["nyu4"]["skipped"]) == 1


def frame(image: Path, depth: Path, scale: float, semantics: Tensor) -> dict[str, Tensor]:
    metres = torch.from_numpy(np.array(Image.open(depth)).astype(np.float32))[None] / scale
    return {"image": read_image(image), "depth": metres, "valid": metres > 0, "semantics": semantics}
