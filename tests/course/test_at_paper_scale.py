"""Profile "paper" before its first step: what is needed, what lacks, what it costs; and that nothing is begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from depthlib.base.build import Build
from depthlib.course import at_paper_scale, reproduce, step_cost
from depthlib.course.at_paper_scale import Need, declared, describe, lacking, miniature, needs, weights
from depthlib.course.lessons import COURSE
from depthlib.data.network_size import AtNetworkSize
from depthlib.data.real_sets import real
from depthlib.papers.anuw import rows
from depthlib.runs.spec import RunSpec

DECLARED = [lesson.paper for lesson in COURSE if declared(lesson.paper)]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine, and no weights from the network."""
    for name in ("DATA", "STORE", "OUT", "CACHE"):
        monkeypatch.setenv(f"DEPTHLIB_{name}", str(tmp_path / name.lower()))
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "data"


def write_frames(root: Path, count: int) -> None:
    """Pairs of Mobile AI's format, 16 x 16."""
    for folder, pixels in (("rgb", np.zeros((16, 16, 3), np.uint8)), ("depth", np.full((16, 16), 900, np.uint16))):
        (root / "train" / folder).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(pixels).save(root / "train" / folder / f"{number}.png")


@pytest.mark.parametrize("paper", DECLARED)
def test_every_set_of_a_declared_paper_has_a_known_number_of_images(paper: str) -> None:
    lesson = next(lesson for lesson in COURSE if lesson.paper == paper)
    found = needs(lesson.runs("paper"))
    assert found and all(need.expected > 0 and need.found == 0 and need.problem for need in found)


def test_sets_are_found_within_other_builds_and_in_runs_before() -> None:
    inner = Build.of(AtNetworkSize, dataset=Build.of(real, name="kitti", split="eigen/test"), multiple=16)
    nested = {"a": (Build.of(AtNetworkSize, dataset=inner, multiple=32), "eigen-raw"), "b": [None, 3]}
    assert [build.options["name"] for build in at_paper_scale._real_sets(nested)] == ["kitti"]
    assert [need.what for need in needs([RunSpec("anuw", "e", "mai", "paper")])] == [
        *("mai train", "mai verification", "kitti eigen/test", "diode val")
    ]


def test_what_is_missing_is_told_a_line_a_reason(place: Path) -> None:
    specs = rows.runs("paper")
    mai, kitti, diode = lacking([specs])
    assert mai.startswith("mai train, mai verification: ") and "Register for the challenge" in mai
    assert "`depthlib data link mai FOLDER`" in mai and "`depthlib data fetch lists`" not in mai
    assert "`depthlib data link kitti FOLDER`; `depthlib data fetch lists`" in kitti and "diode" in diode
    (place / "kitti").mkdir(parents=True)
    assert lacking([specs])[1].endswith("no such list; `depthlib data fetch lists`")
    write_frames(place / "mai", 3)
    assert "mai train: found 2 images in " in lacking([specs])[0]


@pytest.mark.slow
def test_weights_are_fetched_once_all_data_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    specs = rows.runs("paper")
    (need,) = weights(specs)
    assert need.problem.startswith("they are downloaded at the start, from https://")
    monkeypatch.setattr(at_paper_scale, "needs", lambda specs: [])

    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    (line,) = lacking([specs])
    assert "no network; expected it in " in line and "resnet50-0676ba61.pth" in line
    file = tmp_path / "hub/checkpoints/resnet50-0676ba61.pth"
    file.parent.mkdir(parents=True)
    file.touch()
    assert lacking([specs]) == [] and not weights(specs)[0].problem


