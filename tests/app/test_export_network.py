"""`depthlib export` as a command, and its file used by somebody who has the file alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from depthlib.app.cli import main
from depthlib.base.paths import REPOSITORY
from depthlib.data.depth_png import read_depth_png
from depthlib.models import create_model
from depthlib.models.weights import save_weights

pytestmark = pytest.mark.slow
ROOMS = {"paper": "start", "variant": "unet", "data": "rooms", "profile": "quick", "seed": 0, "overrides": {}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small U-Net as of a run on rooms, two photographs, and the exported files."""
    folder = tmp_path_factory.mktemp("export")
    torch.manual_seed(0)
    model = create_model("unet", width=4, max_depth=10.0)
    with torch.no_grad():  # random weights see hardly anything
        [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)][-1].weight.mul_(30)
    save_weights(
        model,
        folder / "weights.safetensors",
        model_name="unet",
        options={"width": 4, "max_depth": 10.0},
        input_size=[48, 64],
        spec=ROOMS,
    )
    (folder / "photos").mkdir()
    smooth = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8))
    for name, size in (("a", (300, 200)), ("b", (120, 160))):
        smooth.resize(size, Image.Resampling.BICUBIC).save(folder / "photos" / f"{name}.png")
    command = ["export", str(folder / "weights.safetensors"), str(folder / "depth.onnx"), "--int8", "--images"]
    result = CliRunner().invoke(main, [*command, str(folder / "photos")])
    assert result.exit_code == 0, result.output
    (folder / "said.txt").write_text(result.output)
    return folder


def test_the_command_says_what_it_wrote(place: Path) -> None:
    said = (place / "said.txt").read_text()
    assert "[1,3,height,width] float32, RGB in [0,1], height and width multiples of 16" in said
    assert "depth in metres" in said and "checked against torch on four images of three sizes" in said
    assert "depth_int8.onnx: int8" in said and "calibrated on 1 images" in said
    assert "differs from float32 on 1 others by 0." in said
    notes = onnxruntime.InferenceSession(str(place / "depth_int8.onnx")).get_modelmeta().custom_metadata_map
    assert notes["unit"] == "metre" and notes["multiple"] == "16" and notes["precision"] == "int8"
    assert float(notes["training_focal"]) > 0.3


def test_generated_scenes_calibrate_by_default(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "fixed.onnx"
    command = ["export", str(place / "weights.safetensors"), str(out), "--int8", "--size", "32", "48"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "[1,3,32,48]" in result.output and "calibrated on 16 generated scenes" in result.output
    assert "on 8 others by" in result.output and "checked against torch on two images" in result.output


@pytest.mark.parametrize("photo", ["a", "b"])
def test_the_example_says_what_predict_says(place: Path, tmp_path: Path, photo: str) -> None:
    """Both look at the photograph at the same size; Pillow and torch resize alike up to rounding."""
    source = place / "photos" / f"{photo}.png"
    example = [sys.executable, REPOSITORY / "docs/onnxruntime_example.py", place / "depth.onnx", source]
    done = subprocess.run([*example, tmp_path / "ours.png"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and "depth in metres" in done.stdout, done.stderr
    command = ["predict", str(source), "--weights", str(place / "weights.safetensors"), "--out", str(tmp_path)]
    assert CliRunner().invoke(main, command).exit_code == 0
    expected = read_depth_png(tmp_path / f"{photo}_depth16.png").squeeze().numpy()
    found = np.asarray(Image.open(tmp_path / "ours.png")) / 1000
    assert found.shape == expected.shape and expected.std() > 0.05
    np.testing.assert_allclose(found, expected, rtol=2e-3)
