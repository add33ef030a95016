"""ANUW at its own scale: the recipe, on miniatures of its data sets the scores and the whole lesson, and real files."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from samples import SAMPLES, real
from torch import Tensor, nn

from depthlib.base import paths
from depthlib.base.build import Build
from depthlib.course.notebooks import check_executed, execute
from depthlib.course.notebooks.cells import read_notebook, tags
from depthlib.data.network_size import AtNetworkSize
from depthlib.data.real_sets import real as open_real
from depthlib.metrics import measurable
from depthlib.papers.anuw import rows
from depthlib.papers.anuw.at_paper_scale import FRAME, IMAGES, sample
from depthlib.papers.anuw.whole_windows import WholeWindows
from depthlib.protocols.inference import measure
from depthlib.report.reproduction import MINIATURE, NOT_COMPUTABLE
from depthlib.runs.files import SCORE
from depthlib.runs.json_files import read_json
from depthlib.runs.score import score
from depthlib.runs.spec import RunSpec
from depthlib.runs.train import build_model, build_task
from depthlib.scenes.writers.miniature import write_miniature
from depthlib.training.fit import fit

SMALL = {"steps": 30, "width": 16, "batch_size": 8}


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("data")
    for name in ("mai", "kitti", "diode"):
        write_miniature(folder, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPTHLIB_DATA", str(folder))
        yield folder


def spec(variant: str, **overrides: int) -> RunSpec:
    return RunSpec("anuw", variant, "mai", "paper", overrides=overrides)


def test_the_settings_are_those_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = spec("e").recipe
    plan = recipe.plan
    assert (plan.steps, plan.batch_size, plan.lr, plan.power, plan.betas, plan.flip, plan.amp) == (
        *(720_800, 1, 1e-4, 1.5),
        *((0.9, 0.99), 0.0, False),
    )
    assert recipe.model_options == {
        **{"width": 32, "max_depth": 65.535},
        **{"awca": True, "psnl": True, "psnl_stride": 1},
    }
    assert spec("fcrn").recipe.model_options["pretrained"] and "pretrained" not in spec("unet").recipe.model_options
    assert "pretrained" not in spec("fcrn", width=4).recipe.model_options  # there are no such weights
    assert sum(IMAGES["mai", split] for split in ("train", "verification")) == 7385
    key = spec("e").key
    monkeypatch.setenv("DEPTHLIB_DATA", "/somewhere/else")
    assert spec("e").key == key
    trained = [one for one in rows.runs("paper", seeds=[0]) if one.recipe.plan.steps]
    assert {(one.variant, one.data) for one in trained} == {(v, "mai") for v in rows.VARIANTS if v != "d-true"}
    for variant, data in (("d", "streets"), ("d-true", "mai")):  # nobody knows the true labels of photographs
        with pytest.raises(ValueError, match=f"found {variant} on {data}, expected mai"):
            _ = RunSpec("anuw", variant, data, "paper").recipe


def test_a_sample_is_as_large_as_the_real_ones() -> None:
    item = sample(spec("e"), torch.Generator().manual_seed(0))
    assert item["image"].shape == (3, *FRAME) and 0.15 < (~item["valid"]).float().mean() < 0.25
    assert torch.equal(item["valid"], item["depth"] > 0)


class Frames(torch.utils.data.Dataset):
    """Depth 1 to 4 m; known in whole windows in all but the second frame, where every other column is."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, object]:
        depth = torch.full((1, 16, 16), 1.0 + index)
        depth[..., ::2] *= index != 1
        return {"image": depth.expand(3, -1, -1), "depth": depth, "name": str(index)}


