"""DACNN at its own scale: recipe; on miniatures of its data sets the scores and the whole lesson; real files."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from samples import SAMPLES, real
from torch import Tensor, nn

from depthlib.base import paths
from depthlib.course.notebooks import check_executed, execute
from depthlib.course.notebooks.cells import read_notebook, tags
from depthlib.data.kitti.raw import KittiRaw
from depthlib.data.kitti.splits import RawFrame
from depthlib.papers.dacnn import rows
from depthlib.papers.dacnn.at_paper_scale import FRAME, IMAGES, sample
from depthlib.report.reproduction import MINIATURE
from depthlib.runs.files import SCORE
from depthlib.runs.json_files import read_json
from depthlib.runs.recipe import Recipe
from depthlib.runs.score import score
from depthlib.runs.spec import RunSpec
from depthlib.runs.train import build_model, build_task, transform
from depthlib.scenes.writers.kitti_benchmarks import write_kitti_annotated
from depthlib.scenes.writers.miniature import write_miniature
from depthlib.scenes.writers.pictures import save_lines
from depthlib.training.curve import Curve
from depthlib.training.fit import fit

SMALL = {"steps": 30, "width": 4, "batch_size": 4}  # windows of 32 x 64


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("data")
    for name in ("kitti", "kitti-depth"):
        write_miniature(folder, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPTHLIB_DATA", str(folder))
        yield folder


def made(variant: str, data: str = "eigen", **overrides: int) -> Recipe:
    return RunSpec("dacnn", variant, data, "paper", overrides=overrides).recipe


def trained(recipe: Recipe, model: nn.Module, **networks: nn.Module) -> Curve:
    task, change = build_task(recipe, networks), transform(recipe)
    return fit(model, task, recipe.train.make(), recipe.plan, seed=0, transform=change)


def test_the_settings_are_those_of_the_paper() -> None:
    recipe = made("full")
    plan = recipe.plan
    assert (plan.batch_size, plan.lr, plan.betas, plan.power) == (6, 1e-4, (0.9, 0.999), 0.9)
    assert (plan.flip, plan.colour, plan.colour_share, plan.amp) == (0, 0.1, 0.5, False)
    assert recipe.transform[0].options["size"] == [256, 512] and recipe.tests["eigen"][1].options["window"] == [
        256,
        512,
    ]
    assert recipe.model_options == {"max_depth": 80.0, "learned_scale": True}
    assert made("full", "online").model_options["max_depth"] == 88.0
    assert recipe.task.options["weights"] == {"pixel": 1, "smooth": 0.01, "proxy": 0.01, "guidance": 1000}
    epoch = IMAGES["kitti", "eigen_full/train"] // 6
    steps = {variant: made(variant).plan.steps for variant in ("teacher", "full", "long")}
    assert steps == {"teacher": 10 * epoch, "full": 15 * epoch, "long": 25 * epoch}
    for data in ("eigen", "online"):
        teacher = made("full", data).networks["teacher"]
        assert teacher.data == data and teacher.recipe.train == made("full", data).train


def test_rows_and_places(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, list[str]] = {}
    for spec in rows.runs("paper", seeds=[0]):
        found.setdefault(spec.data, []).append(spec.variant)
    assert set(found["eigen"]) == {"teacher", *rows.TABLE3, "long", *rows.FLOOR_ROWS}
    assert set(found["online"]) == {"teacher", "full", *rows.FLOOR_ROWS}
    spec = RunSpec("dacnn", "full", "eigen", "paper")
    key = spec.key
    monkeypatch.setenv("DEPTHLIB_DATA", "/somewhere/else")
    assert RunSpec("dacnn", "full", "eigen", "paper").key == key
    for variant, data in (("full", "streets"), ("true-guidance", "eigen")):
        with pytest.raises(ValueError, match=f"found {variant} on {data}, expected eigen or online"):
            made(variant, data)


def test_a_sample_is_as_large_as_the_real_ones() -> None:
    item = sample(RunSpec("dacnn", "full", "eigen", "paper"), torch.Generator().manual_seed(0))
    assert item["image"].shape == item["right"].shape == (3, *FRAME) and torch.equal(item["valid"], item["depth"] > 0)
    assert 0.15 < item["valid"].float().mean() < 0.25


@pytest.mark.slow
def test_thirty_steps_halve_the_loss_of_teacher_and_student(miniatures: Path) -> None:
    """At 30 times the rate of the paper, which is made for 55,710 steps."""
    networks: dict[str, nn.Module] = {}
    for variant, name in (("teacher", "teacher"), ("full", "student")):
        recipe = made(variant, **SMALL)
        recipe = replace(recipe, plan=replace(recipe.plan, steps=30, lr=30 * recipe.plan.lr))
        networks[name] = build_model(recipe, 0)
        needed = {"teacher": networks["teacher"]} if recipe.networks else {}
        loss = trained(recipe, networks[name], **needed).values["loss"]
        assert sum(loss[-3:]) / 3 < loss[0] / 2, variant


class Truth(nn.Module):
    """Predicts through the windows what is true of an image that it has seen whole; 1 m where nothing is known."""

    def __init__(self, data: torch.utils.data.Dataset) -> None:
        super().__init__()
        self.frames = [(item["image"], item["depth"]) for item in (data[i] for i in range(len(data)))]

    def forward(self, image: Tensor) -> Tensor:
        return torch.stack([self.found(window) for window in image])

    def found(self, window: Tensor) -> Tensor:
        height, width = window.shape[-2:]
        for whole, depth in self.frames:
            for top in range(whole.shape[1] - height + 1):
                for left in range(whole.shape[2] - width + 1):
                    if torch.equal(whole[:, top : top + height, left : left + width], window):
                        part = depth[:, top : top + height, left : left + width]
                        return torch.where(part > 0, part, 1)
        raise AssertionError("a window of no frame")


@pytest.mark.slow
def test_the_truth_as_prediction_has_no_error(miniatures: Path, tmp_path: Path) -> None:
    for data in ("eigen", "online"):
        recipe = made("full", data, **SMALL)
        frames = next(iter(recipe.tests.values()))[0].make()
        identity = {name: {"key": "", "weights": ""} for name in recipe.tests}
        score(recipe, recipe.tests, Truth(frames), tmp_path, identity=identity, device="cpu")
        for name in recipe.tests:
            found = read_json(tmp_path / f"{name}{SCORE}")
            assert len(found["images"]) + len(found["skipped"]) == len(frames) and len(found["images"]) > 2
            for metric, values in found["metrics"].items():
                best = 1.0 if metric.startswith("delta") else 0.0
                assert values == pytest.approx([best] * len(values), abs=1e-4), (name, metric)
    kitti = made("full").tests["eigen"][0].make()
    assert {tuple(kitti[i]["image"].shape[1:]) for i in range(8)} == {(38, 124), (37, 122)}
    swapped = made("teacher").tests["swapped"][0].make()
    assert [swapped[i]["right"].shape == kitti[i]["image"].shape for i in range(8)] == [True] * 8
    assert not torch.equal(swapped[0]["right"], kitti[0]["right"])


@pytest.mark.slow
def test_the_whole_lesson_on_miniatures(miniatures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    monkeypatch.delenv("DEPTHLIB_TRAIN", raising=False)
    source, output = paths.notebooks_dir() / "02_dacnn.ipynb", tmp_path / "paper" / "02_dacnn.ipynb"
    overrides = {"steps": 3, "width": 4, "batch_size": 2}
    parameters = {"profile": "paper", "device": "cpu", "seeds": [0], "overrides": overrides}
    execute(source, output, parameters, threads=1)
    assert check_executed(output, source) == []
    lesson = read_notebook(output)
    assert not [cell.id for cell in lesson.cells if "scenes" in tags(cell)]
    settings = next(cell for cell in lesson.cells if cell.id == "settings").outputs[0].text
    assert "a miniature of the paper's own experiment (steps 3, width 4" in settings
    assert "8 of 22,285 images of kitti eigen_full/train" in settings
    tables = tmp_path / "paper" / "tables" / "02_dacnn"
    assert "*Miniature (profile paper): not a reproduction.*" in (tables / "table1.md").read_text()
    for table, method, columns in (
        ("table1", "DACNN", 7),
        ("table2", "DACNN", 4),
        ("table3", "Full version of DACNN", 4),
    ):
        with (tables / f"{table}.csv").open(newline="") as file:
            found = [row for row in csv.DictReader(file) if row["method"] == method]
        assert len(found) == columns and {row["verdict"] for row in found} == {MINIATURE}
        assert all(float(row["ours"]) >= 0 for row in found)


@pytest.mark.slow
@real
def test_a_training_step_and_an_evaluation_on_real_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drive of KITTI's raw data with both cameras; its laser's depth in the files of the annotated depth."""
    assert SAMPLES is not None
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path))
    drive = "2011_09_26/2011_09_26_drive_0023_sync"
    shutil.copytree(SAMPLES / "kitti/raw_drive_0023_packnet/2011_09_26", tmp_path / "kitti/2011_09_26")
    for split, numbers in (("eigen_full/train", (3, 4)), ("eigen_benchmark/test", (3,))):
        save_lines(tmp_path / f"kitti/{split}.txt", [f"{drive} {number} l" for number in numbers])
    frames = [RawFrame(Path(drive).name, number, "l") for number in (3, 4)]
    scans = KittiRaw(tmp_path / "kitti", frames, depth="projected")
    write_kitti_annotated(tmp_path / "kitti-depth/annotated", scans, frames, "val")
    recipe = made("teacher", steps=1, width=8, batch_size=2)
    model = build_model(recipe, 0)
    (loss,) = trained(recipe, model).values["loss"]
    assert 1 < loss < 80
    tests = {name: recipe.tests[name] for name in ("eigen", "borders")}
    identity = {name: {"key": "", "weights": ""} for name in tests}
    score(recipe, tests, model, tmp_path, identity=identity, device="cpu")
    errors, borders = (read_json(tmp_path / f"{name}{SCORE}")["metrics"] for name in tests)
    assert 0 < errors["abs_rel"][0] < 10 and 0 < borders["gradient_error"][0] < 10
    shares = [borders[f"{where}_abs_rel"][0] for where in ("border", "inside")]
    assert min(shares) < errors["abs_rel"][0] < max(shares)
