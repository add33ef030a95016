"""The mobile paper at its own scale: its recipes; on miniatures of its data the scores and the lesson; real files."""

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

from depthlib.base import paths
from depthlib.course.notebooks import check_executed, execute
from depthlib.course.notebooks.cells import read_notebook, tags
from depthlib.data.images import read_image
from depthlib.papers.mobile import rows
from depthlib.papers.mobile.at_paper_scale import data_of, sample
from depthlib.papers.mobile.variants import DATA
from depthlib.protocols.inference import Measure, measure
from depthlib.report.reproduction import MINIATURE
from depthlib.runs.files import SCORE
from depthlib.runs.json_files import read_json
from depthlib.runs.recipe import Recipe
from depthlib.runs.score import score
from depthlib.runs.spec import RunSpec
from depthlib.runs.train import build_model, build_task, transform
from depthlib.scenes.writers.miniature import write_miniature
from depthlib.scenes.writers.nyu import write_nyu48k
from depthlib.training.fit import fit

SMALL = {"steps": 30, "width": 1, "batch_size": 2}


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("data")
    for name in ("nyu", "nyu48k", "mannequin", "redweb", "diw"):
        write_miniature(folder, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPTHLIB_DATA", str(folder))
        yield folder


def spec(variant: str, data: str | None = None, seed: int = 0, **overrides: int) -> RunSpec:
    return RunSpec("mobile", variant, data or data_of(variant), "paper", seed, overrides=overrides)


def steps_of(recipe: Recipe) -> list[str]:
    return [step.target.rpartition(":")[2] for step in recipe.transform]


def test_the_settings_are_those_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = {  # Sec. 4.1: epochs, pictures, batch, rate, falls, factor
        "mobilenet_v2-x112": (30, 47_000, 8, 0.01, 2, 0.1),
        "mc": (12, 150_000, 16, 4e-4, 2, 0.5),
        "rw": (250, 3_600, 4, 4e-4, 4, 0.5),
        "diw": (5, 421_000, 4, 1e-4, 4, 0.5),
    }
    for variant, (epochs, pictures, batch, rate, falls, drop) in printed.items():
        plan = spec(variant).recipe.plan
        assert (plan.steps, plan.batch_size, plan.lr) == (epochs * (pictures // batch), batch, rate)
        assert (plan.schedule, len(plan.milestones), plan.drop, plan.flip, plan.colour) == ("step", falls, drop, 0.5, 0)
    plan = spec("mobilenet_v2-x112").recipe.plan
    assert (plan.optimizer, plan.betas[0], plan.weight_decay) == ("sgd", 0.9, 1e-4)
    assert {spec(name).recipe.plan.optimizer for name in ("mc", "rw", "diw", "kd")} == {"adam"}
    assert spec("mtadam").recipe.plan.optimizer == "mtadam"
    assert spec("rw").recipe.task.options == {"pairs": 3000}
    sizes = {name: spec(name).recipe.train.options["size"] for name in ("diw", "teacher", "hourglass")}
    assert sizes == {"diw": [224, 448], "teacher": [384, 384], "hourglass": [240, 320]}
    assert steps_of(spec("mc").recipe) == ["RandomRotate", "ShortSide", "RandomCrop"]
    assert steps_of(spec("rw").recipe) == ["RandomRotate", "ShortSide", "RandomCrop", "ColourJitter"]
    assert spec("hard-easy").recipe.task.options["rebalance"]["steps_per_epoch"] == 421_000 // 4
    key = spec("kd").key
    monkeypatch.setenv("DEPTHLIB_DATA", "/somewhere/else")
    assert spec("kd").key == key


def test_where_networks_start() -> None:
    assert spec("mc-rw-diw").recipe.start == spec("mc-rw") and spec("mc-rw").recipe.start == spec("mc")
    assert spec("kd", seed=2).recipe.networks == {"teacher": spec("teacher")}
    assert spec("teacher").recipe.start == spec("teacher-rw")
    pretrained = {name: spec(name).recipe.model_options.get("pretrained", False) for name in DATA}
    assert {name for name, loaded in pretrained.items() if not loaded} == {"hourglass", "efficientnet_lite0-nnconv5"}
    assert not spec("kd", width=1).recipe.model_options.get("pretrained")  # there are no such weights
    found = spec("search-1.9").recipe.task.options
    assert found["validation"].options["count"] == 2_000 and found["tries"] is None and found["short"] == {}
    assert [spec(name).recipe.start.variant for name in ("search-1.9", "search-1.5", "pruned-1.5", "unpruned")] == [
        *("hard-easy", "search-1.9", "search-1.5", "hard-easy")
    ]


def test_rows_and_what_does_not_exist() -> None:
    made = {one.variant for one in rows.runs("paper", seeds=[0])}
    assert made == {*DATA, "teacher-rw", "floor-constant", "floor-map"}
    assert {one.data for one in rows.runs("paper", seeds=[0])} == {"nyu", "mc", "redweb", "diw"}
    for variant, data, message in (
        ("floor-rank", "diw", "no dense depth is behind pairs of DIW"),
        ("rw", "rw", "found rw on rw, expected redweb"),
        ("mobilenet_v2-x112", "rooms", "expected nyu"),
        ("nothing", "diw", "unknown variant 'nothing'"),
    ):
        with pytest.raises(ValueError, match=message):
            _ = spec(variant, data).recipe
    with pytest.raises(ValueError, match="trained once: found seed 1"):
        _ = spec("teacher", seed=1).recipe


@pytest.mark.parametrize("variant", ["mobilenet_v2-x112", "mc", "rw", "diw"])
def test_a_sample_goes_through_the_transforms(variant: str) -> None:
    item = sample(spec(variant), torch.Generator().manual_seed(0))
    made = transform(spec(variant).recipe)
    seen = made(item, torch.Generator().manual_seed(0)) if made else item
    assert seen["image"].shape[1:] == ((224, 448) if variant == "diw" else (224, 224))
    assert ("pairs" in seen) == (variant == "diw") and ("relative" in seen) == (variant == "rw")


@pytest.mark.slow
def test_thirty_steps_halve_the_loss(miniatures: Path) -> None:
    """At five times the rate of the paper, which is made for 112,500 steps."""
    recipe = spec("mc", **SMALL).recipe
    plan = replace(recipe.plan, lr=5 * recipe.plan.lr)
    model, task = build_model(recipe, 0), build_task(recipe, {})
    loss = fit(model, task, recipe.train.make(), plan, seed=0, transform=transform(recipe)).values["loss"]
    assert sum(loss[-3:]) / 3 < loss[0] / 2


class Truth(nn.Module):
    """Predicts what is true of the images of a data set, in their order: log depth, metres, or an order of points."""

    def __init__(self, dataset: torch.utils.data.Dataset, *, log: bool) -> None:
        super().__init__()
        self.items, self.log = iter([dataset[i] for i in range(len(dataset))]), log  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        return torch.stack([self.one(next(self.items)) for _ in image])

    def one(self, item: dict[str, Tensor]) -> Tensor:
        if "pairs" in item:
            rows_, columns = item["own"].tolist()
            z = torch.zeros(1, rows_, columns)
            y, x, *_, relation = item["pairs"][0].tolist()
            z[0, y, x] = relation
            return z
        depth = torch.where(item["depth"] > 0, item["depth"], 1)
        return depth.log() if self.log else depth


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "test", "best"),
    [
        ("diw", "diw", {"whdr": 0.0}),
        ("diw", "mc", {"si_rmse": 0.0, "si_mse": 0.0, "si_rmse_pairs": 0.0}),
        ("mobilenet_v2-x112", "mc", {"si_rmse": 0.0}),
        ("mobilenet_v2-x112", "nyu", {"rmse": 0.0, "delta1": 1.0}),
    ],
)
def test_the_truth_as_prediction_has_no_error(
    miniatures: Path, variant: str, test: str, best: dict[str, float]
) -> None:
    """One picture at a time, since those of DIW and of the clips have sizes of their own."""
    build, wanted = spec(variant, **SMALL).recipe.tests[test]
    data = build.make()
    found = measure(Truth(data, log=variant == "diw"), data, {"x": as_measure(wanted)}, batch_size=1)["x"]
    assert len(found.images) == (3 if test == "nyu" else 4) and not found.skipped
    for metric, value in best.items():
        assert found.metrics[metric] == pytest.approx([value] * len(found.images), abs=1e-3), metric


def as_measure(wanted: object) -> Measure:
    from depthlib.runs.score import _measure

    return _measure(wanted)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_whole_lesson_on_miniatures(miniatures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    monkeypatch.delenv("DEPTHLIB_TRAIN", raising=False)
    source, output = paths.notebooks_dir() / "03_mobile.ipynb", tmp_path / "paper" / "03_mobile.ipynb"
    overrides = {"steps": 1, "width": 1, "batch_size": 2}
    parameters = {"profile": "paper", "device": "cpu", "seeds": [0], "overrides": overrides}
    execute(source, output, parameters, threads=1)
    assert check_executed(output, source) == []
    lesson = read_notebook(output)
    assert not [cell.id for cell in lesson.cells if "scenes" in tags(cell)]
    settings = next(cell for cell in lesson.cells if cell.id == "settings").outputs[0].text
    assert "a miniature of the paper's own experiment (steps 1, width 1" in settings
    assert "12 of 421,000 images of diw train" in settings
    tables = tmp_path / "paper" / "tables" / "03_mobile"
    assert "*Miniature (profile paper): not a reproduction.*" in (tables / "table5.md").read_text()
    for table, method in (
        ("table1", "GhostNet"),
        ("table2", "MNet v2 + FBNet x112"),
        *(("table3", name) for name in ("NYUv2", "RedWeb", "MC", "MC → RedWeb → DIW")),
        ("table6", "Ours + MTAdam (DIW + KD)"),
        ("table7", "Ours-pruned v3 (DIW + KD)"),
    ):
        with (tables / f"{table}.csv").open(newline="") as file:
            found = [row for row in csv.DictReader(file) if row["method"] == method]
        assert found and {row["verdict"] for row in found} == {MINIATURE}, (table, method)


@pytest.mark.slow
@real
def test_a_training_step_and_an_evaluation_on_real_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of a Kinect, in the HDF5 format of the 48K images."""
    assert SAMPLES is not None
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path))
    nyu, frames = SAMPLES / "nyu-depth-v2/metric3d_demo", []
    for number in ("00000", "00050"):
        stored = np.array(Image.open(nyu / f"depth/sync_depth_{number}.png")).astype(np.float32)
        depth, image = torch.from_numpy(stored)[None] / 1000, read_image(nyu / f"rgb/rgb_{number}.jpg")
        frames.append({"image": image, "depth": depth, "name": f"basement-{number}"})
    for split in ("train", "val"):
        write_nyu48k(tmp_path / "nyu48k", frames, split)
    recipe = spec("mobilenet_v2-x112", steps=1, width=1, batch_size=2).recipe
    model, task = build_model(recipe, 0), build_task(recipe, {})
    loss = fit(model, task, recipe.train.make(), recipe.plan, seed=0, transform=transform(recipe)).values["loss"]
    assert len(loss) == 1 and 0 < loss[0] < 100
    tests = {"nyu": recipe.tests["nyu"]}
    identity = {"nyu": {"key": "", "weights": ""}}
    score(replace(recipe, tests=tests), tests, model, tmp_path, identity=identity, device="cpu")
    found = read_json(tmp_path / f"nyu{SCORE}")
    assert len(found["images"]) == 2 and all(0 < value < 20 for value in found["metrics"]["rmse"])