class Grey(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image[:, :1].clamp(min=0.5)


def test_an_image_without_a_whole_window_is_skipped_by_name() -> None:
    found = measure(Grey(), Frames(), {"x": WholeWindows("anuw-diode", keep=3)})["x"]
    assert found.images == ["0", "2", "3"] and found.skipped == ["1"]
    assert found.means()["ssim"] == pytest.approx(1) and found.means()["abs_rel"] == 0
    pictures = found.tensors["prediction"][:, 0].amax((1, 2))
    assert pictures.tolist() == [1, 2, 3]  # those of the first images, whether they are scored or not


@pytest.mark.slow
def test_thirty_steps_halve_the_loss(miniatures: Path) -> None:
    """At 200 times the rate of the paper, which is made for 720,800 steps."""
    recipe = spec("e", **SMALL).recipe
    plan = replace(recipe.plan, lr=200 * recipe.plan.lr)
    loss = fit(build_model(recipe, 0), build_task(recipe, {}), recipe.train.make(), plan, seed=0).values["loss"]
    assert sum(loss[-3:]) / 3 < loss[0] / 2


class Truth(nn.Module):
    """Predicts what is true of the images of some data sets, in their order; 1 m where nothing is known."""

    def __init__(self, datasets: list[torch.utils.data.Dataset]) -> None:
        super().__init__()
        self.items = (item for data in datasets for item in (data[i] for i in range(len(data))))

    def forward(self, image: Tensor) -> Tensor:
        depth = torch.stack([next(self.items)["depth"] for _ in image])
        return torch.where(depth > 0, depth, 1)


@pytest.mark.slow
def test_the_truth_as_prediction_has_no_error(miniatures: Path, tmp_path: Path) -> None:
    recipe = spec("e", **SMALL).recipe
    data = {repr(build): build for build, _ in recipe.tests.values()}
    identity = {name: {"key": "", "weights": ""} for name in recipe.tests}
    network = Truth([build.make() for build in data.values()])
    score(recipe, recipe.tests, network, tmp_path, identity=identity, device="cpu")
    sizes = {len(read_json(tmp_path / f"{name}{SCORE}")["images"]) for name in ("kitti", "diode")}
    assert sizes == {8}
    kitti = recipe.tests["kitti"][0].make()
    assert {tuple(kitti[i]["depth"].shape[1:]) for i in range(8)} == {(38, 124), (37, 122)}
    assert {tuple(kitti[i]["image"].shape[1:]) for i in range(8)} == {(48, 128)}
    for name in recipe.tests:
        found = read_json(tmp_path / f"{name}{SCORE}")
        assert not found["skipped"] and ("ssim" in found["metrics"]) == (not name.startswith("kitti"))
        for metric, values in found["metrics"].items():
            best = 1.0 if metric in ("ssim", "delta1") else 0.0
            assert values == pytest.approx([best] * len(values), abs=1e-5), (name, metric)


@pytest.mark.slow
def test_the_whole_lesson_on_miniatures(miniatures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    monkeypatch.delenv("DEPTHLIB_TRAIN", raising=False)
    source, output = paths.notebooks_dir() / "01_anuw.ipynb", tmp_path / "paper" / "01_anuw.ipynb"
    overrides = {"steps": 4, "width": 4, "batch_size": 2}
    parameters = {"profile": "paper", "device": "cpu", "seeds": [0], "overrides": overrides}
    execute(source, output, parameters, threads=1)
    assert check_executed(output, source) == []
    lesson = read_notebook(output)
    assert not [cell.id for cell in lesson.cells if "scenes" in tags(cell)]
    settings = next(cell for cell in lesson.cells if cell.id == "settings").outputs[0].text
    assert "a miniature of the paper's own experiment (steps 4, width 4" in settings
    assert "80 of 7,208 images of mai train" in settings
    tables = tmp_path / "paper" / "tables" / "01_anuw"
    assert "*Miniature (profile paper): not a reproduction.*" in (tables / "table2.md").read_text()
    verdicts = {(row["data"], row["metric"]): row["verdict"] for row in cells(tables / "table2.csv", "ANUW")}
    assert verdicts.pop(("kitti", "ssim")) == NOT_COMPUTABLE and set(verdicts.values()) == {MINIATURE}
    assert all(float(row["ours"]) > 0 for row in cells(tables / "table1.csv", "E"))


def cells(table: Path, method: str) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["method"] == method]


@pytest.mark.slow
@real
def test_a_training_step_and_an_evaluation_on_real_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Kinect's frames, whose files hold depth as those of Mobile AI do, and a drive of KITTI's raw data."""
    assert SAMPLES is not None
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path))
    for folder in ("rgb", "depth"):
        (tmp_path / "mai/train" / folder).mkdir(parents=True)
    frames = SAMPLES / "nyu-depth-v2/metric3d_demo"
    for number, name in enumerate(("00000", "00050", "00050")):
        Image.open(frames / f"rgb/rgb_{name}.jpg").save(tmp_path / f"mai/train/rgb/{number}.png")
        (tmp_path / f"mai/train/depth/{number}.png").symlink_to(frames / f"depth/sync_depth_{name}.png")
    (tmp_path / "kitti/eigen").mkdir(parents=True)
    drive = "2011_09_26/2011_09_26_drive_0023_sync"
    (tmp_path / "kitti/2011_09_26").symlink_to(SAMPLES / "kitti/raw_drive_0023_packnet/2011_09_26")
    (tmp_path / "kitti/eigen/test.txt").write_text(f"{drive} 2 l\n{drive} 3 r\n")
    recipe = spec("b", steps=1, width=4).recipe  # without PSNL, which takes long on a CPU
    model = build_model(recipe, 0)
    loss = fit(model, build_task(recipe, {}), recipe.train.make(), recipe.plan, seed=0).values["loss"]
    assert len(loss) == 1 and 0 < loss[0] < 1
    scans = Build.of(open_real, name="kitti", split="eigen/test", depth="projected")
    tests = {"mai": recipe.tests["mai"], "kitti": (Build.of(AtNetworkSize, dataset=scans, multiple=16), "anuw-kitti")}
    identity = {name: {"key": "", "weights": ""} for name in tests}
    score(replace(recipe, tests=tests), tests, model, tmp_path, identity=identity, device="cpu")
    kitti = tests["kitti"][0].make()
    assert kitti[0]["image"].shape == (3, 384, 1248) and kitti[0]["depth"].shape == (1, 375, 1242)
    assert not any(measurable("ssim", kitti[i]["valid"][None]) for i in range(2))  # why SSIM is not among the metrics
    assert len(read_json(tmp_path / f"mai{SCORE}")["metrics"]["ssim"]) == 1
    assert all(0 < value < 10 for value in read_json(tmp_path / f"kitti{SCORE}")["metrics"]["abs_rel"])
