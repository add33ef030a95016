"""Known points of photographs, by the files that are written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from brightness import SIZE, Brightness, expected_depth

from depthlib.app import depth_picture
from depthlib.app import predict_files as files
from depthlib.app.depth_picture import at_pixels, strips
from depthlib.data.depth_png import depth_kind, read_depth_png
from depthlib.data.images import resize
from depthlib.models.weights import save_weights

DUAL = {"paper": "dual", "data": "streets"}  # depth up to a scale


def test_one_point_scales_and_two_fit_the_disparity(
    weights: Path, ramp: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    said = expected_depth(ramp)
    assert files.run([ramp], tmp_path / "one", weights, "cpu", known=["100,40=12"]) == 0
    np.testing.assert_allclose(read_depth_png(tmp_path / "one/ramp_depth16.png"), said * 12 / said[40, 100], atol=2e-3)
    assert "known 100,40=12: fitted 12.000 m, +0.000 m" in capsys.readouterr().out
    near, far = (10, 20), (11, 120)
    true = 1 / (1.5 / said + 0.1)
    points = [f"{x},{y}={true[y, x]:.9f}" for y, x in (near, far)]
    assert files.run([ramp], tmp_path / "two", weights, "cpu", known=points) == 0
    np.testing.assert_allclose(read_depth_png(tmp_path / "two/ramp_depth16.png"), true, atol=1e-3)
    text = capsys.readouterr().out
    assert (
        text.count("+0.000 m") + text.count("-0.000 m") == 2 and "depth in metres, fitted to the known points" in text
    )


def test_residuals_are_those_of_the_file(
    weights: Path, ramp: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    points = {(20, 10): 2.0, (60, 40): 4.0, (120, 81): 4.5}
    assert (
        files.run([ramp], tmp_path / "out", weights, "cpu", known=[f"{x},{y}={z}" for (x, y), z in points.items()]) == 0
    )
    found = [float(residual) for residual in re.findall(r"m, ([+-]\d+\.\d+) m", capsys.readouterr().out)]
    depth = read_depth_png(tmp_path / "out/ramp_depth16.png")
    np.testing.assert_allclose(found, [float(depth[y, x]) - z for (x, y), z in points.items()], atol=1.1e-3)
    assert np.abs(found).max() > 0.01


@pytest.mark.parametrize("kind", ["relative", "unscaled"])
def test_known_points_give_metres_to_networks_without(weights: Path, ramp: Path, tmp_path: Path, kind: str) -> None:
    spec, network = ({"paper": "mobile", "data": "diw"}, Brightness()) if kind == "relative" else (DUAL, Brightness())
    network.offset.data.fill_(-4.0 if kind == "relative" else 1.0)
    save_weights(network, weights, model_name="brightness", options={}, input_size=list(SIZE), spec=spec)
    said = expected_depth(ramp) - (5 if kind == "relative" else 0)
    true = 2 * said + 7 if kind == "relative" else 1 / (0.5 / said + 0.1)
    points = [f"{x},{y}={true[y, x]:.9f}" for y, x in ((10, 20), (81, 120))]
    assert files.run([ramp], tmp_path / "out", weights, "cpu", known=points, cloud=True) == 0
    path = tmp_path / "out/ramp_depth16.png"
    assert depth_kind(path) == "metre" and (tmp_path / "out/ramp_points.ply").exists()
    np.testing.assert_allclose(read_depth_png(path), true, atol=1e-3)


def test_depth_at_a_pixel_is_that_of_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a strip of one column, which the last may be, is a part of it as well."""
    depth = torch.rand(1, 12, 16, generator=torch.Generator().manual_seed(0))
    for size in ((50, 71), (9, 20), (12, 16)):
        whole = resize(depth[None], size)[0, 0].numpy()
        monkeypatch.setattr(depth_picture, "STRIP", (size[1] - 1) * size[0])
        np.testing.assert_allclose(np.concatenate([part for _, part in strips(depth, size)], axis=1), whole, atol=1e-6)
        pixels = [(0, 0), (size[1] - 1, size[0] - 1), (7, 5)]
        np.testing.assert_allclose(at_pixels(depth, size, pixels), [whole[y, x] for x, y in pixels], atol=1e-6)


@pytest.mark.parametrize(
    ("known", "status", "says"),
    [
        (["128,0=2"], 1, "known: found the pixel 128,0, expected x below 128 and y below 96"),
        (["0,96=2"], 1, "known: found the pixel 0,96"),
        (["3,4"], 2, "known: found '3,4', expected x,y=metres"),
        (["3,4=0"], 2, "expected metres above 0"),
        (["20,10=9", "120,10=2"], 1, "expected the same order"),
        (["20,10=1", "40,10=9"], 1, "pixels whose fitted depth is not positive, expected none"),
    ],
)
def test_points_that_cannot_be(
    weights: Path, ramp: Path, tmp_path: Path, capsys: pytest.CaptureFixture, known, status, says
) -> None:
    assert files.run([ramp], tmp_path / "out", weights, "cpu", known=known) == status
    error = capsys.readouterr().err
    assert says in error and not (tmp_path / "out").exists()
    if "pixels whose" in says:  # how many: those at which the line through both disparities is below 0
        said = expected_depth(ramp)
        scale, shift = np.polyfit([1 / said[10, 20], 1 / said[10, 40]], [1, 1 / 9], 1)
        assert f"found {(scale / said + shift <= 0).sum()} of {said.size} pixels" in error


def test_points_belong_to_one_image(weights: Path, ramp: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert files.run([ramp, tmp_path / "b.png"], tmp_path / "out", weights, "cpu", known=["1,1=2"]) == 2
    assert "known: found 2 images, expected one" in capsys.readouterr().err
