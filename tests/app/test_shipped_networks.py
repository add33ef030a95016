"""Every file of weights in the repository works in every command that takes a network, or is refused with the
reason.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from depthlib.app import export_network, predict_files
from depthlib.base.paths import REPOSITORY
from depthlib.data.depth_png import depth_kind, write_depth_png
from depthlib.protocols import scoring

pytestmark = pytest.mark.slow

SHIPPED = sorted((REPOSITORY / "results").glob("*/runs/*/weights.safetensors"))
REFUSED = {"start-floor-ground": "image and K and ground"}  # no network from one photograph to depth: the reason given
UNITS = {"mobile": "relative", "dual": "unscaled"}


def described(weights: Path) -> dict:
    with safe_open(weights, framework="pt") as file:
        return json.loads(file.metadata()["depthlib"])


def reason(weights: Path) -> str | None:
    return next((why for run, why in REFUSED.items() if weights.parent.name.startswith(run)), None)


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photographs") / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(path)
    return path


def test_there_are_some() -> None:
    assert SHIPPED


@pytest.mark.parametrize("weights", SHIPPED, ids=[path.parent.name for path in SHIPPED])
def test_predict_and_evaluate(weights: Path, photograph: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    status = predict_files.run([photograph], tmp_path / "depth", weights, "cpu")
    said = capsys.readouterr()
    if why := reason(weights):
        assert status == 2 and why in said.err and said.err.count("\n") == 1 and not (tmp_path / "depth").exists()
        return
    assert status == 0, said.err
    kind = depth_kind(tmp_path / "depth/a_depth16.png")
    assert kind == UNITS.get(described(weights)["spec"]["paper"], "metre")
    assert {"metre": " m ->", "unscaled": "unknown unit", "relative": "without a unit"}[kind] in said.out

    truth = np.linspace(1, 4, 60 * 90).reshape(60, 90)
    write_depth_png(tmp_path / "truth/a.png", truth)
    fitting = {"metre": "scenes", "unscaled": "scenes+scaling=median", "relative": "scenes+scaling=least_squares"}
    for unit, protocol in fitting.items():
        status = scoring.run(
            tmp_path / "depth", tmp_path / "truth", protocol, tmp_path / "errors", pred_pattern="*_depth16.png"
        )
        said = capsys.readouterr()
        forgiven = list(fitting).index(unit) >= list(fitting).index(kind)
        assert status == (0 if forgiven else 2), said.err
        assert forgiven or (said.err.count("\n") == 1 and "+scaling=" in said.err)


def kinds() -> list[Path]:
    """One file of weights of each architecture, and those that are refused: exporting all takes minutes."""
    refused = [path for path in SHIPPED if reason(path)]
    return [*{described(path)["model"]: path for path in SHIPPED if path not in refused}.values(), *refused]


@pytest.mark.parametrize("weights", kinds(), ids=lambda path: path.parent.name)
def test_export(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    status = export_network.run(weights, tmp_path / "depth.onnx", "onnx", None)
    said = capsys.readouterr()
    if reason(weights):
        assert status == 1 and said.err.count("\n") == 1 and not list(tmp_path.iterdir())
        assert "image, K, ground" in said.err
        return
    assert status == 0, said.err
    words = {"relative": "relative depth", "unscaled": "up to a scale"}
    assert words.get(UNITS.get(described(weights)["spec"]["paper"]), "in metres") in said.out