def test_half_of_a_set_that_nobody_has_whole_will_do(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_frames(place / "mai", 3)
    paper = declared("anuw")
    monkeypatch.setattr(paper, "IMAGES", {**paper.IMAGES, ("mai", "train"): 4})  # type: ignore[union-attr]
    monkeypatch.setattr(paper, "ABOUT", {("mai", "train")}, raising=False)
    specs = [RunSpec("anuw", "e", "mai", "paper")]
    assert needs(specs)[0] == Need("mai train", 4, 2)
    monkeypatch.setattr(paper, "IMAGES", {**paper.IMAGES, ("mai", "train"): 5})  # type: ignore[union-attr]
    assert "found 2 images in " in needs(specs)[0].problem and "expected about 5" in needs(specs)[0].problem


def test_weights_of_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    found = at_paper_scale._weights("timm/mnasnet_100", fetch=False)
    assert found.what == "ImageNet weights of mnasnet_100" and "downloaded at the start, by timm" in found.problem

    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr("depthlib.models.from_timm.timm_model", offline)
    assert at_paper_scale._weights("timm/mnasnet_100", fetch=True).problem.endswith(": no network")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: "file")
    assert not at_paper_scale._weights("timm/mnasnet_100", fetch=True).problem


def test_a_miniature_is_named_as_such(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert miniature([RunSpec("anuw", "e", "streets", "quick", overrides={"steps": 3})]) == ""
    write_frames(place / "mai", 3)
    found = miniature([RunSpec("anuw", "e", "mai", "paper", overrides={"steps": 3})])
    assert found.startswith("steps 3, 2 of 7,208 images of mai train, 1 of 177 images of mai verification")
    monkeypatch.setattr(at_paper_scale, "needs", lambda specs: [Need("mai train", 7208, 7208)])
    assert miniature([RunSpec("anuw", "e", "mai", "paper")]) == ""


@pytest.mark.slow
def test_the_cost_of_what_is_left_to_train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    specs, timed = rows.runs("paper", seeds=[0, 1]), []

    def cost(spec: RunSpec, *_: Any) -> float | None:
        timed.append(spec.variant)
        return None if spec.variant == "c" else 0.1

    monkeypatch.setattr(step_cost, "step_cost", cost)
    monkeypatch.setattr(step_cost, "network_parameters", lambda spec: 500_000_000)
    due = {spec.name for spec in specs if spec.variant in ("a", "c", "d", "e", "floor-map")}
    console = Console(record=True, width=200)
    describe(specs, due, device="cpu", store=tmp_path / "none/yet", console=console)
    text = console.export_text()
    assert timed == ["a", "c", "d"]  # D and E are one network, a floor takes no step
    assert "mai train: 0 of 7,208 images are there" in text and "c: does not fit into its memory" in text
    assert "8 trainings, 5,766,400 steps, 5,766,400 images" in text
    assert (
        "d, e: 0.1 s a step, 80 hours" in text and "more than 120 hours of this cpu" in text
    )  # .1 x 720,800 x 6 / 3600
    assert "disk: 8.0 GB of weights, and up to 10.4 GB" in text and not (tmp_path / "none").exists()
    monkeypatch.setattr(at_paper_scale, "PATIENCE", -1.0)
    describe(specs, due, device="cpu", store=tmp_path, console=console)
    assert timed == ["a", "c", "d"] and "d, e: not timed" in console.export_text()
    describe(specs, set(), device="cpu", store=tmp_path, console=console)
    assert "nothing is left to train" in console.export_text()


def test_reproduce_refuses_before_anything_is_written(tmp_path: Path, place: Path) -> None:
    write_frames(place / "mai", 3)
    before = sorted(tmp_path.rglob("*"))
    console = Console(record=True, width=400)
    assert reproduce.reproduce(["anuw"], profile="paper", device="cpu", console=console) == 2
    text = console.export_text()
    assert text.count("missing ") == 4 and "found 2 images" in text
    assert reproduce.reproduce(["start"], profile="paper", device="cpu", console=console) == 2
    assert "nothing at profile paper yet" in console.export_text()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_a_dry_run_says_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_cost, "step_cost", lambda *_: 1.0)
    console = Console(record=True, width=400)
    assert reproduce.preview(["anuw"], profile="paper", device="cpu", console=console) == 0
    text = console.export_text()
    for words in ("to train", "kitti eigen/test: 0 of 697 images are there", "steps", "hours of this cpu", "disk: "):
        assert words in text
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
