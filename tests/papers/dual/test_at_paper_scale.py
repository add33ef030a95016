"""Dual networks at their own scale: recipe; on miniatures the scores and the whole lesson; real files."""

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
from depthlib.base.build import Build
from depthlib.course.notebooks import check_executed, execute
from depthlib.course.notebooks.cells import read_notebook, tags
from depthlib.data.network_size import AtNetworkSize
from depthlib.data.real_sets import real as open_real
from depthlib.papers.dual import rows
from depthlib.papers.dual.at_paper_scale import IMAGES, NATIVE, TABLES, frame, sample
from depthlib.report.reproduction import MINIATURE
from depthlib.runs.files import SCORE
from depthlib.runs.json_files import read_json
from depthlib.runs.recipe import Recipe
from depthlib.runs.score import score
from depthlib.runs.spec import RunSpec
from depthlib.runs.train import build_model, build_task, transform
from depthlib.scenes.writers.miniature import write_miniature
from depthlib.scenes.writers.pictures import save_lines
from depthlib.training.fit import fit
from depthlib.training.schedules import rate_factor

SMALL = {"steps": 30, "width": 8, "batch_size": 4}  # frames of 288 x 288, small ones of 96 x 96


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("data")
    for name in ("kitti", "kitti-odometry", "make3d"):
        write_miniature(folder, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPTHLIB_DATA", str(folder))
        yield folder


def made(variant: str, data: str = "kitti", **overrides: int) -> Recipe:
    return RunSpec("dual", variant, data, "paper", overrides=overrides).recipe


def trained(recipe: Recipe) -> tuple[nn.Module, dict[str, list[float]]]:
    model = build_model(recipe, 0)
    data, change = recipe.train.make(), transform(recipe)
    curve = fit(model, build_task(recipe, {}), data, recipe.plan, seed=0, transform=change)
    return model, curve.values


def test_the_settings_are_those_of_the_paper() -> None:
    lr, two = made("lr"), made("dual")
    for recipe in (lr, two):
        plan = recipe.plan
        assert (plan.batch_size, plan.lr, plan.betas, plan.amp, plan.clip) == (4, 2e-4, (0.9, 0.999), False, None)
        epoch = IMAGES["kitti", "eigen_zhou/train"] // 4
        assert plan.steps == 40 * epoch
        rates = [
            rate_factor(plan.schedule, at * epoch, plan.steps, milestones=plan.milestones, drop=plan.drop)
            for at in (0, 9, 11, 19, 21, 39)
        ]
        assert rates == [1, 1, 0.5, 0.5, 0.25, 0.25]  # Eq. 12
        assert (plan.flip, plan.colour, recipe.task.options["motion"], recipe.task.options["crop"]) == (
            *(0.5, 0.0, "learned", None),
        )
        enlarged, resized = recipe.transform
        assert (enlarged.options, resized.options) == ({"scale": [1.0, 1.15]}, {"size": [384, 1248]})
    assert lr.model_options["ratio"] == 3 and lr.model_options["depth_options"]["pretrained"]
    assert two.start == RunSpec("dual", "lr", "kitti", "paper") and two.model_options["depth_options"]["link"] == "sa"
    assert made("dual-no-sa").model_options["depth_options"]["link"] == "features"  # DN-18, as printed
    assert "features" in lr.task.options["weights"] and "features" not in two.task.options["weights"]
    assert "pretrained" not in made("lr-random").model_options["depth_options"]
    assert "pretrained" not in made("lr", width=4).model_options["depth_options"]  # there are no such weights
    assert frame() == (384, 1248) and frame(8) == (288, 288)


def test_rows_and_places(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, list[str]] = {}
    for spec in rows.runs("paper", seeds=[0]):
        found.setdefault(spec.data, []).append(spec.variant)
        assert spec.recipe.start is None or spec.recipe.start.data == spec.data
    assert found["kitti"] == [*TABLES, "lr-longer", "hr-alone", "floor-constant", "floor-map"]
    assert found["odometry"] == ["lr", "dual", "lr-longer", "floor-drive"]
    assert {spec.data for spec in rows.runs("paper", data="odometry", seeds=[0])} == {"odometry"}
    key = RunSpec("dual", "lr", "kitti", "paper").key
    monkeypatch.setenv("DEPTHLIB_DATA", "/somewhere/else")
    assert RunSpec("dual", "lr", "kitti", "paper").key == key
    for variant, data in (("lr", "streets"), ("lr-flat", "kitti"), ("resnet18", "odometry"), ("floor-map", "odometry")):
        with pytest.raises(ValueError, match=f"found {variant} on {data}, expected a row of kitti: lr, dual"):
            made(variant, data)


def test_a_sample_is_as_large_as_the_real_ones() -> None:
    item = sample(RunSpec("dual", "lr", "kitti", "paper"), torch.Generator().manual_seed(0))
    assert {item[view].shape for view in ("image", "previous", "next")} == {(3, *NATIVE)} and item["K"].shape == (3, 3)


@pytest.mark.slow
def test_thirty_steps_halve_the_loss(miniatures: Path) -> None:
    """Of one triplet as it comes, at five times the rate of the paper, which is made for 398,080 steps."""
    save_lines(miniatures / "kitti/eigen_zhou/one.txt", ["2011_09_26/2011_09_26_drive_0001_sync 1 l"])
    recipe = made("lr", **SMALL | {"batch_size": 1})
    recipe = replace(
        recipe,
        train=replace(recipe.train, options=recipe.train.options | {"split": "eigen_zhou/one"}),
        transform=recipe.transform[1:],
        plan=replace(recipe.plan, lr=5 * recipe.plan.lr, milestones=(), flip=0.0),
    )
    curve = trained(recipe)[1]["photometric"]
    assert sum(curve[-3:]) / 3 < curve[0] / 2


class Truth(nn.Module):
    """Predicts what is true of the items of some data sets, in their order; 1 m where nothing is known."""

    def __init__(self, datasets: list[torch.utils.data.Dataset]) -> None:
        super().__init__()
        self.items = (item for data in datasets for item in (data[i] for i in range(len(data))))

    def forward(self, image: Tensor) -> Tensor:
        depth = torch.stack([next(self.items)["depth"] for _ in image])
        return torch.where(depth > 0, depth, 1)

    def trajectory(self, frames: Tensor) -> Tensor:
        return torch.stack([next(self.items)["T_first_frame"] for _ in frames])


class InTheCrop(torch.utils.data.Dataset):
    """Photographs of Make3D with the part of the laser's grid that the crop shows."""

    def __init__(self, data: torch.utils.data.Dataset) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"depth": self.data[index]["depth"][:, 17:38]}


