"""Known points and point clouds of photographs, by the files that are written."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from brightness import Brightness
from PIL import Image

from depthlib.app import depth_picture, photo_prediction
from depthlib.app import predict_files as files
from depthlib.app.depth_picture import at_pixels, strips
from depthlib.data.depth_png import depth_kind, read_depth_png
from depthlib.data.images import resize
from depthlib.models.weights import save_weights

SIZE = (96, 128)
DUAL = {"paper": "dual", "data": "streets"}  # depth up to a scale


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """Darker on the left, by exact steps: depth 1 + 8 x brightness at each pixel, as the network looks at this very
    size.
    """
    row = np.linspace(0, 255, SIZE[1]).round().astype(np.uint8)
    colours = np.broadcast_to(row[None, :, None], (*SIZE, 3)).copy()
    colours[..., 1] = 255 - colours[..., 1]  # the mean of the channels grows by a third as fast
    colours[::2, :, 2] //= 2
    Image.fromarray(colours).save(tmp_path / "ramp.png")
    return tmp_path / "ramp.png"


def expected_depth(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return 1 + 8 * np.asarray(picture).mean(axis=2) / 255


def read_ply(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Comments, points [N,3] and colours [N,3], by the format's description and nothing of the package."""
    data = path.read_bytes()
    end = data.index(b"end_header\n") + len(b"end_header\n")
    lines = data[:end].decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    assert [line.split()[1:] for line in lines if line.startswith("property")] == [
        *(["float", name] for name in "xyz"),
        *(["uchar", name] for name in ("red", "green", "blue")),
    ]
    rows = list(struct.iter_unpack("<fffBBB", data[end:]))
    assert f"element vertex {len(rows)}" in lines
    table = np.array(rows, np.float64).reshape(-1, 6)
    return [line[8:] for line in lines if line.startswith("comment")], table[:, :3], table[:, 3:]


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


@pytest.mark.parametrize("spec", [None, DUAL])
def test_the_cloud_projects_onto_the_photograph(weights: Path, ramp: Path, tmp_path: Path, spec: dict | None) -> None:
    """Through the camera of --focal every point falls on the middle of a pixel, with its depth and colour."""
    extra = {"spec": spec} if spec else {}
    save_weights(Brightness(), weights, model_name="brightness", options={}, input_size=list(SIZE), **extra)
    said = expected_depth(ramp)
    assert files.run([ramp], tmp_path / "out", weights, "cpu", focal=150, cloud=True) == 0
    comments, points, colours = read_ply(tmp_path / "out/ramp_points.ply")
    x, y, z = points.T
    u, v = 150 * x / z + 63.5, 150 * y / z + 47.5
    columns, rows = u.round().astype(int), v.round().astype(int)
    assert np.abs(u - columns).max() < 1e-3 and np.abs(v - rows).max() < 1e-3
    np.testing.assert_allclose(z, said[rows, columns], rtol=1e-5)
    with Image.open(ramp) as picture:
        np.testing.assert_array_equal(colours, np.asarray(picture)[rows, columns])
    assert len(set(zip(rows, columns, strict=True))) == len(points)
    assert any("fx 150" in line and "cx 63.5" in line for line in comments)


def test_a_step_has_no_curtain(weights: Path, tmp_path: Path) -> None:
    """Two planes, at 1 and 9 m, of a photograph four times as large as the network's image: no other depth is in the
    cloud.
    """
    colours = np.zeros((384, 512, 3), np.uint8)
    colours[:, 256:] = 255
    Image.fromarray(colours).save(tmp_path / "step.png")
    outcome = files.predict_files([tmp_path / "step.png"], tmp_path / "out", weights, "cpu", progress=False, cloud=True)
    depth = read_depth_png(outcome.done[0].depth16)
    assert ((depth > 1.01) & (depth < 8.99)).sum() > 384  # the map itself has some in between
    _, points, _ = read_ply(outcome.done[0].cloud[0])
    assert {1, 9} == set(points[:, 2].round(4)) and len(points) == outcome.done[0].cloud[1] > 0.9 * 384 * 512


def test_large_photographs_become_smaller_clouds(
    weights: Path, ramp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_prediction, "CLOUD_PIXELS", 1000)
    assert files.run([ramp], tmp_path / "out", weights, "cpu", focal=150, cloud=True) == 0
    comments, points, _ = read_ply(tmp_path / "out/ramp_points.ply")
    width, height = map(int, re.search(r"camera (\d+) x (\d+)", " ".join(comments)).groups())
    assert width * height <= 1000 and 0.9 < width / height / (128 / 96) < 1.1
    x, y, z = points.T
    for pixels in (150 * width / 128 * x / z + (width - 1) / 2, 150 * height / 96 * y / z + (height - 1) / 2):
        assert np.abs(pixels - pixels.round()).max() < 1e-3


def test_relative_depth_has_no_points(weights: Path, ramp: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    save_weights(
        Brightness(),
        weights,
        model_name="brightness",
        options={},
        input_size=list(SIZE),
        spec={"paper": "mobile", "data": "diw"},
    )
    assert files.run([ramp], tmp_path / "out", weights, "cpu", cloud=True) == 1
    assert "ply: found relative depth" in capsys.readouterr().err and not (tmp_path / "out").exists()
