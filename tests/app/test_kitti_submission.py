"""Predictions of the depth benchmark's test images by one command."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from small_models import small
from typer.testing import CliRunner

from depthlib.app import kitti_submission
from depthlib.app.cli import main
from depthlib.data.kitti import KittiDepth, read_submission
from depthlib.models.weights import save_weights
from depthlib.protocols.sliding_window import predict_windows
from depthlib.scenes.writers.frames import frames
from depthlib.scenes.writers.kitti_benchmarks import write_kitti_depth

SIZE = (36, 48)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path / "data"))
    root = tmp_path / "data/kitti-depth/depth_selection"
    write_kitti_depth(root, frames("streets", "test", 2, *SIZE), "test")
    path = tmp_path / "weights.safetensors"
    options = {"max_depth": 80.0, "width": 8}
    model = small("unet", max_depth=80.0)
    save_weights(model, path, model_name="unet", options=options, input_size=[32, 48], key="", spec={})
    return path


def test_files_and_archive_are_what_the_windows_give(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kitti_submission, "TEST_COUNT", 2)
    monkeypatch.setattr(kitti_submission.predict_into, "__defaults__", (SIZE,))
    out = tmp_path / "submission"
    command = ["kitti-submission", str(weights), "--out", str(out), "--window", "32", "32", "--device", "cpu"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0 and "2 depth maps" in result.output
    names = ["0000000000.png", "0000000001.png"]
    assert sorted(zipfile.ZipFile(tmp_path / "submission.zip").namelist()) == names
    image = KittiDepth(tmp_path / "data/kitti-depth", "test")[1]["image"]
    expected = predict_windows(small("unet", max_depth=80.0).eval(), image[None], window=(32, 32))[0]
    stored, known = read_submission(out / names[1], SIZE)
    assert known.all() and torch.allclose(stored, expected, atol=0.01 * 80)
    assert "found files in it" in CliRunner().invoke(main, command).output


def test_fewer_images_than_the_server_wants_are_refused(weights: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["kitti-submission", str(weights), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2 and "found 2 images, expected 500" in result.output
    assert not (tmp_path / "out").exists()


def test_a_network_that_fails_leaves_nothing(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle: the first file was written."""
    monkeypatch.setattr(kitti_submission, "TEST_COUNT", 2)
    before = sorted(tmp_path.rglob("*"))
    written = kitti_submission.write_submission

    def write(folder: Path, index: int, depth: torch.Tensor) -> None:
        if index:
            raise OSError("no space left on device")
        written(folder, index, depth)

    monkeypatch.setattr(kitti_submission, "write_submission", write)
    command = ["kitti-submission", str(weights), "--out", str(tmp_path / "out"), "--window", "32", "32"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2 and "no space left" in result.output and result.output.count("error:") == 1
    assert sorted(tmp_path.rglob("*")) == before