@pytest.mark.slow
def test_the_truth_as_prediction_has_no_error(miniatures: Path, tmp_path: Path) -> None:
    counts = {"kitti": 8, "make3d": 4, "make3d-uncropped": 4, "seq09": 1, "seq10": 1}
    for data in ("kitti", "odometry"):
        recipe = made("lr", data, **SMALL)
        sets = {}
        for name, (build, _) in recipe.tests.items():
            sets.setdefault(repr(build), InTheCrop(build.make()) if name == "make3d" else build.make())
        identity = {name: {"key": "", "weights": ""} for name in recipe.tests}
        recipe = replace(recipe, pictures={})  # the truth's sizes differ
        score(recipe, recipe.tests, Truth(list(sets.values())), tmp_path, identity=identity, device="cpu")
        for name in recipe.tests:
            found = read_json(tmp_path / f"{name}{SCORE}")
            assert len(found["images"]) == counts.get(name, 8) and not found["skipped"], name
            if name == "sharpness":
                assert all(value > 0 for value in found["metrics"]["tenengrad_0"])
                continue
            for metric, values in found["metrics"].items():
                best = 1.0 if metric.startswith("delta") else 0.0
                assert values == pytest.approx([best] * len(values), abs=1e-5), (name, metric)


@pytest.mark.slow
def test_the_whole_lesson_on_miniatures(miniatures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    monkeypatch.delenv("DEPTHLIB_TRAIN", raising=False)
    source, output = paths.notebooks_dir() / "04_dual_networks.ipynb", tmp_path / "paper" / "04_dual_networks.ipynb"
    overrides = {"steps": 2, "width": 8, "batch_size": 2}
    parameters = {"profile": "paper", "device": "cpu", "seeds": [0], "overrides": overrides}
    execute(source, output, parameters, threads=1)
    assert check_executed(output, source) == []
    lesson = read_notebook(output)
    assert not [cell.id for cell in lesson.cells if "scenes" in tags(cell)]
    settings = next(cell for cell in lesson.cells if cell.id == "settings").outputs[0].text
    assert "a miniature of the paper's own experiment (steps 2, width 8" in settings
    assert "8 of 39,810 images of kitti eigen_zhou/train" in settings
    tables = tmp_path / "paper" / "tables" / "04_dual_networks"
    assert "*Miniature (profile paper): not a reproduction.*" in (tables / "table1.md").read_text()
    expected = {"table1": ("Ours (K)", 7), "table2": ("Ours", 3), "table4": ("w/ HR-Net", 14)}
    expected |= {"table8": ("Ours (LR-Net+HR-Net)", 4)}
    for table, (method, columns) in expected.items():
        with (tables / f"{table}.csv").open(newline="") as file:
            found = [row for row in csv.DictReader(file) if row["method"] == method]
        assert len(found) == columns and {row["verdict"] for row in found} == {MINIATURE}, table
        assert all(float(row["ours"]) >= 0 for row in found)


@pytest.mark.slow
@real
def test_a_training_step_and_an_evaluation_on_real_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drive of KITTI's raw data, with the laser's depth as another project stored it."""
    assert SAMPLES is not None
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path))
    drive = "2011_09_26/2011_09_26_drive_0023_sync"
    shutil.copytree(SAMPLES / "kitti/raw_drive_0023_packnet/2011_09_26", tmp_path / "kitti/2011_09_26")
    save_lines(tmp_path / "kitti/eigen_zhou/train.txt", [f"{drive} {number} l" for number in (1, 2, 3)])
    save_lines(tmp_path / "kitti/eigen/test.txt", [f"{drive} 3 l", f"{drive} 2 r"])
    recipe = made("lr", steps=1, width=8, batch_size=2)
    model, curve = trained(recipe)
    assert len(curve["loss"]) == 1 and 0 < curve["photometric"][0] < 0.5
    scans = Build.of(open_real, name="kitti", split="eigen/test", depth="projected")
    frames = Build.of(AtNetworkSize, dataset=scans, size=frame(8))
    tests = {name: (frames, how) for name, (_, how) in recipe.tests.items() if not name.startswith("make3d")}
    identity = {name: {"key": "", "weights": ""} for name in tests}
    score(replace(recipe, tests=tests), tests, model, tmp_path, identity=identity, device="cpu")
    assert frames.make()[0]["depth"].shape == (1, 375, 1242)
    for name in ("kitti", "near", "far"):
        assert all(0 < value < 5 for value in read_json(tmp_path / f"{name}{SCORE}")["metrics"]["abs_rel"])
